// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/viewer-rtcp.h"

#include "plugin/transport/red.h"
#include "plugin/transport/report-counters.h"

namespace restream::transport {

ViewerRtcp::ViewerRtcp (const ViewerConfig &config,
    std::array<MediaCounters *, kMediaCount> counters, LinkCounters &link)
    : counters_ (counters), link_ (link)
{
  for (Media media : kAllMedia) {
    if (const negotiation::MediaPlan *plan = config.plan.find (media))
      streams_[index_of (media)] = {.active = true,
          .rtx = plan->rtx_payload_type.has_value (),
          .ssrc = config.streams[index_of (media)].ssrc,
          .clock_rate = plan->codec.clock_rate};
  }
}

void
ViewerRtcp::read (std::span<const std::uint8_t> compound, std::uint64_t now_ntp,
    std::int64_t now_us)
{
  now_ntp_ = now_ntp;
  now_us_ = now_us;
  if (read_rtcp (compound, *this) != RtcpFault::none)
    link_.rejected.fetch_add (1, std::memory_order_relaxed);
}

// webrtcbin has one rtprtxsend for all media, and its count; browsers have RTX for the picture only.
void
ViewerRtcp::note_retransmitted (std::uint64_t packets)
{
  for (Media media : kAllMedia) {
    if (!streams_[index_of (media)].rtx)
      continue;
    counters_[index_of (media)]->retransmitted.store (packets,
        std::memory_order_relaxed);
    return;
  }
}

std::optional<Media>
ViewerRtcp::medium_of (std::uint32_t ssrc) const
{
  for (Media media : kAllMedia) {
    const Stream &stream = streams_[index_of (media)];
    if (stream.active && stream.ssrc == ssrc)
      return media;
  }
  return std::nullopt;
}

void
ViewerRtcp::on_report (const ReportBlock &report)
{
  const std::optional<Media> media = medium_of (report.ssrc);
  if (!media)
    return;
  note_report (*counters_[index_of (*media)], report,
      streams_[index_of (*media)].clock_rate);
  if (report.fraction_lost >= kRedundantFromLoss)
    redundant_until_us_[index_of (*media)].store (now_us_ + kRedundantUs,
        std::memory_order_relaxed);
  if (round_trip_.add (now_ntp_, report))
    link_.round_trip_us.store (round_trip_.smoothed_ns () / 1000,
        std::memory_order_relaxed);
}

void
ViewerRtcp::on_nack (std::uint32_t ssrc, std::uint16_t)
{
  if (medium_of (ssrc))
    link_.nacks.fetch_add (1, std::memory_order_relaxed);
}

void
ViewerRtcp::on_pli (std::uint32_t ssrc)
{
  const std::optional<Media> media = medium_of (ssrc);
  if (!media)
    return;
  link_.keyframe_requests.fetch_add (1, std::memory_order_relaxed);
  if (*media == Media::video)
    keyframe_asked_.store (true, std::memory_order_relaxed);
}

void
ViewerRtcp::on_fir (std::uint32_t ssrc, std::uint8_t)
{
  on_pli (ssrc);
}

void
ViewerRtcp::on_remb (std::uint64_t bits_per_second)
{
  if (!estimate_)
    estimate_ = std::make_unique<BandwidthEstimate> ();
  const auto now = static_cast<std::uint64_t> (now_us_) * 1000;
  estimate_->on_remb (bits_per_second, now);
  link_.estimate_bps.store (estimate_->bits_per_second (now),
      std::memory_order_relaxed);
}

} // namespace restream::transport
