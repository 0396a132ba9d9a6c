// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib.h>

#include <functional>

namespace restream::transport {

// Threads for what may wait. Above all where pipelines die: stopping one joins its threads, which neither a
// streaming thread nor the control thread may wait for.
// Thread: any.
class Teardown
{
public:
  explicit Teardown (unsigned threads);
  ~Teardown (); // waits
  Teardown (const Teardown &) = delete;
  Teardown &operator= (const Teardown &) = delete;

  void run (std::function<void ()> work);
  // Returns when all that was handed over is done.
  void wait ();

private:
  static void work (gpointer data, gpointer self);

  GMutex mutex_;
  GCond idle_;
  unsigned pending_ = 0; // protected by mutex_
  GThreadPool *pool_;
};

} // namespace restream::transport
