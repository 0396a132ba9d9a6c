// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/sender-clock.h"

#include "plugin/transport/rtcp/ntp.h"

#include <limits>

namespace restream::transport {

namespace {

constexpr double kJump = 0.1; // s
// FFmpeg sends one about every five seconds.
constexpr std::int64_t kReportsHold = 30 * kNtpSecond;
// Between loopback and the scheduler nothing takes longer. Beyond, the clock the
// report was written by is not ours any more.
constexpr std::int64_t kSameClock = kNtpSecond / 4;
// An encoder may hold pictures back for seconds, and a report may count from the start of a
// process that took seconds to open its input. What is further from the packets belongs to another line.
constexpr double kNearPackets = 30; // s
constexpr std::int64_t kWindow = 2 * kNtpSecond;
// Such a delay is no jitter: the window's end is not waited for.
constexpr double kLate = 5; // s

std::int64_t
since (std::uint64_t earlier, std::uint64_t later)
{
  return static_cast<std::int64_t> (later - earlier);
}

} // namespace

std::uint32_t
SenderClock::extrapolate (const Point &from, std::uint64_t ntp) const
{
  // Seconds and their fraction apart: the product stays within 64 bits.
  const std::int64_t passed = since (from.ntp, ntp);
  const std::int64_t rate = clock_rate_;
  const std::int64_t seconds = passed >> 32;
  const std::uint64_t fraction = passed & 0xffffffff;
  const std::uint64_t part = (fraction * clock_rate_ + (kNtpSecond / 2)) >> 32;
  return from.rtp_time
      + static_cast<std::uint32_t> (
          static_cast<std::uint64_t> (seconds * rate) + part);
}

std::int32_t
SenderClock::lateness (const Point &line, std::uint64_t ntp,
    std::uint32_t rtp_time) const
{
  return static_cast<std::int32_t> (extrapolate (line, ntp) - rtp_time);
}

std::int32_t
SenderClock::ticks (double span_s) const
{
  const double ticks = span_s * clock_rate_;
  constexpr double kMost = std::numeric_limits<std::int32_t>::max ();
  return static_cast<std::int32_t> (ticks < kMost ? ticks : kMost);
}

bool
SenderClock::reports_hold (std::uint64_t now_ntp) const
{
  return have_reports_ && since (last_report_, now_ntp) <= kReportsHold;
}

bool
SenderClock::move (Point &line, Point to)
{
  const std::int32_t late = lateness (line, to.ntp, to.rtp_time);
  line = to;
  return late > ticks (kJump) || late < -ticks (kJump);
}

bool
SenderClock::add_packet (std::uint64_t now_ntp, std::uint32_t rtp_time)
{
  const Point point{.ntp = now_ntp, .rtp_time = rtp_time};
  if (!have_packets_) {
    have_packets_ = true;
    by_packets_ = window_earliest_ = point;
    window_start_ = now_ntp;
    window_late_ = 0;
    return false;
  }

  bool jumped = false;
  const std::int32_t late = lateness (by_packets_, now_ntp, rtp_time);
  const std::int64_t window = since (window_start_, now_ntp);
  if (late < 0 || late > ticks (kLate)) {
    jumped = move (by_packets_, point);
    window_start_ = now_ntp;
    window_earliest_ = point;
    window_late_ = 0;
  } else if (window < 0 || window > kWindow) {
    // Follows a clock that runs slower, and forgets what once came early.
    jumped = move (by_packets_, window_earliest_);
    window_start_ = now_ntp;
    window_earliest_ = point;
    window_late_ = lateness (by_packets_, now_ntp, rtp_time);
  } else if (late < window_late_) {
    window_late_ = late;
    window_earliest_ = point;
  }

  if (reports_hold (now_ntp)) {
    // A line that left the report's behind: reports of the new one are to come.
    const std::int32_t apart = lateness (by_reports_, now_ntp, rtp_time);
    if (apart > ticks (kNearPackets) || apart < -ticks (kNearPackets)) {
      have_reports_ = false;
      return true;
    }
    return false;
  }
  return jumped;
}

bool
SenderClock::add_report (std::uint64_t now_ntp, std::uint64_t ntp,
    std::uint32_t rtp_time)
{
  Point point{.ntp = ntp, .rtp_time = rtp_time};
  const std::int64_t apart = since (ntp, now_ntp);
  if (apart > kSameClock || apart < -kSameClock)
    point.ntp = now_ntp; // it left just now, whatever its clock says
  if (have_packets_) {
    const std::int32_t late = lateness (by_packets_, point.ntp, point.rtp_time);
    if (late > ticks (kNearPackets) || late < -ticks (kNearPackets)) {
      refused_reports_++;
      return false;
    }
  }
  const bool held = reports_hold (now_ntp);
  Point line = held ? by_reports_ : by_packets_;
  const bool jumped = (held || have_packets_) && move (line, point);
  by_reports_ = point;
  have_reports_ = true;
  last_report_ = now_ntp;
  return jumped;
}

const SenderClock::Point *
SenderClock::line (std::uint64_t now_ntp) const
{
  if (reports_hold (now_ntp))
    return &by_reports_;
  if (have_packets_)
    return &by_packets_;
  return have_reports_ ? &by_reports_ : nullptr;
}

std::optional<std::uint32_t>
SenderClock::rtp_at (std::uint64_t ntp) const
{
  const Point *from = line (ntp);
  if (!from)
    return std::nullopt;
  return extrapolate (*from, ntp);
}

std::optional<std::uint64_t>
SenderClock::ntp_of (std::uint32_t rtp_time, std::uint64_t now_ntp) const
{
  const Point *from = line (now_ntp);
  if (!from)
    return std::nullopt;
  const std::int64_t rate = clock_rate_;
  const std::int64_t ticks =
      static_cast<std::int32_t> (rtp_time - from->rtp_time);
  // Seconds and their rest apart: the product stays within 64 bits.
  constexpr auto second = static_cast<std::int64_t> (kNtpSecond);
  return from->ntp
      + static_cast<std::uint64_t> (
          ticks / rate * second + ticks % rate * second / rate);
}

} // namespace restream::transport
