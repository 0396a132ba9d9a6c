// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/delay-trend.h"
#include "plugin/transport/rtcp/rtcp-reader.h"

namespace restream::transport {

// What a viewer's line seems to carry, for the statistics: nothing is steered by
// it. From transport-wide feedback where there is one (the delay's trend and
// the loss, after draft-ietf-rmcat-gcc-02), else from the loss in receiver
// reports; never above what the viewer itself claims by REMB. As nobody probes,
// an unhurried line is known to carry half as much again as it does.
// Thread: its owner's; one per viewer.
class BandwidthEstimate
{
public:
  // Packets that left together, numbered from first on over all media. In the
  // order of sending; counts of up to 65535.
  void on_sent (std::uint16_t first, std::uint16_t count, std::uint32_t bytes,
      std::uint64_t now_ns);

  // As RtcpHandler has it.
  void on_transport_packet (std::uint16_t sequence,
      std::optional<std::uint32_t> arrival);
  void on_transport_feedback_end (std::uint64_t now_ns);

  void on_remb (std::uint64_t bits_per_second, std::uint64_t now_ns);
  // Of the medium with most of the bytes: its report's loss, and what was sent
  // of all media since the last one.
  void on_loss (std::uint8_t fraction_lost, std::uint64_t sent_bits_per_second,
      std::uint64_t now_ns);

  // bit/s; 0 while nothing is known.
  std::uint64_t bits_per_second (std::uint64_t now_ns) const;
  // What arrived of late, by transport-wide feedback; 0 without.
  std::uint64_t received_bits_per_second () const;
  bool overused () const { return trend_.state () == DelayTrend::State::over; }

private:
  struct Burst
  {
    std::uint16_t first = 0;
    std::uint16_t count = 0;
    std::uint32_t bytes = 0;
    std::uint32_t sent = 0; // ticks of 250 µs, as arrivals
  };
  // More than a second of a stream of video and audio, at any bit rate.
  static constexpr std::size_t kBursts = 120;

  const Burst &burst (std::uint32_t back) const
  {
    return bursts_[(newest_ + kBursts - back) % kBursts];
  }
  const Burst *find (std::uint16_t sequence);
  void close_group ();
  void measure (std::uint32_t arrival, double bytes);
  void follow_delay (std::uint64_t now_ns);
  void follow_loss (double lost, double arrived, std::uint64_t now_ns);

  std::array<Burst, kBursts> bursts_;
  std::uint32_t newest_ = 0; // index of the newest burst
  std::uint32_t burst_count_ = 0;
  std::uint32_t found_ = 0; // index of the burst last asked for

  // The group of packets under way: those of one burst.
  bool group_open_ = false;
  std::uint32_t group_sent_ = 0;
  std::uint32_t group_arrival_ = 0;
  bool group_before_ = false;
  std::uint32_t before_sent_ = 0;
  std::uint32_t before_arrival_ = 0;

  // Of one feedback.
  std::uint32_t received_ = 0;
  std::uint32_t lost_ = 0;

  bool window_open_ = false;
  std::uint32_t window_start_ = 0;
  double window_bytes_ = 0;
  double received_rate_ = 0; // bit/s

  DelayTrend trend_;
  double delay_rate_ = 0;
  double loss_rate_ = 0;
  double remb_ = 0;
  std::uint64_t delay_changed_ns_ = 0;
  std::uint64_t loss_changed_ns_ = 0;
  std::uint64_t remb_ns_ = 0;
};

static_assert (sizeof (BandwidthEstimate) <= 2048);

} // namespace restream::transport
