// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/activity-watch.h"

namespace restream::sink {

namespace {

constexpr unsigned kLookMs = 250;
constexpr unsigned kSilentLooks = 8;

} // namespace

ActivityWatch::ActivityWatch (const Hub &hub, GMainContext *context,
    std::function<void ()> changed)
    : hub_ (hub), changed_ (std::move (changed)),
      timer_ (context, kLookMs, [this] {
        look ();
        return true;
      })
{
}

void
ActivityWatch::look ()
{
  std::uint64_t packets = 0;
  for (Media media : kAllMedia)
    packets += hub_.counters (media).packets.load (std::memory_order_relaxed);
  silent_ = packets == packets_ ? silent_ + 1 : 0;
  packets_ = packets;
  bool active = packets != 0 && silent_ < kSilentLooks;
  if (active_.exchange (active) != active)
    changed_ ();
}

} // namespace restream::sink
