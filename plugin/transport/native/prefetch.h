// SPDX-License-Identifier: LGPL-2.1-or-later
// A burst goes to hundreds of viewers in turn, and the state of none of them is in the cache by
// then: so that of the next ones is fetched while one is served.
#pragma once

#include <cstddef>

namespace restream::transport::native {

inline constexpr std::size_t kCacheLine = 64;

inline void
prefetch_bytes (const void *start, std::size_t bytes)
{
  const auto *at = static_cast<const char *> (start);
  for (std::size_t i = 0; i < bytes; i += kCacheLine)
    __builtin_prefetch (at + i);
}

} // namespace restream::transport::native
