// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/media-meter.h"

#include "common/bytes.h"
#include "plugin/transport/rtcp/ntp.h"

#include <algorithm>
#include <cmath>

namespace restream::load {

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
// An RTP time that jumps by more begins a new line.
constexpr std::int64_t kMaxTimeJumpS = 10;
constexpr std::int64_t kMaxCumulativeLost = 0x7fffff; // RFC 3550: 24 bits

} // namespace

MediaCounts &
MediaCounts::operator+= (const MediaCounts &other)
{
  packets += other.packets;
  bytes += other.bytes;
  lost += other.lost;
  reordered += other.reordered;
  duplicates += other.duplicates;
  return *this;
}

MediaCounts
operator- (const MediaCounts &now, const MediaCounts &before)
{
  return {
      .packets = now.packets - before.packets,
      .bytes = now.bytes - before.bytes,
      .lost = now.lost > before.lost ? now.lost - before.lost : 0,
      .reordered = now.reordered - before.reordered,
      .duplicates = now.duplicates - before.duplicates,
  };
}

void
MediaMeter::add (std::span<const std::uint8_t> header, std::size_t bytes,
    std::int64_t arrival_us)
{
  const std::uint32_t ssrc = be32 (header, 8);
  if (begun () && ssrc != ssrc_) {
    ssrc_changes_++;
    counts_.lost += sequences_.lost ();
    sequences_ = {};
    reported_expected_ = reported_received_ = 0;
    sender_report_us_ = 0;
    have_time_ = false;
  }
  ssrc_ = ssrc;
  bool next = false;
  switch (sequences_.add (be16 (header, 2))) {
    case SequenceLog::Verdict::first:
    case SequenceLog::Verdict::next:
      next = true;
      break;
    case SequenceLog::Verdict::late:
      counts_.reordered++;
      break;
    case SequenceLog::Verdict::repeated:
      counts_.duplicates++;
      return;
    case SequenceLog::Verdict::stale:
      counts_.reordered++;
      return;
  }
  counts_.packets++;
  counts_.bytes += bytes;
  last_us_ = arrival_us;
  if (next)
    follow_time (be32 (header, 4), arrival_us);
}

void
MediaMeter::follow_time (std::uint32_t timestamp, std::int64_t arrival_us)
{
  const auto step = static_cast<std::int32_t> (timestamp - timestamp_);
  timestamp_ = timestamp;
  if (!have_time_
      || std::abs (std::int64_t{step}) > kMaxTimeJumpS * clock_rate_) {
    have_time_ = true;
    ticks_ = 0;
    transit_us_ = soonest_us_ = static_cast<double> (arrival_us);
    second_us_ = arrival_us;
    last_soonest_us_.reset ();
    window_base_us_.reset ();
    window_least_us_.reset ();
    window_most_us_.reset ();
    return;
  }
  ticks_ += step;
  const double transit = static_cast<double> (arrival_us)
      - static_cast<double> (ticks_) * 1e6 / clock_rate_;
  jitter_us_ += (std::fabs (transit - transit_us_) - jitter_us_) / 16;
  transit_us_ = transit;

  if (arrival_us - second_us_ >= kSecondUs) {
    second_us_ = arrival_us;
    last_soonest_us_ = soonest_us_;
    if (window_ && !window_base_us_)
      window_base_us_ = soonest_us_;
    soonest_us_ = transit;
  }
  soonest_us_ = std::min (soonest_us_, transit);
  if (window_) {
    window_least_us_ = std::min (window_least_us_.value_or (transit), transit);
    window_most_us_ = std::max (window_most_us_.value_or (transit), transit);
  }
}

void
MediaMeter::add_sender_report (std::uint32_t ssrc, std::uint64_t ntp,
    std::int64_t arrival_us)
{
  if (!begun () || ssrc != ssrc_)
    return;
  sender_report_ = transport::compact_ntp (ntp);
  sender_report_us_ = arrival_us;
}

MediaCounts
MediaMeter::counts () const
{
  MediaCounts counts = counts_;
  counts.lost += sequences_.lost ();
  return counts;
}

transport::ReportBlock
MediaMeter::report (std::int64_t now_us)
{
  const std::uint64_t expected = sequences_.expected () - reported_expected_;
  const std::uint64_t received = sequences_.received () - reported_received_;
  reported_expected_ += expected;
  reported_received_ += received;
  const std::uint64_t missing = expected > received ? expected - received : 0;
  transport::ReportBlock block{
      .ssrc = ssrc_,
      .fraction_lost = static_cast<std::uint8_t> (expected
              ? std::min<std::uint64_t> (missing * 256 / expected, 255)
              : 0),
      .cumulative_lost = static_cast<std::int32_t> (std::min<std::int64_t> (
          static_cast<std::int64_t> (sequences_.lost ()), kMaxCumulativeLost)),
      .highest_sequence = sequences_.highest (),
      .jitter = static_cast<std::uint32_t> (jitter_us_ * clock_rate_ / 1e6),
  };
  if (sender_report_us_) {
    block.last_sr = sender_report_;
    block.delay_since_last_sr = static_cast<std::uint32_t> (
        std::max<std::int64_t> (now_us - sender_report_us_, 0) * 65536
        / kSecondUs);
  }
  return block;
}

void
MediaMeter::begin_window ()
{
  window_ = true;
  window_base_us_ = last_soonest_us_;
  window_least_us_.reset ();
  window_most_us_.reset ();
}

std::optional<double>
MediaMeter::lag_growth_ms () const
{
  if (!window_base_us_ || !last_soonest_us_)
    return std::nullopt;
  return (*last_soonest_us_ - *window_base_us_) / 1000;
}

std::optional<double>
MediaMeter::delay_spread_ms () const
{
  if (!window_least_us_)
    return std::nullopt;
  return (*window_most_us_ - *window_least_us_) / 1000;
}

} // namespace restream::load
