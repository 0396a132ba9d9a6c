// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace restream::src {

// Counts on one thread, is read on any: no locked instruction per packet.
class Counter
{
public:
  void add (std::uint64_t n = 1)
  {
    value_.store (value_.load (std::memory_order_relaxed) + n,
        std::memory_order_relaxed);
  }
  void set (std::uint64_t n) { value_.store (n, std::memory_order_relaxed); }
  std::uint64_t get () const { return value_.load (std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> value_{0};
};

// Why a datagram was not passed on.
enum class Drop : std::size_t
{
  malformed = 0, // not RTP, or bounds that do not hold
  malformed_rtcp,
  not_loopback, // from another host
  other_ssrc, // a second sender while the first is active
  other_payload, // a payload type that the caps exclude
};
inline constexpr std::size_t kDropCount = 5;
// The names that `stats` uses, in the order of the enumerators.
inline constexpr const char *kDropNames[kDropCount] = {"malformed",
    "malformed-rtcp", "not-loopback", "other-ssrc", "other-payload"};

// One medium's numbers. Written by the streaming thread only.
struct Counters
{
  Counter packets, bytes; // RTP passed on
  Counter sender_reports;
  Counter byes;
  Counter takeovers; // changes of the sender, the first not counted
  Counter overflow; // lost in a full socket buffer, by the kernel's count
  std::array<Counter, kDropCount> dropped;

  void drop (Drop why) { dropped[static_cast<std::size_t> (why)].add (); }
};

} // namespace restream::src
