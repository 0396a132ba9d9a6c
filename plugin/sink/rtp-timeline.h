// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/sequence-log.h"

#include <cstdint>
#include <optional>

namespace restream::sink {

// One outgoing line of sequence numbers and timestamps over any number of
// incoming ones: each restart of the source continues where the last one ended, the
// pause between them measured by the arrival clock. A restart is another SSRC, or
// numbers of the same one that cannot follow those before (RFC 3550, appendix A.1).
// Thread: the streaming thread of its medium.
class RtpTimeline
{
public:
  struct Stamp
  {
    std::uint16_t sequence;
    std::uint32_t timestamp;
  };
  struct Place
  {
    Stamp stamp;
    bool newest; // nothing of the line is beyond it
  };

  // first: where the outgoing line starts (random, RFC 3550 5.1).
  RtpTimeline (std::uint32_t clock_rate, Stamp first);

  // arrival_ns: running time at which the packet came, never far from monotonic.
  // Nothing for a packet that has no place: it came twice or much too late, or its
  // sequence number jumps and no next one has confirmed it.
  std::optional<Place> map (std::uint32_t ssrc, Stamp in,
      std::uint64_t arrival_ns);
  // Makes room for packets of our own in front of the one placed last, which is the newest.
  // Returns the number of the first; the packet's own is count further.
  std::uint16_t insert (std::uint16_t count);
  // Where a timestamp of the current source is on the line; nothing for other sources.
  std::optional<std::uint32_t> find (std::uint32_t ssrc,
      std::uint32_t timestamp) const;
  std::uint32_t clock_rate () const { return clock_rate_; }
  // The clock rate of what comes next (a changed stream).
  void set_clock_rate (std::uint32_t clock_rate) { clock_rate_ = clock_rate; }

  // How often a new source was spliced on.
  unsigned restarts () const { return restarts_; }
  std::uint64_t lost () const { return lost_before_ + log_.lost (); }
  std::uint64_t reordered () const { return reordered_; }
  std::uint64_t repeated () const { return repeated_; }
  std::uint64_t stray () const { return stray_; } // jumped, or much too late

private:
  // Of a line that goes on: how many packets it may lose, how late one may come.
  static constexpr int kMaxLost = 3000, kMaxLate = 500;
  // How far timestamps may run ahead of the arrivals or fall behind themselves
  // before it is another line. B-frames fall behind by some pictures.
  static constexpr std::uint32_t kMaxAheadS = 10, kMaxBehindS = 2;

  std::uint32_t ticks_since_last (std::uint64_t arrival_ns) const;
  bool undo_insertion (std::uint16_t &sequence) const;
  Stamp splice (std::uint32_t ssrc, Stamp in, std::uint64_t arrival_ns);

  std::uint32_t clock_rate_;
  bool started_ = false;
  std::uint32_t ssrc_ = 0;
  std::uint16_t sequence_offset_ = 0;
  std::uint32_t timestamp_offset_ = 0;
  // The newest of the outgoing line.
  Stamp last_;
  std::uint64_t last_arrival_ns_ = 0;
  std::optional<std::uint16_t> after_jump_; // what would confirm one
  // Where packets of our own were put in, outgoing: the number behind them.
  struct Insertion
  {
    std::uint16_t end;
    std::uint16_t count;
  };
  std::optional<Insertion> insertion_, insertion_before_; // of this source
  SequenceLog log_; // of this source
  unsigned restarts_ = 0;
  std::uint64_t lost_before_ = 0, reordered_ = 0, repeated_ = 0, stray_ = 0;
};

} // namespace restream::sink
