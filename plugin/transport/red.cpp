// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/red.h"

#include <algorithm>

namespace restream::transport {

std::size_t
write_red (const RedBlock &before, const RedBlock &now,
    std::span<std::uint8_t> out)
{
  const std::uint32_t offset = now.timestamp - before.timestamp;
  const std::size_t size = before.payload.size ();
  const std::size_t bytes = kRedHeaderBytes + size + now.payload.size ();
  if (offset == 0 || offset > kMaxRedTicks || size == 0 || size > kMaxRedBytes
      || bytes > out.size ())
    return 0;
  // F = 1, block PT, 14 bits of timestamp offset, 10 bits of length; then F = 0, block PT.
  put_be32 (out, 0,
      0x80000000u | std::uint32_t{before.payload_type} << 24 | offset << 10
          | static_cast<std::uint32_t> (size));
  out[4] = now.payload_type & 0x7f;
  const auto end =
      std::ranges::copy (before.payload, &out[kRedHeaderBytes]).out;
  std::ranges::copy (now.payload, end);
  return bytes;
}

} // namespace restream::transport
