// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/stream-watch.h"

namespace restream::sink {

void
StreamWatch::begin_sender (unsigned restarts, std::uint32_t timestamp,
    std::uint64_t arrival_ns)
{
  restarts_ = restarts;
  had_keyframe_ = false;
  since_ns_ = arrival_ns;
  newest_ = timestamp;
  pictures_ = reordered_ = 0;
  told_order_ = false;
}

StreamWatch::Event
StreamWatch::watch_order (std::uint32_t clock_rate, std::uint32_t timestamp)
{
  const auto ahead = static_cast<std::int32_t> (timestamp - newest_);
  if (ahead > 0)
    newest_ = timestamp;
  else if (ahead < 0 && -std::int64_t{ahead} < std::int64_t{clock_rate})
    reordered_++;
  if (++pictures_ > kPictures)
    pictures_ = reordered_ = 0;
  if (told_order_ || reordered_ < kReordered)
    return Event::none;
  told_order_ = true;
  return Event::b_frames;
}

StreamWatch::Event
StreamWatch::picture (unsigned restarts, std::uint32_t clock_rate,
    std::uint32_t timestamp, std::uint64_t keyframes, std::uint64_t arrival_ns)
{
  if (restarts_ != restarts)
    begin_sender (restarts, timestamp, arrival_ns);
  if (keyframes != keyframes_) {
    keyframes_ = keyframes;
    had_keyframe_ = true;
    since_ns_ = arrival_ns;
    if (waiting_) {
      waiting_ = false;
      return Event::keyframe;
    }
  } else if (const std::uint64_t patience =
                 had_keyframe_ ? kNextKeyframeNs : kFirstKeyframeNs;
             !waiting_ && arrival_ns > since_ns_
             && arrival_ns - since_ns_ > patience) {
    waiting_ = true;
    return Event::waiting;
  }
  return watch_order (clock_rate, timestamp);
}

} // namespace restream::sink
