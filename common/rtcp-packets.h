// SPDX-License-Identifier: LGPL-2.1-or-later
// The packets of an RTCP datagram, one after the other. Nothing in it is
// trusted.
// Thread: any.
#pragma once

#include "common/bytes.h"

#include <optional>

namespace restream {

enum class RtcpType : std::uint8_t
{
  sender_report = 200,
  receiver_report = 201,
  sdes = 202,
  bye = 203,
  application = 204,
  transport_feedback = 205, // RFC 4585
  payload_feedback = 206,
  extended_report = 207 // RFC 3611
};

inline constexpr std::size_t kRtcpHeader = 4;
inline constexpr std::size_t kRtcpSenderInfo = 24; // SSRC, NTP, RTP, counts
inline constexpr std::size_t kRtcpReportBlock = 24;
inline constexpr std::size_t kRtcpMaxCount = 31;

struct SenderReport
{
  std::uint64_t ntp = 0; // 32.32 fixed point, seconds since 1900
  std::uint32_t ssrc = 0;
  std::uint32_t rtp_time = 0; // the same instant on the stream's RTP clock
  std::uint32_t packets = 0;
  std::uint32_t octets = 0;
};

// A look into one packet; valid as long as the datagram's bytes.
struct RtcpPacket
{
  RtcpType type; // may be one without a name
  std::uint8_t count; // reports, sources or the feedback's format
  std::span<const std::uint8_t> body; // after the header, without padding
};

// Checks version, type, length and padding of each packet (RFC 3550 appendix
// A.2, with RFC 5506's leave to begin with any type); the bodies are unread.
class RtcpPackets
{
public:
  explicit RtcpPackets (std::span<const std::uint8_t> datagram)
      : rest_ (datagram)
  {
  }

  // Nothing at the end, and from the first malformed packet on.
  std::optional<RtcpPacket> next ()
  {
    if (rest_.empty ())
      return std::nullopt;
    if (rest_.size () < kRtcpHeader || rest_[0] >> 6 != 2 || rest_[1] < 192
        || rest_[1] > 223)
      return fail ();
    const bool has_padding = rest_[0] & 0x20;
    const std::size_t length = 4 * (std::size_t{be16 (rest_, 2)} + 1);
    if (length > rest_.size ())
      return fail ();
    RtcpPacket packet{
        .type = static_cast<RtcpType> (rest_[1]),
        .count = static_cast<std::uint8_t> (rest_[0] & 0x1f),
        .body = rest_.subspan (kRtcpHeader, length - kRtcpHeader),
    };
    rest_ = rest_.subspan (length);
    if (has_padding) {
      // Only the last one may be padded.
      const std::size_t padding =
          packet.body.empty () ? 0 : packet.body.back ();
      if (!rest_.empty () || padding == 0 || padding % 4 != 0
          || padding > packet.body.size ())
        return fail ();
      packet.body = packet.body.first (packet.body.size () - padding);
    }
    return packet;
  }

  bool malformed () const { return malformed_; }

private:
  std::nullopt_t fail ()
  {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }

  std::span<const std::uint8_t> rest_;
  bool malformed_ = false;
};

} // namespace restream
