// SPDX-License-Identifier: LGPL-2.1-or-later
// RTP packets as they come from the network: nothing in them is trusted.
// Thread: any; no state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace restream::src {

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
[[nodiscard]] std::optional<RtpPacket> parse_rtp (
    std::span<const std::uint8_t> bytes);

// Whether RFC 5761 (section 4) takes a datagram for RTCP: packet types 192 to
// 223. Everything else is to be tried as RTP.
[[nodiscard]] bool is_rtcp (std::span<const std::uint8_t> bytes);

} // namespace restream::src
