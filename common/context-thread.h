// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"

namespace restream {

// A thread that runs one GMainContext, as its thread-default, until destroyed.
// What was posted before the destruction still runs.
class ContextThread
{
public:
  explicit ContextThread (const char *name)
      : context_ (Ref<GMainContext>::adopt (g_main_context_new ())),
        loop_ (
            Ref<GMainLoop>::adopt (g_main_loop_new (context_.get (), FALSE))),
        thread_ (g_thread_new (name, &ContextThread::run, this))
  {
  }
  ContextThread (const ContextThread &) = delete;
  ContextThread &operator= (const ContextThread &) = delete;
  // Must not be called on the thread itself.
  ~ContextThread ()
  {
    post (context_.get (), [this] { g_main_loop_quit (loop_.get ()); });
    g_thread_join (thread_);
  }

  GMainContext *context () const { return context_.get (); }
  bool is_current () const { return g_thread_self () == thread_; }

private:
  static gpointer run (gpointer data)
  {
    auto *self = static_cast<ContextThread *> (data);
    g_main_context_push_thread_default (self->context_.get ());
    g_main_loop_run (self->loop_.get ());
    g_main_context_pop_thread_default (self->context_.get ());
    return nullptr;
  }

  Ref<GMainContext> context_;
  Ref<GMainLoop> loop_;
  GThread *thread_;
};

} // namespace restream
