// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/gop-cache.h"

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace restream::transport::native {

// The newest packets of one medium, by extended sequence number: what viewers
// that are behind still get, what NACKs are answered from, and, from its last keyframe on,
// what new viewers begin with. References only; the bytes are the bursts', shared by all
// threads.
// Thread: its I/O thread.
class PacketRing
{
public:
  struct Entry
  {
    const Burst *burst = nullptr; // null: no such packet
    const Burst::Packet *packet = nullptr;
  };

  // How long a packet is kept: longer than any NACK for it takes.
  static constexpr std::int64_t kKeepUs = 2'000'000;

  // For a long group of pictures it grows up to here; a longer one is not kept whole.
  static constexpr std::size_t kMaxCapacity = 16 * 1024;

  // capacity: packets, a power of two.
  explicit PacketRing (std::size_t capacity, const InstantStart &start = {});

  void append (std::shared_ptr<const Burst> burst);
  // Lets go of what nobody may ask for any more. To be called after each append(), when the
  // viewers have been served: it takes as long.
  void drop_old ();
  void clear ();

  bool empty () const { return bursts_.empty (); }
  // Highest sequence number there is. Not of an empty ring.
  std::uint64_t newest () const { return newest_; }
  // Below it all is gone: who has not sent that yet has lost something.
  std::uint64_t kept_from () const;
  // What is or was never there has no burst.
  Entry find (std::uint64_t sequence) const;
  // The same for the 16 bits of a NACK: the newest one with these.
  Entry find_recent (std::uint16_t sequence) const;
  // The newest packet at which a viewer may begin. It may be gone.
  const std::optional<std::uint64_t> &newest_join () const
  {
    return newest_join_;
  }
  // The same, if all since then is here.
  std::optional<std::uint64_t> group_start () const;
  // Since then, about.
  std::size_t group_bytes () const { return group_bytes_; }

private:
  bool is_in_group (const Burst &burst) const;
  void grow (std::uint64_t sequence);
  void drop_oldest ();
  Entry &slot (std::uint64_t sequence)
  {
    return slots_[sequence & (slots_.size () - 1)];
  }

  std::vector<Entry> slots_;
  std::deque<std::shared_ptr<const Burst>> bursts_; // oldest first
  std::uint64_t newest_ = 0;
  std::uint64_t kept_from_ = 0; // by age; the capacity is another bound
  std::optional<std::uint64_t> newest_join_;
  const InstantStart start_;
  bool group_whole_ = false; // what newest_join_ began is still kept
  std::size_t group_bytes_ = 0;
  std::int64_t group_began_us_ = 0;
};

} // namespace restream::transport::native
