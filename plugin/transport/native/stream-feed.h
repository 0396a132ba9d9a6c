// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/packet-ring.h"
#include "plugin/transport/native/rtcp/sender-clock.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace restream::transport::native {

class Session;

// How many viewers a stream has on each thread, so that a thread without any is
// left alone. Written by the threads, read by the stream's.
struct StreamPresence
{
  StreamPresence (std::uint64_t stream, std::size_t threads)
      : id (stream), members (threads)
  {
  }
  const std::uint64_t id; // of the process's life
  std::vector<std::atomic<unsigned>> members;
};

// One stream as one I/O thread has it: the packets, and the viewers who live there.
// Thread: its I/O thread.
struct StreamFeed
{
  // Some seconds of video at the rates that are usual, of audio all the more.
  static constexpr std::size_t kVideoPackets = 2048;
  static constexpr std::size_t kAudioPackets = 256;

  explicit StreamFeed (std::shared_ptr<StreamPresence> stream)
      : rings{PacketRing (kVideoPackets), PacketRing (kAudioPackets)},
        presence (std::move (stream))
  {
  }
  PacketRing &ring (Media media) { return rings[index_of (media)]; }
  const PacketRing &ring (Media media) const { return rings[index_of (media)]; }

  std::array<PacketRing, kMediaCount> rings;
  std::array<std::optional<SenderClock>, kMediaCount>
      clocks; // of the newest burst
  std::shared_ptr<StreamPresence> presence;
  std::vector<Session *> members;
  std::size_t first = 0; // whose turn it is to be served first
  std::int64_t next_turn_us = 0; // 0 = nobody is owed anything
};

} // namespace restream::transport::native
