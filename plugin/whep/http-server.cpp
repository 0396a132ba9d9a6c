// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/http-server.h"

#include "plugin/whep/body-guard.h"
#include "plugin/whep/connection-guard.h"
#include "plugin/whep/left-sockets.h"

namespace restream::whep {

namespace {

void
close_after_answer (SoupServerMessage *msg, gpointer)
{
  if (soup_server_message_get_http_version (msg) >= SOUP_HTTP_2_0)
    return;
  soup_message_headers_replace (soup_server_message_get_response_headers (msg),
      "Connection", "close");
}

void
got_headers (SoupServerMessage *msg, gpointer data)
{
  SoupExpectation expected = soup_message_headers_get_expectations (
      soup_server_message_get_request_headers (msg));
  bool goes_on = (expected & SOUP_EXPECTATION_CONTINUE)
      && soup_server_message_get_status (msg) == 0;
  if (!goes_on) // to a 100 Continue this would belong, and go with it
    close_after_answer (msg, data);
}

// libsoup before 3.3 keeps a connection for ever whose client closes it between
// two requests: without this a server runs out of descriptors.
void
close_after_each_answer (SoupServer *server)
{
  if (soup_check_version (3, 3, 0))
    return;
  g_signal_connect (server, "request-started",
      G_CALLBACK (+[] (SoupServer *, SoupServerMessage *msg, gpointer) {
        g_signal_connect (msg, "got-headers", G_CALLBACK (got_headers),
            nullptr);
        g_signal_connect (msg, "got-body", G_CALLBACK (close_after_answer),
            nullptr);
      }),
      nullptr);
}

} // namespace

Ref<SoupServer>
new_http_server ()
{
  auto server = Ref<SoupServer>::adopt (soup_server_new ("raw-paths", TRUE,
      "server-header", "rtprestream ", nullptr));
  close_after_each_answer (server.get ());
  guard_connections (server.get (), default_max_connections ());
  let_left_sockets_go (server.get ());
  guard_all_bodies (server.get (), kMaxOtherBodyBytes);
  return server;
}

} // namespace restream::whep
