// SPDX-License-Identifier: LGPL-2.1-or-later
// Packets and keys for the tests of srtp/. Random ones come from g_test_rand,
// so a run can be repeated with its --seed.
#pragma once

#include "plugin/transport/native/srtp/srtp-receiver.h"
#include "plugin/transport/native/srtp/srtp-sender.h"

#include <cstring>
#include <string_view>

namespace restream::transport::native {

using Bytes = std::vector<std::uint8_t>;

inline constexpr SrtpProfile kProfiles[] = {SrtpProfile::aes128_cm_sha1_80,
    SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm};

inline Bytes
from_hex (std::string_view hex)
{
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size (); i += 2)
    bytes.push_back (
        static_cast<std::uint8_t> (g_ascii_xdigit_value (hex[i]) << 4
            | g_ascii_xdigit_value (hex[i + 1])));
  return bytes;
}

inline Bytes
random_bytes (std::size_t bytes)
{
  Bytes random (bytes);
  for (auto &byte : random)
    byte = static_cast<std::uint8_t> (g_test_rand_int_range (0, 256));
  return random;
}

inline SrtpKeys
random_keys (SrtpProfile profile)
{
  const auto keys =
      SrtpKeys::from (profile, random_bytes (srtp_master_key_size (profile)),
          random_bytes (srtp_master_salt_size (profile)));
  g_assert_true (keys.has_value ());
  return *keys;
}

inline SrtpSender
sender_of (const SrtpKeys &keys, std::uint32_t first_rtcp_index = 0,
    SrtpEngine engine = SrtpEngine::fastest)
{
  auto sender = SrtpSender::create (keys, first_rtcp_index, engine);
  g_assert_true (sender.has_value ());
  return *std::move (sender);
}

inline SrtpReceiver
receiver_of (const SrtpKeys &keys, SrtpEngine engine = SrtpEngine::fastest)
{
  auto receiver = SrtpReceiver::create (keys, engine);
  g_assert_true (receiver.has_value ());
  return *std::move (receiver);
}

inline void
put32 (std::uint8_t *at, std::uint32_t value)
{
  for (unsigned i = 0; i < 4; i++)
    at[i] = static_cast<std::uint8_t> (value >> (24 - 8 * i));
}

inline SrtpCipher
cipher_of (SrtpProfile profile, const SrtpSessionKeys &keys, SrtpUse use,
    SrtpCipher::Direction direction, SrtpEngine engine = SrtpEngine::fastest)
{
  auto cipher = SrtpCipher::create (profile, keys, use, direction, engine);
  g_assert_true (cipher.has_value ());
  return *std::move (cipher);
}

struct RtpShape
{
  unsigned csrcs = 0;
  int extension_words = -1; // -1: none
};

inline Bytes
rtp_header (std::uint32_t ssrc, std::uint16_t sequence, RtpShape shape = {})
{
  Bytes header (12 + 4 * shape.csrcs, 0xc5);
  header[0] = static_cast<std::uint8_t> (
      0x80 | shape.csrcs | (shape.extension_words >= 0 ? 0x10 : 0));
  header[1] = 0xe0 | 6;
  header[2] = static_cast<std::uint8_t> (sequence >> 8);
  header[3] = static_cast<std::uint8_t> (sequence);
  put32 (&header[4], 0x01020304);
  put32 (&header[8], ssrc);
  if (shape.extension_words >= 0) {
    const Bytes extension = {0xbe, 0xde, 0,
        static_cast<std::uint8_t> (shape.extension_words)};
    header.insert (header.end (), extension.begin (), extension.end ());
    const Bytes words = random_bytes (4 * shape.extension_words);
    header.insert (header.end (), words.begin (), words.end ());
  }
  return header;
}

// A receiver report of `words` words behind the SSRC.
inline Bytes
rtcp_packet (std::uint32_t ssrc, std::size_t words)
{
  Bytes packet = random_bytes (8 + 4 * words);
  packet[0] = 0x81;
  packet[1] = 201;
  packet[2] = 0;
  packet[3] = static_cast<std::uint8_t> (1 + words);
  put32 (&packet[4], ssrc);
  return packet;
}

inline Bytes
protect_rtp (SrtpSender &sender, const Bytes &header, const Bytes &payload,
    std::uint32_t roc)
{
  Bytes out = header;
  out.resize (header.size () + payload.size () + kMaxRtpOverhead);
  out.resize (sender.protect_rtp (out.data (), header.size (), payload, roc));
  g_assert_cmpuint (out.size (), >, header.size ());
  return out;
}

inline Bytes
protect_rtcp (SrtpSender &sender, const Bytes &plain)
{
  Bytes out = plain;
  out.resize (plain.size () + kMaxRtcpOverhead);
  out.resize (sender.protect_rtcp (out.data (), plain.size ()));
  g_assert_cmpuint (out.size (), >, plain.size ());
  return out;
}

inline Bytes
joined (Bytes front, const Bytes &back)
{
  front.insert (front.end (), back.begin (), back.end ());
  return front;
}

inline void
assert_same (std::span<const std::uint8_t> a, std::span<const std::uint8_t> b)
{
  g_assert_cmpmem (a.data (), a.size (), b.data (), b.size ());
}

inline void
assert_verdict (SrtpVerdict got, SrtpVerdict expected)
{
  g_assert_cmpstr (name_of (got), ==, name_of (expected));
}

} // namespace restream::transport::native
