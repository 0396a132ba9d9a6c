// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/teardown.h"

namespace restream::transport {

Teardown::Teardown (unsigned threads)
{
  g_mutex_init (&mutex_);
  g_cond_init (&idle_);
  // A pool that is not exclusive cannot fail to start here; its threads start with work.
  pool_ = g_thread_pool_new (&Teardown::work, this, static_cast<int> (threads),
      FALSE, nullptr);
}

Teardown::~Teardown ()
{
  g_thread_pool_free (pool_, FALSE, TRUE);
  g_cond_clear (&idle_);
  g_mutex_clear (&mutex_);
}

void
Teardown::run (std::function<void ()> work)
{
  g_mutex_lock (&mutex_);
  pending_++;
  g_mutex_unlock (&mutex_);
  // On an error (no thread could be made) the work stays queued for the others.
  g_thread_pool_push (pool_, new std::function<void ()> (std::move (work)),
      nullptr);
}

void
Teardown::wait ()
{
  g_mutex_lock (&mutex_);
  while (pending_ > 0)
    g_cond_wait (&idle_, &mutex_);
  g_mutex_unlock (&mutex_);
}

void
Teardown::work (gpointer data, gpointer user_data)
{
  auto *self = static_cast<Teardown *> (user_data);
  auto *work = static_cast<std::function<void ()> *> (data);
  (*work) ();
  delete work;
  g_mutex_lock (&self->mutex_);
  if (--self->pending_ == 0)
    g_cond_broadcast (&self->idle_);
  g_mutex_unlock (&self->mutex_);
}

} // namespace restream::transport
