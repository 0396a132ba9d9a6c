// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/retransmission-budget.h"

#include <algorithm>

namespace restream::transport {

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMs;
// Below, a viewer asks again for what is on its way on a short line; above, a
// round trip measured wrongly keeps it from its packets.
constexpr std::uint64_t kShortestHold = 10 * kMs;
constexpr std::uint64_t kLongestHold = 1 * kSecond;
// The answers' clock: 2^20 ns, a millisecond or so. It wraps after 52 days.
constexpr unsigned kTickShift = 20;
// A whole key frame may be lost at once, and be more than its share of a second.
constexpr std::uint64_t kLeastCapacity = 64 * 1024;
// Keeps the sums within 64 bits, whatever rate is said.
constexpr std::uint64_t kHighestRate = 1'250'000'000; // 10 Gbit/s

constexpr std::uint64_t kLongestPause = 100'000 * kSecond;

} // namespace

void
RetransmissionBudget::set_rate (std::uint64_t bytes_per_second,
    std::uint64_t now_ns)
{
  const bool first = capacity_ == 0;
  if (!first)
    refill (now_ns); // what passed was at the old rate
  bytes_per_second_ = std::min (bytes_per_second, kHighestRate);
  capacity_ = std::max (bytes_per_second_ / 2, kLeastCapacity);
  tokens_ = first ? capacity_ : std::min (tokens_, capacity_);
  if (first)
    refilled_ns_ = now_ns;
}

void
RetransmissionBudget::refill (std::uint64_t now_ns)
{
  if (now_ns <= refilled_ns_)
    return;
  const std::uint64_t passed = std::min (now_ns - refilled_ns_, kLongestPause);
  const std::uint64_t bytes = passed / kSecond * bytes_per_second_
      + passed % kSecond * bytes_per_second_ / kSecond;
  if (bytes >= capacity_ - tokens_) {
    tokens_ = capacity_;
    refilled_ns_ = now_ns;
  } else if (bytes > 0) {
    // A part of a byte is not lost: the time it took is not yet counted.
    tokens_ += bytes;
    refilled_ns_ += bytes * kSecond / bytes_per_second_;
  }
}

RetransmissionBudget::Verdict
RetransmissionBudget::ask (std::uint32_t packet, std::size_t bytes,
    std::uint64_t now_ns, std::uint64_t round_trip_ns)
{
  Answer &last = answers_[packet % kAnswers];
  const auto now = static_cast<std::uint32_t> ((now_ns >> kTickShift) + 1);
  const auto hold = static_cast<std::uint32_t> (
      std::clamp (round_trip_ns, kShortestHold, kLongestHold) >> kTickShift);
  if (last.at != 0 && last.packet == packet && now - last.at <= hold) {
    counts_.repeated++;
    return Verdict::repeated;
  }
  refill (now_ns);
  if (bytes > tokens_) {
    counts_.exhausted++;
    return Verdict::exhausted;
  }
  tokens_ -= bytes;
  last = {.packet = packet, .at = now};
  counts_.sent++;
  counts_.sent_bytes += bytes;
  return Verdict::send;
}

} // namespace restream::transport
