// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/bandwidth-estimate.h"

#include <algorithm>

namespace restream::transport {

namespace {

constexpr std::uint64_t kNsPerTick = 250'000;
constexpr double kTicksPerMs = 4;
constexpr double kNsInSecond = 1e9; // ns
// Bursts of so close a start are one group (the draft's burst_time).
constexpr std::uint32_t kGroupTicks = 5 * 4;
constexpr std::uint32_t kMostPerBurst = 0x4000;

constexpr std::uint32_t kWindowTicks = TransportFeedback::kTicksPerSecond / 2;
constexpr double kWindowWeight = 0.5;

constexpr double kBackOff = 0.85;
constexpr double kIncrease = 1.08; // per second
constexpr double kHeadroom = 1.5;
constexpr double kHeadroomBits = 10'000;

constexpr double kMuchLost = 0.1, kLittleLost = 0.02;
constexpr double kLossIncrease = 1.05;
// So often at most: each loss is told more than once before it can be mended.
constexpr std::uint64_t kLossStep = 200'000'000;

constexpr std::uint64_t kRembHolds = 10'000'000'000;

double
seconds_since (std::uint64_t then, std::uint64_t now)
{
  return now > then ? static_cast<double> (now - then) / kNsInSecond : 0;
}

} // namespace

void
BandwidthEstimate::on_sent (std::uint16_t first, std::uint16_t count,
    std::uint32_t bytes, std::uint64_t now_ns)
{
  if (count == 0)
    return;
  const auto sent = static_cast<std::uint32_t> (now_ns / kNsPerTick);
  if (burst_count_ > 0) {
    Burst &last = bursts_[newest_];
    const bool follows =
        static_cast<std::uint16_t> (last.first + last.count) == first;
    if (!follows) {
      burst_count_ = 0; // numbered anew: what was sent is not told apart
    } else if (sent - last.sent < kGroupTicks
        && last.count + std::uint32_t{count} <= kMostPerBurst) {
      last.count = static_cast<std::uint16_t> (last.count + count);
      last.bytes += bytes;
      return;
    }
  }
  newest_ = (newest_ + 1) % kBursts;
  bursts_[newest_] = {.first = first,
      .count = count,
      .bytes = bytes,
      .sent = sent};
  burst_count_ = std::min<std::uint32_t> (burst_count_ + 1, kBursts);
  // Numbers of 16 bits: what lies further back than half of them is another
  // packet by the same number.
  while (burst_count_ > 1) {
    const Burst &oldest = burst (burst_count_ - 1);
    if (static_cast<std::uint16_t> (first + count - oldest.first) < 0x8000)
      break;
    burst_count_--;
  }
}

const BandwidthEstimate::Burst *
BandwidthEstimate::find (std::uint16_t sequence)
{
  if (burst_count_ == 0)
    return nullptr;
  const auto holds = [&] (const Burst &b) {
    return static_cast<std::uint16_t> (sequence - b.first) < b.count;
  };
  // Mostly the one of the packet before; a few bytes may tell of thousands.
  if ((newest_ + kBursts - found_) % kBursts < burst_count_
      && holds (bursts_[found_]))
    return &bursts_[found_];
  // The bursts' numbers follow each other: the last one that begins before.
  const std::uint16_t oldest = burst (burst_count_ - 1).first;
  const auto offset = static_cast<std::uint16_t> (sequence - oldest);
  if (offset >= static_cast<std::uint16_t> (
          bursts_[newest_].first - oldest + bursts_[newest_].count))
    return nullptr;
  std::uint32_t newer = 0, older = burst_count_ - 1; // bursts back
  while (newer < older) {
    const std::uint32_t middle = (newer + older) / 2;
    if (static_cast<std::uint16_t> (burst (middle).first - oldest) <= offset)
      older = middle;
    else
      newer = middle + 1;
  }
  if (!holds (burst (newer)))
    return nullptr;
  found_ = (newest_ + kBursts - newer) % kBursts;
  return &bursts_[found_];
}

void
BandwidthEstimate::on_transport_packet (std::uint16_t sequence,
    std::optional<std::uint32_t> arrival)
{
  const Burst *burst = find (sequence);
  if (burst == nullptr)
    return;
  if (!arrival) {
    lost_++;
    return;
  }
  received_++;
  measure (*arrival, static_cast<double> (burst->bytes) / burst->count);
  if (group_open_ && burst->sent == group_sent_) {
    if (static_cast<std::int32_t> (*arrival - group_arrival_) > 0)
      group_arrival_ = *arrival;
    return;
  }
  if (group_open_) {
    if (static_cast<std::int32_t> (burst->sent - group_sent_) < 0)
      return; // one that came after those sent later
    close_group ();
  }
  group_open_ = true;
  group_sent_ = burst->sent;
  group_arrival_ = *arrival;
}

void
BandwidthEstimate::close_group ()
{
  if (group_before_) {
    const auto sent = static_cast<std::int32_t> (group_sent_ - before_sent_);
    const auto arrived =
        static_cast<std::int32_t> (group_arrival_ - before_arrival_);
    constexpr std::int32_t kPause = 3 * TransportFeedback::kTicksPerSecond;
    if (arrived < -kPause || arrived > kPause || sent > kPause)
      trend_.reset (); // a clock that was set, or a stream that paused
    else
      trend_.add (sent / kTicksPerMs, arrived / kTicksPerMs);
  }
  group_before_ = true;
  before_sent_ = group_sent_;
  before_arrival_ = group_arrival_;
}

void
BandwidthEstimate::measure (std::uint32_t arrival, double bytes)
{
  if (!window_open_) {
    window_open_ = true;
    window_start_ = arrival;
    window_bytes_ = 0; // of what came before the window's start: not counted
    return;
  }
  const auto passed = static_cast<std::int32_t> (arrival - window_start_);
  window_bytes_ += bytes;
  if (passed < static_cast<std::int32_t> (kWindowTicks)) {
    // Somewhat out of order is usual, a clock set back is not.
    if (passed < -static_cast<std::int32_t> (kWindowTicks))
      window_open_ = false;
    return;
  }
  const double rate =
      window_bytes_ * 8 * TransportFeedback::kTicksPerSecond / passed;
  received_rate_ = received_rate_ > 0
      ? received_rate_ + kWindowWeight * (rate - received_rate_)
      : rate;
  window_start_ = arrival;
  window_bytes_ = 0;
}

void
BandwidthEstimate::on_transport_feedback_end (std::uint64_t now_ns)
{
  follow_delay (now_ns);
  const std::uint32_t all = received_ + lost_;
  if (all > 0 && received_rate_ > 0)
    follow_loss (static_cast<double> (lost_) / all, received_rate_, now_ns);
  received_ = lost_ = 0;
}

void
BandwidthEstimate::follow_delay (std::uint64_t now_ns)
{
  if (received_rate_ <= 0)
    return;
  const double most = kHeadroom * received_rate_ + kHeadroomBits;
  if (delay_rate_ <= 0) {
    delay_rate_ = most;
    delay_changed_ns_ = now_ns;
    return;
  }
  switch (trend_.state ()) {
    case DelayTrend::State::over:
      delay_rate_ = std::min (delay_rate_, kBackOff * received_rate_);
      break;
    case DelayTrend::State::under:
      break; // the queue empties: wait
    case DelayTrend::State::normal: {
      // Linear within a step of at most a second.
      const double step =
          std::min (seconds_since (delay_changed_ns_, now_ns), 1.0);
      delay_rate_ *= 1 + (kIncrease - 1) * step;
      break;
    }
  }
  delay_rate_ = std::min (delay_rate_, most);
  delay_changed_ns_ = now_ns;
}

void
BandwidthEstimate::follow_loss (double lost, double arrived,
    std::uint64_t now_ns)
{
  const double most = kHeadroom * arrived + kHeadroomBits;
  if (loss_rate_ <= 0)
    loss_rate_ = most;
  else if (now_ns - loss_changed_ns_ < kLossStep)
    return;
  // The sending does not follow, so that the loss stays: it is not to be
  // counted again and again.
  if (lost > kMuchLost)
    loss_rate_ = std::max (loss_rate_, arrived) * (1 - 0.5 * lost);
  else if (lost < kLittleLost)
    loss_rate_ *= kLossIncrease;
  loss_rate_ = std::min (loss_rate_, most);
  loss_changed_ns_ = now_ns;
}

void
BandwidthEstimate::on_loss (std::uint8_t fraction_lost,
    std::uint64_t sent_bits_per_second, std::uint64_t now_ns)
{
  // Transport-wide feedback says the same sooner.
  if (received_rate_ > 0 || sent_bits_per_second == 0)
    return;
  const double lost = fraction_lost / 256.0;
  follow_loss (lost, (1 - lost) * static_cast<double> (sent_bits_per_second),
      now_ns);
}

void
BandwidthEstimate::on_remb (std::uint64_t bits_per_second, std::uint64_t now_ns)
{
  remb_ = static_cast<double> (bits_per_second);
  remb_ns_ = now_ns;
}

std::uint64_t
BandwidthEstimate::bits_per_second (std::uint64_t now_ns) const
{
  double least = 0;
  const auto lower = [&] (double rate) {
    if (rate > 0 && (least <= 0 || rate < least))
      least = rate;
  };
  lower (delay_rate_);
  lower (loss_rate_);
  if (now_ns - remb_ns_ < kRembHolds)
    lower (remb_);
  constexpr double kMost = 1e18;
  return static_cast<std::uint64_t> (std::min (least, kMost));
}

std::uint64_t
BandwidthEstimate::received_bits_per_second () const
{
  return static_cast<std::uint64_t> (received_rate_);
}

} // namespace restream::transport
