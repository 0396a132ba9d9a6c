// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/instant-start.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace restream::transport {

// What of the past is shown fast: from a timestamp on, span ticks of the stream within
// shown ticks. Where the span ends, the timestamps are the stream's own again: the viewer
// is at the live edge then, and its player has never had a reason to keep what it got as a
// delay.
struct FastForward
{
  std::uint32_t from = 0;
  std::uint32_t span = 0; // 0 = nothing is; at most 2^31 - 1
  std::uint32_t shown = 0; // not more than span

  // Is the live edge reached with this timestamp of the stream's?
  bool is_over (std::uint32_t timestamp) const
  {
    return static_cast<std::int32_t> (timestamp - from)
        >= static_cast<std::int32_t> (span);
  }
  // The timestamp that is shown for one before that.
  std::uint32_t at (std::uint32_t timestamp) const;
  // Is such a timestamp due, so many ticks after the beginning? Nothing is sent sooner than it
  // is shown: a player takes what comes early for the rule, and waits for the rest.
  bool is_due (std::uint32_t timestamp, std::int64_t ticks) const
  {
    return ticks >= shown
        || static_cast<std::int32_t> (at (timestamp) - from - span + shown)
        <= ticks;
  }
};

// How a viewer who begins at a keyframe of the past comes to the live edge.
struct CatchUp
{
  FastForward forward;
  std::int64_t takes_us = 0;
  std::int64_t pace = 0; // bytes a millisecond at most
};

// How long after its beginning a viewer may not begin again: one that asks all the time is sent a quarter more.
std::int64_t again_after_us (const std::optional<CatchUp> &plan);

// from: the keyframe's timestamp; to: the newest; bytes: what lies between. Nothing
// if there is nothing to catch up with, or what there is makes no sense.
std::optional<CatchUp> plan_catch_up (std::uint32_t from, std::uint32_t to,
    std::uint32_t clock_rate, std::size_t bytes, const InstantStart &start);

} // namespace restream::transport
