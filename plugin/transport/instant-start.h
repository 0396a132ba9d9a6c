// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace restream::transport {

// How viewers who come in the middle of a group of pictures begin.
struct InstantStart
{
  // What is kept for them. A longer group is not: they wait for the next keyframe.
  unsigned max_bytes = 16 * 1024 * 1024; // 0 = nothing is kept
  GstClockTime max_time = 12 * GST_SECOND;
  // At what rate they get it, bits per second, or at one and a half times the
  // stream's own where that is more.
  unsigned bit_rate = 30'000'000;
};

} // namespace restream::transport
