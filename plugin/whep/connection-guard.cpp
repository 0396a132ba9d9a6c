// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/connection-guard.h"

#include "common/post.h"

#include <memory>
#include <sys/resource.h>

namespace restream::whep {

namespace {

constexpr const char *kGuardKey = "rtprestream-connection-guard";

struct Bounds
{
  std::size_t max_connections;
  unsigned header_timeout_ms;
  std::size_t connections = 0;
};

// Lives as long as its message, which over HTTP/1 is as long as the connection at
// the most.
class ConnectionGuard
{
public:
  ConnectionGuard (SoupServerMessage *msg, std::shared_ptr<Bounds> bounds)
      : bounds_ (std::move (bounds))
  {
    bounds_->connections++;
    bool too_many = bounds_->connections > bounds_->max_connections;
    // From inside the accepting nothing may be closed.
    timer_ = Timer (g_main_context_get_thread_default (),
        too_many ? 0 : bounds_->header_timeout_ms, [msg] {
          if (GSocket *socket = soup_server_message_get_socket (msg))
            g_socket_shutdown (socket, TRUE, TRUE, nullptr);
          return false;
        });
    g_signal_connect (msg, "got-headers",
        G_CALLBACK (+[] (SoupServerMessage *, ConnectionGuard *self) {
          self->timer_.cancel ();
        }),
        this);
  }
  ~ConnectionGuard () { bounds_->connections--; }

private:
  const std::shared_ptr<Bounds> bounds_;
  Timer timer_;
};

} // namespace

void
guard_connections (SoupServer *server, std::size_t max_connections,
    unsigned header_timeout_ms)
{
  auto *bounds = new std::shared_ptr<Bounds> (
      std::make_shared<Bounds> (Bounds{max_connections, header_timeout_ms}));
  g_signal_connect_data (
      server, "request-started",
      G_CALLBACK (+[] (SoupServer *, SoupServerMessage *msg, gpointer data) {
        auto *shared = static_cast<std::shared_ptr<Bounds> *> (data);
        g_object_set_data_full (
            G_OBJECT (msg), kGuardKey, new ConnectionGuard (msg, *shared),
            +[] (gpointer guard) {
              delete static_cast<ConnectionGuard *> (guard);
            });
      }),
      bounds,
      +[] (gpointer data, GClosure *) {
        delete static_cast<std::shared_ptr<Bounds> *> (data);
      },
      GConnectFlags (0));
}

std::size_t
default_max_connections ()
{
  struct rlimit limit;
  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 65536;
  return limit.rlim_cur / 2;
}

} // namespace restream::whep
