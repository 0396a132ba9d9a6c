// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes RTP and RTCP as the tests need it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace packets {

using Bytes = std::vector<std::uint8_t>;

inline void
put (Bytes &to, std::uint64_t value, int bytes)
{
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back (static_cast<std::uint8_t> (value >> shift));
}

inline void
append (Bytes &to, const Bytes &more)
{
  to.insert (to.end (), more.begin (), more.end ());
}

// The slice of a P frame, as far as anyone looks. (gcc 12 warns of a braced list
// in a default member initialiser.)
inline const Bytes kSlice{0x41, 1, 2, 3};

struct Rtp
{
  std::uint32_t ssrc = 0x11111111;
  unsigned payload_type = 96;
  std::uint16_t sequence = 1;
  std::uint32_t timestamp = 1000;
  bool marker = false;
  Bytes payload = kSlice;
};

inline Bytes
rtp (const Rtp &p)
{
  Bytes b{0x80,
      static_cast<std::uint8_t> ((p.marker ? 0x80 : 0) | p.payload_type)};
  put (b, p.sequence, 2);
  put (b, p.timestamp, 4);
  put (b, p.ssrc, 4);
  append (b, p.payload);
  return b;
}

inline Bytes
rtcp (unsigned type, unsigned count, const Bytes &body)
{
  Bytes b{static_cast<std::uint8_t> (0x80 | count),
      static_cast<std::uint8_t> (type)};
  put (b, body.size () / 4, 2);
  append (b, body);
  return b;
}

inline constexpr std::uint64_t kNtp = 0x0123456789abcdef;

inline Bytes
sender_report (std::uint32_t ssrc, std::uint32_t rtp_time = 4711)
{
  Bytes body;
  put (body, ssrc, 4);
  put (body, kNtp, 8);
  put (body, rtp_time, 4);
  put (body, 10, 4);
  put (body, 1000, 4);
  return rtcp (200, 0, body);
}

inline Bytes
sdes (std::uint32_t ssrc)
{
  Bytes body;
  put (body, ssrc, 4);
  append (body, {1, 3, 'a', 'b', 'c', 0, 0, 0}); // CNAME, end, alignment
  return rtcp (202, 1, body);
}

inline Bytes
bye (std::uint32_t ssrc)
{
  Bytes body;
  put (body, ssrc, 4);
  return rtcp (203, 1, body);
}

inline Bytes
join (std::initializer_list<Bytes> parts)
{
  Bytes all;
  for (const Bytes &part : parts)
    append (all, part);
  return all;
}

// x264's, 640×360 constrained baseline.
inline const Bytes kSps{0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5,
    0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf2,
    0x3c, 0x58, 0xba, 0x80};
inline const Bytes kPps{0x68, 0xce, 0x0f, 0xc8};
inline constexpr const char *kProfileLevelId = "42c01e";
inline constexpr const char *kSprop =
    "Z0LAHtoCgL/lwEQAAAMABAAAAwDyPFi6gA==,aM4PyA==";

inline Bytes
stap_a (std::initializer_list<Bytes> nals)
{
  Bytes b{0x78};
  for (const Bytes &nal : nals) {
    put (b, nal.size (), 2);
    append (b, nal);
  }
  return b;
}

} // namespace packets
