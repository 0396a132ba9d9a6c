// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "plugin/sink/hub.h"

#include <atomic>
#include <functional>

namespace restream::sink {

// Whether media flows, by the hub's counters: it does from the first packet on, until none has come for two seconds.
// Thread: that of the context; active() on any.
class ActivityWatch
{
public:
  // hub outlives it. changed: from active to inactive, or back.
  ActivityWatch (const Hub &hub, GMainContext *context,
      std::function<void ()> changed);
  ActivityWatch (const ActivityWatch &) = delete;
  ActivityWatch &operator= (const ActivityWatch &) = delete;
  bool active () const { return active_; }
  void stop () { timer_.cancel (); }

private:
  void look ();

  const Hub &hub_;
  const std::function<void ()> changed_;
  std::uint64_t packets_ = 0;
  unsigned silent_ = 0; // looks without a packet
  std::atomic<bool> active_{false};
  Timer timer_;
};

} // namespace restream::sink
