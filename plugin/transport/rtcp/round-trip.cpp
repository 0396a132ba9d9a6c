// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/round-trip.h"

#include "plugin/transport/rtcp/ntp.h"

namespace restream::transport {

namespace {

constexpr std::int32_t kUnitsPerSecond = 65536;
// More is no round trip but a report on a sender report of long ago, a clock
// that was set, or a lie.
constexpr std::int32_t kLongest = 10 * kUnitsPerSecond;
// On a short way the viewer's rounding, and a clock of its own, make the delay
// it names longer than the time that passed here.
constexpr std::int32_t kEarliest = -kUnitsPerSecond / 200;

} // namespace

bool
RoundTrip::add (std::uint64_t now_ntp, const ReportBlock &report)
{
  if (report.last_sr == 0)
    return false;
  const auto units = static_cast<std::int32_t> (
      compact_ntp (now_ntp) - report.last_sr - report.delay_since_last_sr);
  if (units < kEarliest || units > kLongest)
    return false;
  last_ns_ = units <= 0
      ? 0
      : static_cast<std::uint64_t> (units) * kNsPerSecond / kUnitsPerSecond;
  smoothed_ns_ =
      known_ ? smoothed_ns_ - smoothed_ns_ / 8 + last_ns_ / 8 : last_ns_;
  known_ = true;
  return true;
}

} // namespace restream::transport
