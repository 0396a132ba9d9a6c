// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace restream::sink {

// Notices what viewers would only see as a black or jerking picture: a video without
// keyframes, and pictures out of order (B-frames), which WebRTC has no way to tell.
// Thread: the streaming thread of its medium.
class StreamWatch
{
public:
  // How long a sender may take for its first keyframe, and for the next ones.
  static constexpr std::uint64_t kFirstKeyframeNs = 3'000'000'000;
  static constexpr std::uint64_t kNextKeyframeNs = 15'000'000'000;
  // So many pictures behind an earlier one, of so many: not by accident.
  static constexpr unsigned kReordered = 5, kPictures = 150;

  enum class Event
  {
    none = 0,
    waiting, // for a keyframe, for too long
    keyframe, // the wait is over
    b_frames // once for a sender
  };

  // The first packet of each picture, in the order of their sequence numbers.
  // restarts: of the timeline. keyframes: how many there were, with this one if it is known to be one.
  Event picture (unsigned restarts, std::uint32_t clock_rate,
      std::uint32_t timestamp, std::uint64_t keyframes,
      std::uint64_t arrival_ns);
  bool waiting () const { return waiting_; }

private:
  void begin_sender (unsigned restarts, std::uint32_t timestamp,
      std::uint64_t arrival_ns);
  Event watch_order (std::uint32_t clock_rate, std::uint32_t timestamp);

  std::optional<unsigned> restarts_;
  std::uint64_t keyframes_ = 0;
  bool had_keyframe_ = false; // of this sender
  std::uint64_t since_ns_ = 0; // the sender's beginning, or its last keyframe
  bool waiting_ = false;

  std::uint32_t newest_ = 0; // timestamp
  unsigned pictures_ = 0, reordered_ = 0;
  bool told_order_ = false;
};

} // namespace restream::sink
