// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/rtp-timeline.h"

namespace restream::sink {

namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

} // namespace

RtpTimeline::RtpTimeline (std::uint32_t clock_rate, Stamp first)
    : clock_rate_ (clock_rate), last_ (first)
{
}

RtpTimeline::Stamp
RtpTimeline::map (std::uint32_t ssrc, Stamp in, std::uint64_t arrival_ns)
{
  if (!started_ || ssrc != ssrc_) {
    std::uint32_t pause = 0;
    if (started_) {
      restarts_++;
      std::uint64_t pause_ns =
          arrival_ns > last_arrival_ns_ ? arrival_ns - last_arrival_ns_ : 0;
      // Split so that no pause can overflow.
      pause = static_cast<std::uint32_t> (pause_ns / kNsPerSecond * clock_rate_
          + pause_ns % kNsPerSecond * clock_rate_ / kNsPerSecond);
      if (pause == 0)
        pause = 1; // never two pictures under one timestamp
    }
    sequence_offset_ =
        static_cast<std::uint16_t> (last_.sequence + 1 - in.sequence);
    timestamp_offset_ = last_.timestamp + pause - in.timestamp;
    ssrc_ = ssrc;
    last_arrival_ns_ = arrival_ns;
    last_.timestamp += pause;
    last_.sequence++;
    started_ = true;
    return last_;
  }
  Stamp out = {
      static_cast<std::uint16_t> (in.sequence + sequence_offset_),
      in.timestamp + timestamp_offset_,
  };
  // Reordered packets keep their place behind; only what is newer moves the line on.
  if (static_cast<std::int16_t> (out.sequence - last_.sequence) > 0)
    last_.sequence = out.sequence;
  if (static_cast<std::int32_t> (out.timestamp - last_.timestamp) > 0) {
    last_.timestamp = out.timestamp;
    last_arrival_ns_ = arrival_ns;
  }
  return out;
}

std::optional<std::uint32_t>
RtpTimeline::find (std::uint32_t ssrc, std::uint32_t timestamp) const
{
  if (!started_ || ssrc != ssrc_)
    return std::nullopt;
  return timestamp + timestamp_offset_;
}

} // namespace restream::sink
