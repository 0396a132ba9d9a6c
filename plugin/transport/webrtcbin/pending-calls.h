// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace restream::transport {

// The orders that webrtcbin is still working on. It makes and starts elements while
// it does; one that it starts while its pipeline goes down runs for ever, thread,
// sockets and all. Thread: any.
class PendingCalls
{
public:
  void begin ()
  {
    const std::lock_guard lock (mutex_);
    count_++;
  }
  void end ()
  {
    const std::lock_guard lock (mutex_);
    if (--count_ == 0)
      none_.notify_all ();
  }
  // false: some are still being worked on after the time. Only where one may wait.
  [[nodiscard]] bool wait_none (std::chrono::milliseconds timeout)
  {
    std::unique_lock lock (mutex_);
    return none_.wait_for (lock, timeout, [this] { return count_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable none_;
  unsigned count_ = 0; // protected by mutex_
};

} // namespace restream::transport
