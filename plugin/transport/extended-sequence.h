// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace restream::transport {

// A packet's sequence number that does not wrap, by the highest one so far.
inline std::uint64_t
extend_sequence (std::uint16_t sequence,
    const std::optional<std::uint64_t> &highest)
{
  // The first one in the second turn, so that what was reordered around it has a place.
  if (!highest)
    return 0x10000u + sequence;
  auto step = static_cast<std::int16_t> (
      sequence - static_cast<std::uint16_t> (*highest));
  return *highest
      + static_cast<std::uint64_t> (static_cast<std::int64_t> (step));
}

} // namespace restream::transport
