// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/peer.h"

#include <gio/gio.h>

#include <poll.h>

#include <algorithm>
#include <cstring>

namespace restream::whep {

namespace {

// GLib's own source for descriptors knows no POLLRDHUP: its conditions are an
// enumeration that has no room for it.
struct HangUpSource
{
  GSource base;
  GPollFD poll;
};

GSourceFuncs hang_up_functions = {nullptr,
    +[] (GSource *source) -> gboolean {
      return reinterpret_cast<HangUpSource *> (source)->poll.revents != 0;
    },
    +[] (GSource *, GSourceFunc callback, gpointer data) -> gboolean {
      return callback (data);
    },
    nullptr, nullptr, nullptr};

} // namespace

bool
is_loopback (SoupServerMessage *msg)
{
  GSocketAddress *address = soup_server_message_get_remote_address (msg);
  if (!address || !G_IS_INET_SOCKET_ADDRESS (address))
    return false;
  GInetAddress *inet =
      g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  if (g_inet_address_get_is_loopback (inet))
    return true;
  // ::ffff:127.x.y.z, as a socket for both families reports IPv4.
  static constexpr guint8 kMapped[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
      0xff, 127};
  return g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6
      && memcmp (g_inet_address_to_bytes (inet), kMapped, sizeof kMapped) == 0;
}

std::string
client_of (SoupServerMessage *msg)
{
  Ref<GInetAddress> address;
  if (is_loopback (msg)) {
    const char *header = soup_message_headers_get_list (
        soup_server_message_get_request_headers (msg), "X-Forwarded-For");
    // The last one is what the proxy itself has seen.
    const char *last = header ? strrchr (header, ',') : nullptr;
    std::string text = last ? last + 1 : header ? header : "";
    text.erase (0, std::min (text.find_first_not_of (" \t"), text.size ()));
    address = Ref<GInetAddress>::adopt (
        g_inet_address_new_from_string (text.c_str ()));
  } else if (GSocketAddress *remote =
                 soup_server_message_get_remote_address (msg);
             remote && G_IS_INET_SOCKET_ADDRESS (remote)) {
    address = Ref<GInetAddress>::retain (
        g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)));
  }
  if (!address || g_inet_address_get_is_loopback (address.get ()))
    return "";
  bool v6 = g_inet_address_get_family (address.get ()) == G_SOCKET_FAMILY_IPV6;
  return std::string (
      reinterpret_cast<const char *> (g_inet_address_to_bytes (address.get ())),
      v6 ? 8 : 4);
}

HangUpWatch::HangUpWatch (SoupServerMessage *msg, std::function<void ()> gone)
{
  GSocket *socket = soup_server_message_get_socket (msg);
  if (!socket)
    return;
  source_ = Ref<GSource>::adopt (
      g_source_new (&hang_up_functions, sizeof (HangUpSource)));
  GPollFD &poll = reinterpret_cast<HangUpSource *> (source_.get ())->poll;
  // Not a read of nothing: there may be bytes of a next request in front.
  poll = {g_socket_get_fd (socket), POLLRDHUP | POLLHUP | POLLERR, 0};
  g_source_add_poll (source_.get (), &poll);
  g_source_set_callback (
      source_.get (),
      +[] (gpointer data) -> gboolean {
        (*static_cast<std::function<void ()> *> (data)) ();
        return G_SOURCE_REMOVE;
      },
      new std::function<void ()> (std::move (gone)),
      +[] (gpointer data) {
        delete static_cast<std::function<void ()> *> (data);
      });
  g_source_attach (source_.get (), g_main_context_get_thread_default ());
}

HangUpWatch &
HangUpWatch::operator= (HangUpWatch &&other) noexcept
{
  if (this != &other) {
    cancel ();
    source_ = std::move (other.source_);
  }
  return *this;
}

void
HangUpWatch::cancel ()
{
  if (source_)
    g_source_destroy (source_.get ());
  source_.reset ();
}

} // namespace restream::whep
