// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/gop-cache.h"
#include "plugin/transport/native/packet-ring.h"
#include "plugin/transport/rtcp/sender-clock.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace restream::transport::native {

class Session;

// What all threads have of a stream. How many viewers it has on each, so that a thread without
// any is left alone, is written by the threads and read by the stream's.
struct SharedStream
{
  SharedStream (std::uint64_t stream, std::size_t threads,
      const InstantStart &start)
      : id (stream), members (threads), gop (start)
  {
  }
  const std::uint64_t id; // of the process's life
  std::vector<std::atomic<unsigned>> members;
  GopCache gop;
};

// One stream as one I/O thread has it: the packets, and the viewers who live there.
// Thread: its I/O thread.
struct StreamFeed
{
  // Some seconds of video at the rates that are usual, of audio all the more.
  static constexpr std::size_t kVideoPackets = 2048;
  static constexpr std::size_t kAudioPackets = 256;
  static constexpr std::int64_t kNever = INT64_MAX;

  explicit StreamFeed (std::shared_ptr<SharedStream> stream)
      : rings{PacketRing (kVideoPackets, stream->gop.settings ()),
          PacketRing (kAudioPackets)},
        shared (std::move (stream))
  {
  }
  // Begins anew, with the group of pictures that is going on.
  void restart (const std::vector<std::shared_ptr<const Burst>> &group)
  {
    for (PacketRing &ring : rings)
      ring.clear ();
    for (const std::shared_ptr<const Burst> &burst : group)
      append (burst);
    drop_old (Media::video);
  }
  void append (std::shared_ptr<const Burst> burst)
  {
    std::size_t medium = index_of (burst->media ());
    seen[medium] = burst->number ();
    rings[medium].append (std::move (burst));
  }
  void drop_old (Media media) { rings[index_of (media)].drop_old (); }
  const PacketRing &ring (Media media) const { return rings[index_of (media)]; }
  // In the order in which they are served; not without members.
  Session &member (std::size_t i) const
  {
    return *members[(first + i) % members.size ()];
  }
  // When somebody is to be served without there being something new.
  std::int64_t due_us () const
  {
    return std::min ({gather_us[0], gather_us[1], next_turn_us});
  }

  std::array<PacketRing, kMediaCount> rings;
  std::array<std::optional<SenderClock>, kMediaCount>
      clocks; // of the newest burst
  std::array<std::uint64_t, kMediaCount> seen{}; // the newest burst's number
  std::shared_ptr<SharedStream> shared;
  std::vector<Session *> members;
  std::size_t first = 0; // whose turn it is to be served first
  // When all are served what has gathered of a medium; kNever: nothing has.
  std::array<std::int64_t, kMediaCount> gather_us{kNever, kNever};
  std::vector<Session *> owed; // those who are owed more, in their turn
  std::int64_t next_turn_us = kNever; // theirs
  bool waiting = false; // for any of these, as the thread knows
};

} // namespace restream::transport::native
