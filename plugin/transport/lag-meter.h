// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>

namespace restream::transport {

// How old the oldest packet of a queue is, from what was put in and how much is
// still there: the queue's own timestamps would take a pause of the stream for lag.
// Thread: the one that fills the queue.
class LagMeter
{
public:
  // queued: packets in the queue now. now_ns, pushed at: the stream's running
  // time. 0 = empty.
  std::uint64_t lag_ns (std::uint64_t queued, std::uint64_t now_ns);
  // packets were put in at now_ns.
  void pushed (std::uint64_t packets, std::uint64_t now_ns);

private:
  // Packets within one step count as put in together.
  static constexpr std::uint64_t kStepNs = 10'000'000;

  struct Mark
  {
    std::uint64_t upto; // packets ever put in, with these
    std::uint64_t at_ns;
  };

  std::array<Mark, 64> marks_{}; // a ring; when full, its newest mark grows
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::uint64_t total_ = 0;
};

} // namespace restream::transport
