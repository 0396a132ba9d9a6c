// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/delay-trend.h"

#include <algorithm>
#include <cmath>

namespace restream::transport {

namespace {

constexpr double kSmoothing = 0.9;
constexpr double kGain = 4;
constexpr std::size_t kMostGroups = 60; // by which a slope is weighed
// How fast the threshold follows what is seen, per ms: slowly upwards, or a
// queue that lasts would soon look normal.
constexpr double kUp = 0.0087, kDown = 0.039;
constexpr double kLeast = 6, kMost = 600; // ms
constexpr double kOutlier = 15; // ms above the threshold: not learnt from
constexpr double kLongestStep = 100; // ms
constexpr double kOverFor = 10; // ms, before it is believed

} // namespace

void
DelayTrend::add (double sent_ms, double arrived_ms)
{
  at_ms_ += arrived_ms;
  delay_ms_ += arrived_ms - sent_ms;
  smoothed_ms_ = kSmoothing * smoothed_ms_ + (1 - kSmoothing) * delay_ms_;
  points_[count_ % kWindow] = {.at_ms = at_ms_, .delay_ms = smoothed_ms_};
  count_++;
  if (count_ < kWindow)
    return;
  const double weight = static_cast<double> (std::min (count_, kMostGroups));
  judge (slope () * weight * kGain, sent_ms, arrived_ms);
}

double
DelayTrend::slope () const
{
  double at = 0, delay = 0;
  for (const Point &p : points_) {
    at += p.at_ms;
    delay += p.delay_ms;
  }
  at /= kWindow;
  delay /= kWindow;
  double above = 0, below = 0;
  for (const Point &p : points_) {
    above += (p.at_ms - at) * (p.delay_ms - delay);
    below += (p.at_ms - at) * (p.at_ms - at);
  }
  return below > 0 ? above / below : 0;
}

void
DelayTrend::judge (double trend, double sent_ms, double arrived_ms)
{
  if (trend > threshold_ms_) {
    over_for_ms_ = over_for_ms_ < 0 ? sent_ms / 2 : over_for_ms_ + sent_ms;
    over_groups_++;
    if (over_for_ms_ > kOverFor && over_groups_ > 1 && trend >= last_trend_) {
      over_for_ms_ = 0;
      over_groups_ = 0;
      state_ = State::over;
    }
  } else {
    over_for_ms_ = -1;
    over_groups_ = 0;
    state_ = trend < -threshold_ms_ ? State::under : State::normal;
  }
  last_trend_ = trend;

  const double size = std::abs (trend);
  if (size <= threshold_ms_ + kOutlier) {
    const double step = std::clamp (arrived_ms, 0.0, kLongestStep);
    const double gain = size < threshold_ms_ ? kDown : kUp;
    threshold_ms_ = std::clamp (
        threshold_ms_ + gain * (size - threshold_ms_) * step, kLeast, kMost);
  }
}

} // namespace restream::transport
