// SPDX-License-Identifier: LGPL-2.1-or-later
// Audio with the packet before in it once more (RFC 2198): who has lost that one has its sound
// all the same, without having to ask.
// Thread: any; no state.
#pragma once

#include "common/bytes.h"

#include <cstdint>
#include <span>

namespace restream::transport {

// A payload that says what it is: a block of RFC 2198.
struct RedBlock
{
  std::uint8_t payload_type = 0;
  std::uint32_t timestamp = 0;
  std::span<const std::uint8_t> payload;
};

// What the headers of two blocks take.
inline constexpr std::size_t kRedHeaderBytes = 5;
// Bounds of the fields in the header of the older block.
inline constexpr std::size_t kMaxRedBytes = (1 << 10) - 1;
inline constexpr std::uint32_t kMaxRedTicks = (1 << 14) - 1;

// A viewer that reports so much of 256 lost gets its audio twice, for so long.
inline constexpr std::uint8_t kRedundantFromLoss = 3;
inline constexpr std::int64_t kRedundantUs = 30'000'000;

// Writes the payload of a packet: both blocks. Returns its bytes; 0: before is empty, too large, or not before
// now by what the header can tell, or out is too small.
[[nodiscard]] std::size_t write_red (const RedBlock &before,
    const RedBlock &now, std::span<std::uint8_t> out);

} // namespace restream::transport
