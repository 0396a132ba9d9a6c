// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/fast-forward.h"

#include <algorithm>

namespace restream::transport {

namespace {

// Less is not worth it, and more is no group of pictures but a clock that jumped.
constexpr std::int64_t kMinBehindUs = 50'000;
constexpr std::int64_t kMaxBehindUs = 60'000'000;
// The first picture's time comes so much after the last one that the viewer may have had.
constexpr std::int64_t kShownAfterUs = 5'000;
// Pictures of the past to one of the present, at most: a player has to decode them all.
constexpr std::int64_t kMaxSpeed = 5;
// Between two starts of one viewer's picture, and how many times as long as catching up takes.
constexpr std::int64_t kMinAgainUs = 1'000'000;
constexpr std::int64_t kAgainRatio = 4;

} // namespace

std::uint32_t
FastForward::at (std::uint32_t timestamp) const
{
  // More than span for pictures that are shown before the keyframe and sent after it.
  std::int64_t left =
      std::int64_t{span} - static_cast<std::int32_t> (timestamp - from);
  return from + span - static_cast<std::uint32_t> (left * shown / span);
}

std::int64_t
again_after_us (const std::optional<CatchUp> &plan)
{
  return std::max (kMinAgainUs, plan ? kAgainRatio * plan->takes_us : 0);
}

std::optional<CatchUp>
plan_catch_up (std::uint32_t from, std::uint32_t to, std::uint32_t clock_rate,
    std::size_t bytes, const InstantStart &start)
{
  if (clock_rate == 0)
    return std::nullopt;
  auto rate = std::int64_t{clock_rate};
  std::int64_t behind_us = std::int64_t{static_cast<std::int32_t> (to - from)}
          * G_USEC_PER_SEC / rate
      + kShownAfterUs;
  if (behind_us < kMinBehindUs || behind_us > kMaxBehindUs)
    return std::nullopt;
  auto all = static_cast<std::int64_t> (bytes);
  std::int64_t live = all * 1000 / behind_us; // bytes a millisecond
  std::int64_t pace = std::max (
      {std::int64_t{start.bit_rate} / 8000, live + live / 2, live + 1});
  CatchUp plan{.pace = pace};
  plan.takes_us = std::max (all * 1000 / (pace - live), behind_us / kMaxSpeed);
  plan.forward.from = from;
  plan.forward.span = static_cast<std::uint32_t> (
      (behind_us + plan.takes_us) * rate / G_USEC_PER_SEC);
  plan.forward.shown =
      static_cast<std::uint32_t> (plan.takes_us * rate / G_USEC_PER_SEC);
  return plan;
}

} // namespace restream::transport
