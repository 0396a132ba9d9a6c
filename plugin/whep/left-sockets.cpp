// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/left-sockets.h"

#include "common/post.h"

#include <list>

namespace restream::whep {

namespace {

constexpr const char *kSocketsKey = "rtprestream-left-sockets";

// One accepted connection. Stays where it is: weak references do not move.
class Watched
{
public:
  Watched (GSocket *socket, SoupServerMessage *msg)
  {
    g_weak_ref_init (&socket_, socket);
    g_weak_ref_init (&msg_, msg);
  }
  ~Watched ()
  {
    g_weak_ref_clear (&socket_);
    g_weak_ref_clear (&msg_);
  }
  Watched (const Watched &) = delete;
  Watched &operator= (const Watched &) = delete;

  // True when there is nothing more to watch.
  bool sweep ()
  {
    auto *socket = static_cast<GSocket *> (g_weak_ref_get (&socket_));
    if (!socket)
      return true;
    auto msg =
        Ref<GObject>::adopt (static_cast<GObject *> (g_weak_ref_get (&msg_)));
    // Ours, and the one that was left.
    bool left = !msg && g_socket_is_closed (socket)
        && g_atomic_int_get (&G_OBJECT (socket)->ref_count) == 2;
    bool again = std::exchange (left_, left) && left;
    if (again)
      g_object_unref (socket);
    g_object_unref (socket);
    return again;
  }

private:
  GWeakRef socket_, msg_;
  bool left_ = false; // at the last sweep
};

class LeftSockets
{
public:
  explicit LeftSockets (unsigned interval_ms) : interval_ms_ (interval_ms) {}

  void started (SoupServerMessage *msg)
  {
    GSocket *socket = soup_server_message_get_socket (msg);
    if (!socket || g_object_get_data (G_OBJECT (socket), kSocketsKey))
      return;
    g_object_set_data (G_OBJECT (socket), kSocketsKey, this); // seen
    watched_.emplace_back (socket, msg);
    if (!timer_.active ())
      timer_ =
          Timer (g_main_context_get_thread_default (), interval_ms_, [this] {
            watched_.remove_if ([] (Watched &one) { return one.sweep (); });
            return !watched_.empty ();
          });
  }

private:
  const unsigned interval_ms_;
  std::list<Watched> watched_;
  Timer timer_;
};

} // namespace

void
let_left_sockets_go (SoupServer *server, unsigned interval_ms)
{
  if (soup_check_version (3, 4, 0)
      || g_object_get_data (G_OBJECT (server), kSocketsKey))
    return;
  auto *sockets = new LeftSockets (interval_ms);
  g_object_set_data_full (
      G_OBJECT (server), kSocketsKey, sockets,
      +[] (gpointer data) { delete static_cast<LeftSockets *> (data); });
  g_signal_connect (server, "request-started",
      G_CALLBACK (+[] (SoupServer *, SoupServerMessage *msg, gpointer data) {
        static_cast<LeftSockets *> (data)->started (msg);
      }),
      sockets);
}

} // namespace restream::whep
