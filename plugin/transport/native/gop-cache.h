// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/instant-start.h"
#include "plugin/transport/native/burst.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace restream::transport::native {

// The pictures since the last keyframe, for an I/O thread whose first viewer of the
// stream comes in the middle of them.
// Thread: any. The lock is taken once for each burst of video, and when a thread begins.
class GopCache
{
public:
  explicit GopCache (const InstantStart &settings) : settings_ (settings) {}

  const InstantStart &settings () const { return settings_; }

  // Before the burst is handed to the threads that have viewers: one that begins meanwhile has
  // it from here, and passes over it when it comes (IoThread::push).
  void append (const std::shared_ptr<const Burst> &burst)
  {
    if (burst->media () != Media::video)
      return;
    std::lock_guard lock (mutex_);
    keep (burst);
  }
  // f takes what there is, oldest first, and enters its thread among those that get
  // what comes.
  template <typename F> void begin (F f)
  {
    std::lock_guard lock (mutex_);
    f (bursts_);
  }

private:
  void keep (const std::shared_ptr<const Burst> &burst)
  {
    if (burst->join ()) {
      bursts_.clear ();
      bytes_ = 0;
    } else if (bursts_.empty ()) {
      return; // of a group whose beginning is not there
    }
    bytes_ += burst->bytes ();
    bursts_.push_back (burst);
    if (bytes_ > settings_.max_bytes
        || burst->arrival_us () - bursts_.front ()->arrival_us ()
            > static_cast<std::int64_t> (settings_.max_time / GST_USECOND))
      bursts_.clear ();
  }

  const InstantStart settings_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const Burst>> bursts_;
  std::size_t bytes_ = 0;
};

} // namespace restream::transport::native
