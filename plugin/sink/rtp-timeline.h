// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace restream::sink {

// One outgoing line of sequence numbers and timestamps over any number of
// incoming ones: each restart of the source continues where the last one ended, the
// pause between them measured by the arrival clock.
// Thread: the streaming thread of its medium.
class RtpTimeline
{
public:
  struct Stamp
  {
    std::uint16_t sequence;
    std::uint32_t timestamp;
  };

  // first: where the outgoing line starts (random, RFC 3550 5.1).
  RtpTimeline (std::uint32_t clock_rate, Stamp first);

  // arrival_ns: running time at which the packet came, never far from monotonic.
  Stamp map (std::uint32_t ssrc, Stamp in, std::uint64_t arrival_ns);
  // Where a timestamp of the current source is on the line; nothing for other sources.
  std::optional<std::uint32_t> find (std::uint32_t ssrc,
      std::uint32_t timestamp) const;
  std::uint32_t clock_rate () const { return clock_rate_; }
  // The clock rate of what comes next (a changed stream).
  void set_clock_rate (std::uint32_t clock_rate) { clock_rate_ = clock_rate; }
  // How often a new source was spliced on.
  unsigned restarts () const { return restarts_; }

private:
  std::uint32_t clock_rate_;
  bool started_ = false;
  unsigned restarts_ = 0;
  std::uint32_t ssrc_ = 0;
  std::uint16_t sequence_offset_ = 0;
  std::uint32_t timestamp_offset_ = 0;
  // The newest of the outgoing line.
  Stamp last_;
  std::uint64_t last_arrival_ns_ = 0;
};

} // namespace restream::sink
