// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers in network order. The caller has checked the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace restream {

inline std::uint16_t
be16 (std::span<const std::uint8_t> b, std::size_t at)
{
  return static_cast<std::uint16_t> (b[at] << 8 | b[at + 1]);
}

inline std::uint32_t
be24 (std::span<const std::uint8_t> b, std::size_t at)
{
  return std::uint32_t{b[at]} << 16 | be16 (b, at + 1);
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

inline void
put_be16 (std::span<std::uint8_t> b, std::size_t at, std::uint16_t value)
{
  b[at] = static_cast<std::uint8_t> (value >> 8);
  b[at + 1] = static_cast<std::uint8_t> (value);
}

inline void
put_be32 (std::span<std::uint8_t> b, std::size_t at, std::uint32_t value)
{
  put_be16 (b, at, static_cast<std::uint16_t> (value >> 16));
  put_be16 (b, at + 2, static_cast<std::uint16_t> (value));
}

inline void
put_be64 (std::span<std::uint8_t> b, std::size_t at, std::uint64_t value)
{
  put_be32 (b, at, static_cast<std::uint32_t> (value >> 32));
  put_be32 (b, at + 4, static_cast<std::uint32_t> (value));
}

} // namespace restream
