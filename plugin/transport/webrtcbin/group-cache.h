// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/instant-start.h"
#include "plugin/transport/packet-batch.h"

#include <cstdint>
#include <vector>

namespace restream::transport {

// The pictures since the last keyframe, for viewers who come in the middle of them. The packets
// are copies: those of the source come from a pool that they must go back to.
// Thread: the video's streaming thread.
class GroupCache
{
public:
  struct Packet
  {
    Ref<GstBuffer> buffer;
    std::uint64_t sequence; // extended
    std::uint32_t timestamp;
  };

  explicit GroupCache (const InstantStart &settings) : settings_ (settings) {}

  // A batch that has its extended numbers.
  void append (const PacketBatch &batch);

  // From the keyframe on; empty if there is none, or the group has grown beyond its
  // bounds.
  const std::vector<Packet> &packets () const { return packets_; }
  std::size_t bytes () const { return bytes_; }
  std::uint32_t clock_rate () const { return clock_rate_; } // Hz
  const InstantStart &settings () const { return settings_; }

private:
  const InstantStart settings_;
  std::vector<Packet> packets_;
  std::size_t bytes_ = 0;
  GstClockTime began_ = 0;
  std::uint32_t clock_rate_ = 0;
};

} // namespace restream::transport
