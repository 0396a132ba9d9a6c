// SPDX-License-Identifier: LGPL-2.1-or-later
// From the kernel's CSPRNG (RFC 3550 8.1 and RFC 8827 ask for unpredictable values).
#pragma once

#include <glib.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

namespace restream {

namespace detail {
inline void
fill_random (void *data, std::size_t size)
{
  // Up to 256 bytes getrandom() never returns short; it fails on a kernel without it only.
  while (getrandom (data, size, 0) != static_cast<ssize_t> (size)) {
    if (errno != EINTR)
      g_error ("the kernel gives no random bytes: %s", g_strerror (errno));
  }
}
} // namespace detail

inline std::uint32_t
random_u32 ()
{
  std::uint32_t n = 0;
  detail::fill_random (&n, sizeof n);
  return n;
}

// bytes of randomness (32 at most), as hexadecimal digits.
inline std::string
random_token (std::size_t bytes)
{
  std::uint8_t data[32];
  bytes = std::min (bytes, sizeof data);
  detail::fill_random (data, bytes);
  std::string token;
  for (std::size_t i = 0; i < bytes; i++) {
    token += "0123456789abcdef"[data[i] >> 4];
    token += "0123456789abcdef"[data[i] & 15];
  }
  return token;
}

} // namespace restream
