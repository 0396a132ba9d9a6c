// SPDX-License-Identifier: LGPL-2.1-or-later
// Retransmission in a stream of its own (RFC 4588).
// Thread: any; no state.
#pragma once

#include "common/rtp-packet.h"

namespace restream::transport {

// Of the retransmission, not of the original packet.
struct RtxStamp
{
  std::uint32_t ssrc = 0;
  std::uint16_t sequence = 0;
  std::uint8_t payload_type = 0;
};

struct RtxHeader
{
  std::size_t bytes = 0; // written: header, extension, original sequence number
  std::span<const std::uint8_t> payload; // of the original: to follow them
};

// The start of the packet that repeats the original. Its header extension is
// the given block (a viewer has numbers of its own) or none; its padding is
// left out. Nothing if the original is no RTP, or out is too small.
[[nodiscard]] std::optional<RtxHeader> write_rtx_header (
    std::span<const std::uint8_t> original, const RtxStamp &stamp,
    std::span<const std::uint8_t> extension, std::span<std::uint8_t> out);

} // namespace restream::transport
