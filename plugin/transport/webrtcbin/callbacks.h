// SPDX-License-Identifier: LGPL-2.1-or-later
// From webrtcbin's threads to the owner of a viewer: what is called there touches
// its arguments only, and posts. It may hold webrtcbin's own lock.
#pragma once

#include "common/post.h"
#include "plugin/transport/webrtcbin/pending-calls.h"

#include <memory>
#include <utility>

namespace restream::transport {

// Whom to tell, and on which context; it may be gone by then.
template <typename T> struct Recipient
{
  Ref<GMainContext> context;
  std::weak_ptr<T> object;

  template <typename F> void tell (F f) const
  {
    post (context.get (), object, std::move (f));
  }
};

// As the user data of a C callback.
template <typename T>
void
free_recipient (gpointer data)
{
  delete static_cast<Recipient<T> *> (data);
}

// A promise whose outcome, whatever it is, is told; pending until then. Whom it is
// handed to takes a reference of his own.
template <typename T>
[[nodiscard]] Ref<GstPromise>
promise_to (Recipient<T> recipient, std::shared_ptr<PendingCalls> pending,
    void (T::*done) (Ref<GstPromise>))
{
  struct Call
  {
    Recipient<T> recipient;
    std::shared_ptr<PendingCalls> pending;
    void (T::*done) (Ref<GstPromise>);
  };
  pending->begin ();
  return Ref<GstPromise>::adopt (gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto *call = static_cast<Call *> (data);
        call->recipient.tell (
            [done = call->done, kept = Ref<GstPromise>::retain (promise)] (
                T &object) { (object.*done) (kept); });
        call->pending->end ();
      },
      new Call{std::move (recipient), std::move (pending), done},
      +[] (gpointer data) { delete static_cast<Call *> (data); }));
}

// Tells of each emission of a notify signal. Ends with the emitter.
template <typename T>
void
on_notify (gpointer emitter, const char *signal, Recipient<T> recipient,
    void (T::*handler) ())
{
  struct Call
  {
    Recipient<T> recipient;
    void (T::*handler) ();
  };
  g_signal_connect_data (
      emitter, signal,
      G_CALLBACK (+[] (GObject *, GParamSpec *, gpointer data) {
        auto *call = static_cast<Call *> (data);
        call->recipient.tell (
            [handler = call->handler] (T &object) { (object.*handler) (); });
      }),
      new Call{std::move (recipient), handler},
      +[] (gpointer data, GClosure *) { delete static_cast<Call *> (data); },
      static_cast<GConnectFlags> (0));
}

} // namespace restream::transport
