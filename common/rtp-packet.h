// SPDX-License-Identifier: LGPL-2.1-or-later
// RTP packets as they come from outside: nothing in them is trusted.
// Thread: any; no state.
#pragma once

#include "common/bytes.h"

#include <optional>

namespace restream {

inline constexpr std::size_t kRtpFixedHeader = 12;

// A checked look into a packet; valid as long as its bytes.
struct RtpPacket
{
  std::uint32_t ssrc = 0;
  std::uint32_t timestamp = 0;
  std::uint16_t sequence = 0;
  std::uint8_t payload_type = 0;
  bool marker = false;
  std::span<const std::uint8_t> payload; // without padding; may be empty
};

// Nothing unless version, CSRCs, extension and padding all fit the bytes.
[[nodiscard]] inline std::optional<RtpPacket>
parse_rtp (std::span<const std::uint8_t> b)
{
  if (b.size () < kRtpFixedHeader || b[0] >> 6 != 2)
    return std::nullopt;
  const bool has_padding = b[0] & 0x20;
  const bool has_extension = b[0] & 0x10;
  const std::size_t csrc_count = b[0] & 0x0f;

  std::size_t header = kRtpFixedHeader + 4 * csrc_count;
  if (b.size () < header)
    return std::nullopt;
  if (has_extension) {
    if (b.size () < header + 4)
      return std::nullopt;
    header += 4 + 4 * std::size_t{be16 (b, header + 2)};
    if (b.size () < header)
      return std::nullopt;
  }
  std::size_t payload = b.size () - header;
  if (has_padding) {
    const std::size_t padding = b.back ();
    if (padding == 0 || padding > payload)
      return std::nullopt;
    payload -= padding;
  }

  return RtpPacket{
      .ssrc = be32 (b, 8),
      .timestamp = be32 (b, 4),
      .sequence = be16 (b, 2),
      .payload_type = static_cast<std::uint8_t> (b[1] & 0x7f),
      .marker = (b[1] & 0x80) != 0,
      .payload = b.subspan (header, payload),
  };
}

// Whether RFC 5761 (section 4) takes a datagram for RTCP: packet types 192 to
// 223. Everything else is to be tried as RTP.
[[nodiscard]] inline bool
is_rtcp (std::span<const std::uint8_t> b)
{
  return b.size () >= 2 && b[1] >= 192 && b[1] <= 223;
}

} // namespace restream
