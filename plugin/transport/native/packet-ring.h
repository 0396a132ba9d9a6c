// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/burst.h"

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace restream::transport::native {

// The newest packets of one medium, by extended sequence number: what viewers
// that are behind still get, and what NACKs are answered from. References only; the bytes
// are the bursts', shared by all threads.
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

  // capacity: packets at most, a power of two.
  explicit PacketRing (std::size_t capacity);

  void append (std::shared_ptr<const Burst> burst);
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
  // The newest packet at which a viewer may begin.
  const std::optional<std::uint64_t> &newest_join () const
  {
    return newest_join_;
  }

private:
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
};

} // namespace restream::transport::native
