// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace restream::transport {

// Which RTP time of a medium belongs to an instant, for its sender reports: what
// a player puts sound and picture together by.
//
// FFmpeg's own sender reports say it best. They tie RTP times to when its
// muxer began, for both media alike, whereas packets come late by what their
// encoder took, which differs. Until reports come, and when they have stopped
// or make no sense, the packets that came earliest have to do.
//
// A point of a report is taken as it is, not smoothed: it is good to FFmpeg's
// millisecond, players smooth for themselves, and what we would smooth away
// could only be the clock's real steps.
//
// All NTP times are of one clock of ours, the one the sender reports will bear;
// best one that is set once and never steps.
// Thread: its owner's; one per medium, small enough to be copied about.
class SenderClock
{
public:
  explicit SenderClock (std::uint32_t clock_rate) : clock_rate_ (clock_rate) {}

  // All RTP times are of the outgoing line. True if the line has jumped (by
  // more than 100 ms: a source that restarted, a clock that was set), so that
  // viewers should be told soon.
  bool add_packet (std::uint64_t now_ntp, std::uint32_t rtp_time);
  // What a sender report says, and when it came.
  bool add_report (std::uint64_t now_ntp, std::uint64_t ntp,
      std::uint32_t rtp_time);

  // Nothing until something came.
  std::optional<std::uint32_t> rtp_at (std::uint64_t ntp) const;
  // The other way round, for an RTP time of about now.
  std::optional<std::uint64_t> ntp_of (std::uint32_t rtp_time,
      std::uint64_t now_ntp) const;

  // Reports that were not believed.
  unsigned refused_reports () const { return refused_reports_; }

private:
  struct Point
  {
    std::uint64_t ntp = 0;
    std::uint32_t rtp_time = 0;
  };

  // The line that counts now; null before there is one.
  const Point *line (std::uint64_t now_ntp) const;
  std::uint32_t extrapolate (const Point &from, std::uint64_t ntp) const;
  // How much later than the line says; in RTP time, negative if earlier.
  std::int32_t lateness (const Point &line, std::uint64_t ntp,
      std::uint32_t rtp_time) const;
  std::int32_t ticks (double span_s) const;
  bool reports_hold (std::uint64_t now_ntp) const;
  // Makes it the line's point; whether that is a jump.
  bool move (Point &line, Point to);

  std::uint32_t clock_rate_;
  unsigned refused_reports_ = 0;

  // By packets: the earliest of the window before, or of this one if earlier.
  bool have_packets_ = false;
  Point by_packets_;
  std::uint64_t window_start_ = 0;
  std::int32_t window_late_ = 0;
  Point window_earliest_;

  bool have_reports_ = false;
  Point by_reports_;
  std::uint64_t last_report_ = 0;
};

} // namespace restream::transport
