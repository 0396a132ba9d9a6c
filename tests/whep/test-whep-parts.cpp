// SPDX-License-Identifier: LGPL-2.1-or-later
// The parts of the WHEP server that need no requests, or any.
#include "common/post.h"
#include "plugin/whep/bearer.h"
#include "plugin/whep/ice-servers.h"
#include "plugin/whep/left-sockets.h"
#include "plugin/whep/precondition.h"
#include "plugin/whep/rate-limit.h"
#include "plugin/whep/route.h"

#include <glib.h>

#include <cstring>

using namespace restream;
using namespace restream::whep;

static void
test_if_match ()
{
  const char *matching[] = {"\"a\"", "*", "\"*\"", "\"b\",\"a\"", " \"a\" ",
      "W/\"a\", \"a\"", "\"b\" \"a\""};
  for (const char *field : matching)
    g_assert_true (check_if_match (field, "\"a\"").has_value ());
  const char *others[] = {"", "a", "\"b\"", "W/\"a\"", "\"a", "W/", "W/*x",
      "\"\"", ",", "\"b\",a,\"a\""};
  for (const char *field : others) {
    Result<void> result = check_if_match (field, "\"a\"");
    g_assert_false (result.has_value ());
    g_assert_true (result.error ().code == Code::precondition_failed);
  }
  g_assert_true (check_if_match (nullptr, "\"a\"").error ().code
      == Code::precondition_required);
}

