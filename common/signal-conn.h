// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

namespace restream {

// A signal connection that ends with its owner. Holds a reference to the
// emitter, so that it may be dropped at any time.
class SignalConn
{
public:
  SignalConn () = default;
  // callback: a capture-less function whose last parameter is data.
  SignalConn (gpointer object, const char *signal, GCallback callback,
      gpointer data)
      : object_ (Ref<GObject>::retain (G_OBJECT (object))),
        id_ (g_signal_connect (object, signal, callback, data))
  {
  }
  SignalConn (SignalConn &&other) noexcept
      : object_ (std::move (other.object_)), id_ (std::exchange (other.id_, 0))
  {
  }
  SignalConn &operator= (SignalConn &&other) noexcept
  {
    if (this != &other) {
      disconnect ();
      object_ = std::move (other.object_);
      id_ = std::exchange (other.id_, 0);
    }
    return *this;
  }
  ~SignalConn () { disconnect (); }

  void disconnect ()
  {
    if (id_)
      g_signal_handler_disconnect (object_.get (), id_);
    id_ = 0;
    object_.reset ();
  }

private:
  Ref<GObject> object_;
  gulong id_ = 0;
};

} // namespace restream
