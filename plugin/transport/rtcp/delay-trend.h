// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>

namespace restream::transport {

// Whether packets take longer and longer on their way, so that a queue builds
// up: the slope of a line through the latest delays, against a threshold that
// adapts to how much they vary anyway (draft-ietf-rmcat-gcc-02, section 5; the
// slope by least squares, as browsers do it).
// Thread: its owner's.
class DelayTrend
{
public:
  enum class State
  {
    normal = 0,
    over,
    under
  };

  // Of a group of packets and the one before: the times between their
  // departures and between their arrivals.
  void add (double sent_ms, double arrived_ms);
  void reset () { *this = {}; }

  State state () const { return state_; }

private:
  struct Point
  {
    double at_ms = 0;
    double delay_ms = 0;
  };
  static constexpr std::size_t kWindow = 20;

  double slope () const;
  void judge (double trend, double sent_ms, double arrived_ms);

  std::array<Point, kWindow> points_;
  std::size_t count_ = 0; // of all groups
  double at_ms_ = 0; // by the viewer's clock, since the first group
  double delay_ms_ = 0; // more than the first group had
  double smoothed_ms_ = 0;
  double threshold_ms_ = 12.5;
  double last_trend_ = 0;
  double over_for_ms_ = -1;
  unsigned over_groups_ = 0;
  State state_ = State::normal;
};

} // namespace restream::transport
