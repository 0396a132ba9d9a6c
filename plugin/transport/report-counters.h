// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/rtcp-reader.h"
#include "plugin/transport/viewer.h"

namespace restream::transport {

// What a viewer reports of a medium, into its statistics. clock_rate: of the medium, Hz; 0 = not known.
inline void
note_report (MediaCounters &counters, const ReportBlock &report,
    std::uint32_t clock_rate)
{
  counters.lost.store (report.cumulative_lost, std::memory_order_relaxed);
  if (clock_rate)
    counters.jitter_us.store (std::uint64_t{report.jitter} * G_USEC_PER_SEC
            / clock_rate,
        std::memory_order_relaxed);
}

} // namespace restream::transport
