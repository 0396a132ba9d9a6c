// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace restream::transport {

// Which of the packets a viewer asks for again it gets: none twice within a
// round trip, and all in all no more than the stream itself, so that a flood of
// NACKs makes no flood of packets.
// Thread: its owner's; one per viewer.
class RetransmissionBudget
{
public:
  enum class Verdict
  {
    send = 0,
    repeated, // on its way already
    exhausted
  };

  struct Counts
  {
    std::uint64_t sent = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t repeated = 0;
    std::uint64_t exhausted = 0;
  };

  // What may be sent again, from now on: the stream's own rate. The budget
  // starts full.
  void set_rate (std::uint64_t bytes_per_second, std::uint64_t now_ns);

  // packet: its sequence number, with the medium above it. round_trip_ns: 0
  // while unknown. The answer `send` is counted as sent.
  Verdict ask (std::uint32_t packet, std::size_t bytes, std::uint64_t now_ns,
      std::uint64_t round_trip_ns);

  const Counts &counts () const { return counts_; }

private:
  struct Answer
  {
    std::uint32_t packet = 0;
    std::uint32_t at = 0; // in ticks; 0: no answer yet
  };

  void refill (std::uint64_t now_ns);

  // Where a packet's last answer is kept. Packets that share a place forget
  // each other: then the budget alone bounds them.
  static constexpr std::size_t kAnswers = 104;

  Counts counts_;
  std::uint64_t bytes_per_second_ = 0;
  std::uint64_t capacity_ = 0;
  std::uint64_t tokens_ = 0; // bytes
  std::uint64_t refilled_ns_ = 0;
  std::array<Answer, kAnswers> answers_;
};

static_assert (sizeof (RetransmissionBudget) <= 1024);

} // namespace restream::transport
