// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/packet-ring.h"

#include <algorithm>

namespace restream::transport::native {

PacketRing::PacketRing (std::size_t capacity, const InstantStart &start)
    : slots_ (capacity), start_ (start)
{
  g_assert (capacity && (capacity & (capacity - 1)) == 0);
}

void
PacketRing::append (std::shared_ptr<const Burst> burst)
{
  if (burst->packets ().empty ())
    return;
  if (empty ())
    newest_ = kept_from_ = burst->packets ().front ().sequence;
  std::int64_t now = burst->arrival_us ();
  if (burst->join ()) {
    newest_join_ = burst->join ();
    group_whole_ = start_.max_bytes > 0;
    group_bytes_ = 0;
    group_began_us_ = now;
  }
  group_bytes_ += burst->bytes ();
  if (group_bytes_ > start_.max_bytes
      || now - group_began_us_
          > static_cast<std::int64_t> (start_.max_time / GST_USECOND))
    group_whole_ = false;
  for (const Burst::Packet &packet : burst->packets ()) {
    // Its place is a newer one's.
    if (packet.sequence + slots_.size () <= newest_)
      continue;
    grow (packet.sequence);
    newest_ = std::max (newest_, packet.sequence);
    slot (packet.sequence) = {burst.get (), &packet};
  }
  bursts_.push_back (std::move (burst));
}

void
PacketRing::drop_old ()
{
  if (empty ())
    return;
  const std::int64_t now = bursts_.back ()->arrival_us ();
  // A burst stays as long as one of its packets may be asked for.
  while (bursts_.size () > 1
      && (bursts_.front ()->packets ().back ().sequence + slots_.size ()
              <= newest_
          || (now - bursts_.front ()->arrival_us () > kKeepUs
              && !is_in_group (*bursts_.front ()))))
    drop_oldest ();
}

bool
PacketRing::is_in_group (const Burst &burst) const
{
  return group_whole_ && burst.packets ().back ().sequence >= *newest_join_;
}

// Makes room for a packet without losing the group's first one.
void
PacketRing::grow (std::uint64_t sequence)
{
  std::size_t capacity = slots_.size ();
  while (group_whole_ && sequence >= *newest_join_ + capacity) {
    if (capacity == kMaxCapacity) {
      group_whole_ = false;
      break;
    }
    capacity *= 2;
  }
  if (capacity == slots_.size ())
    return;
  kept_from_ = kept_from ();
  std::vector<Entry> old (capacity);
  old.swap (slots_);
  for (const Entry &entry : old) {
    if (entry.packet)
      slot (entry.packet->sequence) = entry;
  }
}

std::optional<std::uint64_t>
PacketRing::group_start () const
{
  return group_whole_ ? newest_join_ : std::nullopt;
}

void
PacketRing::drop_oldest ()
{
  for (const Burst::Packet &packet : bursts_.front ()->packets ()) {
    if (Entry &entry = slot (packet.sequence);
        entry.burst == bursts_.front ().get ())
      entry = {};
    kept_from_ = std::max (kept_from_, packet.sequence + 1);
  }
  bursts_.pop_front ();
}

void
PacketRing::clear ()
{
  bursts_.clear ();
  newest_join_.reset ();
  group_whole_ = false;
  kept_from_ = 0;
  std::fill (slots_.begin (), slots_.end (), Entry{});
}

std::uint64_t
PacketRing::kept_from () const
{
  std::uint64_t reach =
      newest_ + 1 > slots_.size () ? newest_ + 1 - slots_.size () : 0;
  return std::max (kept_from_, reach);
}

PacketRing::Entry
PacketRing::find (std::uint64_t sequence) const
{
  const Entry &entry = slots_[sequence & (slots_.size () - 1)];
  return entry.packet && entry.packet->sequence == sequence ? entry : Entry{};
}

PacketRing::Entry
PacketRing::find_recent (std::uint16_t sequence) const
{
  if (empty ())
    return {};
  auto back = static_cast<std::uint16_t> (
      static_cast<std::uint16_t> (newest_) - sequence);
  return back <= newest_ ? find (newest_ - back) : Entry{};
}

} // namespace restream::transport::native
