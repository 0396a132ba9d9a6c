// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/rtp-timeline.h"

#include <algorithm>

namespace restream::sink {

namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

} // namespace

RtpTimeline::RtpTimeline (std::uint32_t clock_rate, Stamp first)
    : clock_rate_ (clock_rate), last_ (first)
{
}

std::uint32_t
RtpTimeline::ticks_since_last (std::uint64_t arrival_ns) const
{
  std::uint64_t ns =
      arrival_ns > last_arrival_ns_ ? arrival_ns - last_arrival_ns_ : 0;
  // Split so that no pause can overflow.
  return static_cast<std::uint32_t> (ns / kNsPerSecond * clock_rate_
      + ns % kNsPerSecond * clock_rate_ / kNsPerSecond);
}

RtpTimeline::Stamp
RtpTimeline::splice (std::uint32_t ssrc, Stamp in, std::uint64_t arrival_ns)
{
  std::uint32_t pause = 0;
  if (started_) {
    restarts_++;
    lost_before_ += log_.lost ();
    // Never two pictures under one timestamp.
    pause = std::max (ticks_since_last (arrival_ns), 1u);
  }
  log_ = {};
  log_.add (in.sequence);
  after_jump_.reset ();
  insertion_.reset ();
  insertion_before_.reset ();
  last_.sequence++;
  last_.timestamp += pause;
  sequence_offset_ = static_cast<std::uint16_t> (last_.sequence - in.sequence);
  timestamp_offset_ = last_.timestamp - in.timestamp;
  ssrc_ = ssrc;
  last_arrival_ns_ = arrival_ns;
  started_ = true;
  return last_;
}

std::uint16_t
RtpTimeline::insert (std::uint16_t count)
{
  const std::uint16_t first = last_.sequence;
  last_.sequence = static_cast<std::uint16_t> (first + count);
  sequence_offset_ = static_cast<std::uint16_t> (sequence_offset_ + count);
  insertion_before_ = insertion_;
  insertion_ = {last_.sequence, count};
  return first;
}

// What comes late goes where it was before packets were put in behind it. false: it is from before the
// one but last time.
bool
RtpTimeline::undo_insertion (std::uint16_t &sequence) const
{
  const auto before = [&sequence] (const std::optional<Insertion> &insertion) {
    return insertion
        && static_cast<std::int16_t> (sequence - insertion->end) < 0;
  };
  if (!before (insertion_))
    return true;
  sequence = static_cast<std::uint16_t> (sequence - insertion_->count);
  return !before (insertion_before_);
}

std::optional<RtpTimeline::Place>
RtpTimeline::map (std::uint32_t ssrc, Stamp in, std::uint64_t arrival_ns)
{
  if (!started_ || ssrc != ssrc_)
    return Place{splice (ssrc, in, arrival_ns), true};
  Stamp out = {
      static_cast<std::uint16_t> (in.sequence + sequence_offset_),
      in.timestamp + timestamp_offset_,
  };
  const int step = static_cast<std::int16_t> (out.sequence - last_.sequence);
  if (step > kMaxLost || step < -kMaxLate) {
    if (after_jump_ == in.sequence)
      return Place{splice (ssrc, in, arrival_ns), true};
    after_jump_ = static_cast<std::uint16_t> (in.sequence + 1);
    stray_++;
    return std::nullopt;
  }
  after_jump_.reset ();

  switch (log_.add (in.sequence)) {
    case SequenceLog::Verdict::first:
    case SequenceLog::Verdict::next:
      break;
    case SequenceLog::Verdict::late:
      // Keeps its place behind: only what is newer moves the line on.
      if (!undo_insertion (out.sequence)) {
        stray_++;
        return std::nullopt;
      }
      reordered_++;
      return Place{out, false};
    case SequenceLog::Verdict::repeated:
      repeated_++;
      return std::nullopt;
    case SequenceLog::Verdict::stale:
      stray_++;
      return std::nullopt;
  }
  last_.sequence = out.sequence;

  const std::int64_t ahead =
      static_cast<std::int32_t> (out.timestamp - last_.timestamp);
  const std::uint32_t elapsed = ticks_since_last (arrival_ns);
  if (ahead > std::int64_t{elapsed} + std::int64_t{kMaxAheadS} * clock_rate_
      || ahead < -std::int64_t{kMaxBehindS} * clock_rate_) {
    // The source's clock was set: goes on like another source's.
    restarts_++;
    out.timestamp = last_.timestamp + std::max (elapsed, 1u);
    timestamp_offset_ = out.timestamp - in.timestamp;
  } else if (ahead <= 0) {
    return Place{out, true};
  }
  last_.timestamp = out.timestamp;
  last_arrival_ns_ = arrival_ns;
  return Place{out, true};
}

std::optional<std::uint32_t>
RtpTimeline::find (std::uint32_t ssrc, std::uint32_t timestamp) const
{
  if (!started_ || ssrc != ssrc_)
    return std::nullopt;
  return timestamp + timestamp_offset_;
}

} // namespace restream::sink
