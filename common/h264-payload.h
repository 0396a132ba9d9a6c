// SPDX-License-Identifier: LGPL-2.1-or-later
// What kinds of NAL units begin in an RTP payload (RFC 6184): single units,
// STAP-A and FU-A. Nothing in it is trusted.
// Thread: any; no state.
#pragma once

#include "common/bytes.h"

namespace restream {

inline constexpr unsigned kH264Slice = 1;
inline constexpr unsigned kH264Idr = 5;
inline constexpr unsigned kH264Sps = 7;

// Calls see (type) for each unit that begins here, in order.
template <typename F>
void
for_each_h264_unit (std::span<const std::uint8_t> payload, F see)
{
  constexpr unsigned kStapA = 24, kFuA = 28;
  if (payload.size () < 2)
    return;
  const unsigned type = payload[0] & 0x1f;
  if (type == kStapA) {
    for (std::size_t at = 1; at + 3 <= payload.size ();) {
      const std::size_t length = be16 (payload, at);
      if (length == 0 || length > payload.size () - at - 2)
        return;
      see (payload[at + 2] & 0x1fu);
      at += 2 + length;
    }
  } else if (type == kFuA) {
    if (payload[1] & 0x80)
      see (payload[1] & 0x1fu);
  } else {
    see (type);
  }
}

} // namespace restream
