// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers in network order. The caller has checked the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace restream::src {

inline std::uint16_t
be16 (std::span<const std::uint8_t> b, std::size_t at)
{
  return static_cast<std::uint16_t> (b[at] << 8 | b[at + 1]);
}

inline std::uint32_t
be32 (std::span<const std::uint8_t> b, std::size_t at)
{
  return std::uint32_t{be16 (b, at)} << 16 | be16 (b, at + 2);
}

inline std::uint64_t
be64 (std::span<const std::uint8_t> b, std::size_t at)
{
  return std::uint64_t{be32 (b, at)} << 32 | be32 (b, at + 4);
}

} // namespace restream::src
