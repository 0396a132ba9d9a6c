// SPDX-License-Identifier: LGPL-2.1-or-later
// What NAL units begin in an RTP payload (RFC 6184): single units, STAP-A and
// FU-A. Nothing in it is trusted.
// Thread: any; no state.
#pragma once

#include "common/bytes.h"

namespace restream {

inline constexpr unsigned kH264Slice = 1;
inline constexpr unsigned kH264Idr = 5;
inline constexpr unsigned kH264Sps = 7;
inline constexpr unsigned kH264Pps = 8;
inline constexpr unsigned kH264StapA = 24;
inline constexpr unsigned kH264FuA = 28;

// Calls see (unit) for each unit that is in this payload from its header to its
// end, in order. A unit has one byte at least.
template <typename F>
void
for_each_whole_h264_unit (std::span<const std::uint8_t> payload, F see)
{
  if (payload.empty ())
    return;
  const unsigned type = payload[0] & 0x1f;
  if (type > 0 && type < kH264StapA)
    see (payload);
  if (type != kH264StapA)
    return;
  for (std::size_t at = 1; at + 3 <= payload.size ();) {
    const std::size_t length = be16 (payload, at);
    if (length == 0 || length > payload.size () - at - 2)
      return;
    see (payload.subspan (at + 2, length));
    at += 2 + length;
  }
}

// Calls see (type) for each unit that begins here, in order.
template <typename F>
void
for_each_h264_unit (std::span<const std::uint8_t> payload, F see)
{
  if (payload.size () >= 2 && (payload[0] & 0x1f) == kH264FuA) {
    if (payload[1] & 0x80)
      see (payload[1] & 0x1fu);
    return;
  }
  for_each_whole_h264_unit (payload,
      [&see] (std::span<const std::uint8_t> unit) { see (unit[0] & 0x1fu); });
}

} // namespace restream
