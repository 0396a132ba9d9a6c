// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/bandwidth-estimate.h"
#include "plugin/transport/rtcp/round-trip.h"
#include "plugin/transport/viewer.h"

#include <memory>
#include <span>

namespace restream::transport {

// What the RTCP of a viewer on webrtcbin says, for its statistics and for its feeds. webrtcbin answers it by itself
// (retransmissions); this reads along.
// Thread: the one that the viewer's RTCP comes on, but for what says otherwise.
class ViewerRtcp final : private RtcpHandler
{
public:
  // counters and link outlive it.
  ViewerRtcp (const ViewerConfig &config,
      std::array<MediaCounters *, kMediaCount> counters, LinkCounters &link);

  // A compound, decrypted. now_ntp: by the clock that webrtcbin's sender reports bear.
  void read (std::span<const std::uint8_t> compound, std::uint64_t now_ntp,
      std::int64_t now_us);
  // So many packets have been sent again so far.
  void note_retransmitted (std::uint64_t packets);

  // Any thread. Has the viewer lost its picture (PLI, FIR) since it was asked last?
  bool take_keyframe_request ()
  {
    return keyframe_asked_.load (std::memory_order_relaxed)
        && keyframe_asked_.exchange (false, std::memory_order_relaxed);
  }

  // Any thread. Has it reported so much loss of late that audio should be sent twice?
  bool is_losing (Media media, std::int64_t now_us) const
  {
    return now_us < redundant_until_us_[index_of (media)].load (
               std::memory_order_relaxed);
  }

private:
  struct Stream
  {
    bool active = false;
    bool rtx = false;
    std::uint32_t ssrc = 0;
    std::uint32_t clock_rate = 0;
  };
  std::optional<Media> medium_of (std::uint32_t ssrc) const;

  void on_report (const ReportBlock &report) override;
  void on_nack (std::uint32_t ssrc, std::uint16_t sequence) override;
  void on_pli (std::uint32_t ssrc) override;
  void on_fir (std::uint32_t ssrc, std::uint8_t number) override;
  void on_remb (std::uint64_t bits_per_second) override;

  std::array<Stream, kMediaCount> streams_;
  const std::array<MediaCounters *, kMediaCount> counters_;
  LinkCounters &link_;
  RoundTrip round_trip_;
  std::unique_ptr<BandwidthEstimate> estimate_; // once the viewer claims one
  std::uint64_t now_ntp_ = 0; // of the compound that is read
  std::int64_t now_us_ = 0;
  std::atomic<bool> keyframe_asked_{false};
  std::array<std::atomic<std::int64_t>, kMediaCount> redundant_until_us_{};
};

} // namespace restream::transport
