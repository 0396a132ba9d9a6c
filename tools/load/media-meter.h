// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/sequence-log.h"
#include "plugin/transport/rtcp/rtcp-reader.h"

#include <cstdint>
#include <optional>
#include <span>

namespace restream::load {

struct MediaCounts
{
  std::uint64_t packets = 0; // without duplicates
  std::uint64_t bytes = 0; // of these, as they came
  std::uint64_t lost = 0; // gaps that were not filled up to now
  std::uint64_t reordered = 0;
  std::uint64_t duplicates = 0;

  MediaCounts &operator+= (const MediaCounts &other);
};
// What came between two looks. Late packets may have filled gaps from before.
MediaCounts operator- (const MediaCounts &now, const MediaCounts &before);

// One medium as it arrived at one viewer, read from the clear part of its RTP
// headers. Times are monotonic.
// Thread: its owner's.
class MediaMeter
{
public:
  explicit MediaMeter (std::uint32_t clock_rate) : clock_rate_ (clock_rate) {}

  // header: at least 12 bytes of RTP.
  void add (std::span<const std::uint8_t> header, std::size_t bytes,
      std::int64_t arrival_us);
  void add_sender_report (std::uint32_t ssrc, std::uint64_t ntp,
      std::int64_t arrival_us);

  bool begun () const { return counts_.packets != 0; }
  MediaCounts counts () const;
  std::uint64_t ssrc_changes () const { return ssrc_changes_; }
  std::int64_t last_us () const { return last_us_; }
  // RFC 3550, section 6.4.1.
  double jitter_ms () const { return jitter_us_ / 1000; }

  // For a receiver report; the fraction is that since the last call.
  transport::ReportBlock report (std::int64_t now_us);

  // From here on what lag_*() compare with.
  void begin_window ();
  // How much later than at the window's begin packets arrive, held against their
  // RTP times: a server that cannot keep up queues before it loses. Of each second
  // the packet that came soonest counts. Nothing until there is something to compare.
  std::optional<double> lag_growth_ms () const;
  // From the soonest to the latest packet in the window.
  std::optional<double> delay_spread_ms () const;

private:
  void follow_time (std::uint32_t timestamp, std::int64_t arrival_us);

  std::uint32_t clock_rate_;
  MediaCounts counts_; // lost: of earlier SSRCs
  std::uint64_t ssrc_changes_ = 0;
  std::uint32_t ssrc_ = 0;
  SequenceLog sequences_; // of this SSRC
  std::int64_t last_us_ = 0;

  // Transit: arrival less RTP time, so known but for a constant.
  bool have_time_ = false;
  std::uint32_t timestamp_ = 0;
  std::int64_t ticks_ = 0; // the timestamp, unwrapped
  double transit_us_ = 0;
  double jitter_us_ = 0;

  std::int64_t second_us_ = 0; // when this second began
  double soonest_us_ = 0; // of this second
  std::optional<double> last_soonest_us_; // of the one before
  bool window_ = false;
  std::optional<double> window_base_us_;
  std::optional<double> window_least_us_, window_most_us_;

  std::uint64_t reported_expected_ = 0, reported_received_ = 0;
  std::uint32_t sender_report_ = 0; // the middle of its NTP time
  std::int64_t sender_report_us_ = 0; // 0: none came
};

} // namespace restream::load
