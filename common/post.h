// SPDX-License-Identifier: LGPL-2.1-or-later
// Messages to the owner of a piece of state: run a function in its GMainContext.
#pragma once

#include "common/ref.h"

#include <functional>
#include <memory>

namespace restream {

namespace detail {
inline gboolean
call_once (gpointer data)
{
  (*static_cast<std::function<void ()> *> (data)) ();
  return G_SOURCE_REMOVE;
}
inline void
free_call (gpointer data)
{
  delete static_cast<std::function<void ()> *> (data);
}
} // namespace detail

// Queues f for the context's thread; never runs it at once, whatever thread
// calls. In the order of posting.
inline void
post (GMainContext *context, std::function<void ()> f)
{
  Ref<GSource> source = Ref<GSource>::adopt (g_idle_source_new ());
  g_source_set_priority (source.get (), G_PRIORITY_DEFAULT);
  g_source_set_callback (source.get (), detail::call_once,
      new std::function<void ()> (std::move (f)), detail::free_call);
  g_source_attach (source.get (), context);
}

// The same for a method of an object that may be gone by then: dropped silently.
template <typename T, typename F>
void
post (GMainContext *context, std::weak_ptr<T> weak, F f)
{
  post (context,
      std::function<void ()> (
          [weak = std::move (weak), f = std::move (f)] () mutable {
            if (std::shared_ptr<T> self = weak.lock ())
              f (*self);
          }));
}

// A timer of a context that ends with its owner.
class Timer
{
public:
  Timer () = default;
  // Calls f every interval_ms (at least once after it) until it returns false.
  Timer (GMainContext *context, guint interval_ms, std::function<bool ()> f)
      : source_ (Ref<GSource>::adopt (g_timeout_source_new (interval_ms)))
  {
    g_source_set_callback (
        source_.get (),
        +[] (gpointer data) -> gboolean {
          return (*static_cast<std::function<bool ()> *> (data)) ();
        },
        new std::function<bool ()> (std::move (f)),
        +[] (gpointer data) {
          delete static_cast<std::function<bool ()> *> (data);
        });
    g_source_attach (source_.get (), context);
  }
  Timer (Timer &&) = default;
  Timer &operator= (Timer &&other) noexcept
  {
    if (this != &other) {
      cancel ();
      source_ = std::move (other.source_);
    }
    return *this;
  }
  ~Timer () { cancel (); }
  void cancel ()
  {
    if (source_)
      g_source_destroy (source_.get ());
    source_.reset ();
  }
  bool active () const
  {
    return source_ && !g_source_is_destroyed (source_.get ());
  }

private:
  Ref<GSource> source_;
};

} // namespace restream
