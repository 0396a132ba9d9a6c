// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/ntp.h"

#include <glib.h>

namespace restream::transport {

// The clock of our sender reports: wall-clock time as of the first call, and steady
// from then on, so that no viewer's synchronisation jumps when the wall clock is set.
// Thread: any.
inline std::uint64_t
ntp_at (gint64 monotonic_us)
{
  static const gint64 offset = g_get_real_time () - g_get_monotonic_time ();
  return ntp_from_unix (
      static_cast<std::uint64_t> (monotonic_us + offset) * 1000);
}

inline std::uint64_t
ntp_now ()
{
  return ntp_at (g_get_monotonic_time ());
}

} // namespace restream::transport