static void
test_rate_limit ()
{
  RateLimit none (0);
  for (int i = 0; i < 1000; i++)
    g_assert_cmpuint (none.ask ("a", 0), ==, 0);

  RateLimit limit (2);
  std::int64_t now = 1'000'000'000;
  for (int i = 0; i < 20; i++)
    g_assert_cmpuint (limit.ask ("a", now), ==, 0);
  g_assert_cmpuint (limit.ask ("a", now), ==, 1);
  g_assert_cmpuint (limit.ask ("b", now), ==, 0);
  g_assert_cmpuint (limit.ask ("a", now + 500'000), ==, 0);
  g_assert_cmpuint (limit.ask ("a", now + 500'000), ==, 1);
  g_assert_cmpuint (limit.ask ("a", now - 5'000'000), ==, 1); // no harm
  now += 3600 * std::int64_t{1'000'000};
  for (int i = 0; i < 20; i++)
    g_assert_cmpuint (limit.ask ("a", now), ==, 0);
  g_assert_cmpuint (limit.ask ("a", now), ==, 1);

  for (std::size_t i = 0; i < 2 * RateLimit::kMaxClients; i++) {
    limit.ask ("client " + std::to_string (i), now);
    g_assert_cmpuint (limit.ask ("a", now), ==, 1); // who asks is not forgotten
  }
  g_assert_cmpuint (limit.size (), ==, RateLimit::kMaxClients);
}

static void
test_ice_servers ()
{
  for (const char *text :
      {"stun:a", "stun:a:1", "stuns:a", "turn:a", "turn:u:p@a",
          "turns:u:p@a:5349?transport=tcp", "stun:[2001:db8::1]:3478"})
    g_assert_true (parse_ice_server (text).has_value ());
  for (const char *text : {"", "a", "stun", "stun:", "http://a", "stun:u:p@a",
           "turn:u@a", "turn::p@a", "turn:u:@a", "stun:a?transport=udp",
           "turn:a?transport=sctp", "turn:a b", "turn:a>", "turn:a\"",
           "turn:a,b", "turn:\r\nX: y", "stun:a/b", "turn:u:p@:1"})
    g_assert_false (parse_ice_server (text).has_value ());

  IceServers servers{.list = {*parse_ice_server ("turn:t.example.org")}};
  g_assert_cmpuint (ice_server_links (servers, "v1", 0).size (), ==, 0);
  servers.turn_secret = "north";
  servers.turn_ttl_s = 60;
  // By: printf 1060:v1 | openssl dgst -sha1 -hmac north -binary | base64
  std::string link = ice_server_links (servers, "v1", 1000)[0];
  g_assert_cmpstr (link.c_str (), ==,
      "<turn:t.example.org>; rel=\"ice-server\"; username=\"1060:v1\"; "
      "credential=\"+ckezpe3vfusQrkKJCzGEt/Dao0=\"; "
      "credential-type=\"password\"");
}

static void
test_tokens ()
{
  for (const char *token : {"a", "A-._~+/9==", "abc="})
    g_assert_true (is_bearer_token (token));
  for (const char *token : {"", "=", "a b", "a\"", "a=b", "ü", "a\n"})
    g_assert_false (is_bearer_token (token));
  g_assert_false (is_bearer_token (std::string (5000, 'a')));
}

static void
test_routes ()
{
  using Kind = Route::Kind;
  auto kind = [] (const char *path, bool named) {
    auto route = parse_route (path, named, true);
    return route ? int (route->kind) : 0;
  };
  g_assert_cmpint (kind ("", false), ==, int (Kind::endpoint));
  g_assert_cmpint (kind ("/s", false), ==, int (Kind::session));
  g_assert_cmpint (kind ("/s/events", false), ==, int (Kind::events));
  g_assert_cmpint (kind ("/s/events/1", false), ==, int (Kind::event_stream));
  g_assert_cmpint (kind ("/s/events/1/", false), ==, int (Kind::event_stream));
  g_assert_cmpint (kind ("/s/events/1/2", false), ==, 0);
  g_assert_cmpint (kind ("/s/event", false), ==, 0);
  g_assert_cmpint (kind ("/s//1", false), ==, 0);
  g_assert_cmpint (kind ("/c/s/events/1", true), ==, int (Kind::event_stream));
  g_assert_cmpint (kind ("/c/events", true), ==, int (Kind::session));
  g_assert_cmpint (kind ("/c/s/events//", true), ==, 0);
}

// The sockets of connections that have come and gone are freed, whatever libsoup forgets.
static void
test_left_sockets ()
{
  auto server = Ref<SoupServer>::adopt (soup_server_new (nullptr, nullptr));
  let_left_sockets_go (server.get (), 10);
  unsigned accepted = 0;
  static unsigned freed;
  freed = 0;
  g_signal_connect (server.get (), "request-started",
      G_CALLBACK (+[] (SoupServer *, SoupServerMessage *msg, unsigned *count) {
        (*count)++;
        g_object_weak_ref (
            G_OBJECT (soup_server_message_get_socket (msg)),
            +[] (gpointer, GObject *) { freed++; }, nullptr);
      }),
      &accepted);
  Owned<GError> error;
  g_assert_true (soup_server_listen_local (server.get (), 0,
      SOUP_SERVER_LISTEN_IPV4_ONLY, out (error)));
  GSList *listeners = soup_server_get_listeners (server.get ());
  auto address = Ref<GSocketAddress>::adopt (g_socket_get_local_address (
      static_cast<GSocket *> (listeners->data), nullptr));
  g_slist_free (listeners);
  auto wait_for = [] (const unsigned &count, unsigned value) {
    gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
    while (count < value) {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      Timer tick (nullptr, 10, [] { return false; });
      g_main_context_iteration (nullptr, TRUE);
    }
  };
  auto client = Ref<GSocketClient>::adopt (g_socket_client_new ());
  auto connect = [&] {
    return Ref<GSocketConnection>::adopt (
        g_socket_client_connect (client.get (),
            G_SOCKET_CONNECTABLE (address.get ()), nullptr, nullptr));
  };
  for (unsigned i = 0; i < 5; i++) {
    auto connection = connect ();
    GOutputStream *stream =
        g_io_stream_get_output_stream (G_IO_STREAM (connection.get ()));
    const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n"
                           "Connection: close\r\n\r\n";
    g_assert_true (g_output_stream_write_all (stream, request,
        i < 4 ? strlen (request) : 5, nullptr, nullptr, nullptr));
    wait_for (accepted, i + 1);
    if (i < 4) // the last one goes in the middle of its request
      continue;
    auto open = connect ();
    wait_for (accepted, 6);
    connection.reset ();
    wait_for (freed, 5);
    g_assert_cmpuint (freed, ==, 5); // not the one that is open
    open.reset ();
    wait_for (freed, 6);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/whep/parts/if-match", test_if_match);
  g_test_add_func ("/whep/parts/rate-limit", test_rate_limit);
  g_test_add_func ("/whep/parts/ice-servers", test_ice_servers);
  g_test_add_func ("/whep/parts/tokens", test_tokens);
  g_test_add_func ("/whep/parts/routes", test_routes);
  g_test_add_func ("/whep/parts/left-sockets", test_left_sockets);
  return g_test_run ();
}
