// SPDX-License-Identifier: LGPL-2.1-or-later
// What can go wrong while a request is under way: long and slow bodies, late
// answers, clients and servers that disappear.
#include "tests/whep/whep-fixture.h"

#include "plugin/whep/body-guard.h"

#include <memory>

using namespace std::string_literals;

static std::string
chunk (std::size_t size)
{
  g_autofree char *head = g_strdup_printf ("%zx\r\n", size);
  return head + std::string (size, 'x') + "\r\n";
}

static std::string
chunked_post ()
{
  return Fixture::request ("POST /whep",
      "Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n");
}

static void
announced_length_is_bounded ()
{
  Fixture f;
  std::string big (whep::kMaxBodyBytes + 1, 'x');
  std::string type = "Content-Type: application/sdp\r\n";
  g_assert_cmpint (f.call ("POST /whep", type, big).status, ==, 413);
  big.pop_back ();
  g_assert_cmpint (f.call ("POST /whep", type, big).status, ==, 201);
  // Refused at once to who asks before it sends: only the headers are sent here.
  Reply asked = f.exchange (f.request ("POST /whep",
      type + "Expect: 100-continue\r\nContent-Length: 10000000000\r\n"));
  g_assert_cmpint (asked.status, ==, 413);
  g_assert_cmpstr (asked.header ("content-type").c_str (), ==,
      "application/problem+json");
  g_assert_cmpstr (asked.header ("access-control-allow-origin").c_str (), ==,
      "*");
  // 100 Continue must not lose our headers.
  Reply told = f.exchange (f.post ("/whep", "Expect: 100-continue\r\n"));
  g_assert_cmpint (told.status, ==, 201);
  g_assert_cmpstr (told.header ("access-control-allow-origin").c_str (), ==,
      "*");
  g_assert_cmpuint (f.backend.offers.size (), ==, 2);
}

static void
ten_megabytes_in_chunks ()
{
  Fixture f;
  Reply reply;
  std::size_t most_kept = 0;
  g_signal_connect (f.soup.get (), "request-started",
      G_CALLBACK (
          +[] (SoupServer *, SoupServerMessage *msg, std::size_t *most) {
            g_signal_connect_after (msg, "got-chunk",
                G_CALLBACK (
                    +[] (SoupServerMessage *m, GBytes *, std::size_t *kept) {
                      SoupMessageBody *body =
                          soup_server_message_get_request_body (m);
                      *kept = std::max (*kept, std::size_t (body->length));
                    }),
                most);
          }),
      &most_kept);
  beside_main_loop ([&] {
    Connection connection (f.port);
    connection.send (chunked_post ());
    for (int i = 0; i < 160; i++)
      g_assert_true (connection.send (chunk (64 * 1024)));
    connection.send ("0\r\n\r\n");
    reply = connection.read ();
  });
  g_assert_cmpint (reply.status, ==, 413);
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
  g_assert_cmpuint (most_kept, <=, whep::kMaxBodyBytes + 64 * 1024);
}

static void
endless_body_is_cut_off ()
{
  Fixture f;
  for (const char *line : {"POST /whep", "DELETE /whep/x", "GET /whep"}) {
    bool cut = false;
    beside_main_loop ([&] {
      Connection connection (f.port);
      connection.send (Fixture::request (line,
          "Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n"));
      std::string piece = chunk (64 * 1024);
      for (std::size_t sent = 0; !cut && sent < 8 * whep::kMaxDrainBytes;
           sent += 64 * 1024)
        cut = !connection.send (piece);
    });
    g_assert_true (cut);
  }
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
  g_assert_cmpint (f.exchange (f.post ()).status, ==, 201);
}

static void
slow_body_is_cut_off ()
{
  auto soup = whep::new_http_server ();
  soup_server_add_early_handler (
      soup.get (), "/",
      +[] (SoupServer *, SoupServerMessage *msg, const char *, GHashTable *,
           gpointer) { whep::guard_body (msg, 1000, 50); },
      nullptr, nullptr);
  g_assert_true (soup_server_listen_local (soup.get (), 0,
      SOUP_SERVER_LISTEN_IPV4_ONLY, nullptr));
  GSList *uris = soup_server_get_uris (soup.get ());
  auto port = guint16 (g_uri_get_port (static_cast<GUri *> (uris->data)));
  g_slist_free_full (uris, reinterpret_cast<GDestroyNotify> (g_uri_unref));
  Reply reply;
  reply.status = -1;
  beside_main_loop ([&] {
    Connection connection (port);
    connection.send (
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    reply = connection.read ();
  });
  g_assert_cmpint (reply.status, ==, 0);
}

static void
odd_requests_do_no_harm ()
{
  Fixture f;
  const std::string odd[] = {
      "\r\n\r\n\r\n",
      "POST\r\n\r\n",
      "POST /whep\r\n\r\n",
      "POST /whep HTTP/9.9\r\n\r\n",
      "POST /whep HTTP/1.1\r\n\r\n",
      "POST /whep HTTP/1.1\r\nHost: \r\n\r\n",
      "POST whep HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      Fixture::request ("POST /whep",
          "Content-Type: application/sdp\r\nContent-Length: -5\r\n"),
      Fixture::request ("POST /whep",
          "Content-Type: application/sdp\r\nContent-Length: abc\r\n"),
      Fixture::request ("POST /whep",
          "Content-Type: application/sdp\r\nContent-Length: "
          "99999999999999999999\r\n"),
      Fixture::request ("POST /whep",
          "Content-Type: application/sdp\r\nTransfer-Encoding: gzip\r\n"),
      chunked_post () + "zz\r\n",
      chunked_post () + "ffffffffffffffff\r\nx",
      std::string ("POST /whep HTTP/1.1\r\nHost: x\r\nX: ")
          + std::string (100000, 'x') + "\r\n\r\n",
      "POST /wh\0ep HTTP/1.1\r\nHost: x\r\n\r\n"s,
      "POST /whep HTTP/1.1\r\nHost: x\r\nContent-Type: "
      "application/sdp\r\nContent-Length: 50\r\n\r\nv",
  };
  for (const std::string &bytes : odd) {
    beside_main_loop ([&] {
      Connection connection (f.port);
      connection.send (bytes);
      connection.close ();
    });
    run_until ([] { return !g_main_context_pending (nullptr); });
  }
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
  g_assert_cmpint (f.exchange (f.post ()).status, ==, 201);
}

static void
answer_may_take_a_while ()
{
  Fixture f;
  f.backend.hold = true;
  Reply reply;
  std::thread client ([&] {
    Connection connection (f.port);
    connection.send (f.post ());
    reply = connection.read ();
  });
  run_until ([&] { return f.backend.held.size () == 1; });
  g_assert_cmpuint (f.server->pending_count (), ==, 1);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
  f.backend.held[0](f.backend.accept ());
  run_until ([&] { return f.server->pending_count () == 0; });
  client.join ();
  g_assert_cmpint (reply.status, ==, 201);
  g_assert_cmpuint (f.server->session_count (), ==, 1);
  g_assert_cmpuint (f.backend.viewers.size (), ==, 1);
}

static void
client_leaves_while_pending ()
{
  for (bool more : {false, true}) {
    Fixture f;
    f.backend.hold = true;
    beside_main_loop ([&] {
      Connection connection (f.port);
      connection.send (f.post ());
      if (more)
        connection.send (f.post ());
      while (f.server->pending_count () == 0)
        g_usleep (1000);
      connection.close ();
    });
    run_until ([&] { return f.server->pending_count () == 0; });
    f.backend.held[0](f.backend.accept ());
    run_until ([&] { return f.backend.removed.size () == 1; });
    g_assert_cmpuint (f.backend.viewers.size (), ==, 0);
    g_assert_cmpuint (f.server->session_count (), ==, 0);
  }
}

static void
late_answer_is_removed ()
{
  Fixture f ({.answer_timeout_ms = 50});
  f.backend.hold = true;
  Reply reply = f.exchange (f.post ());
  g_assert_cmpint (reply.status, ==, 504);
  g_assert_cmpuint (f.server->pending_count (), ==, 0);
  f.backend.held[0](f.backend.accept ());
  g_assert_cmpuint (f.backend.removed.size (), ==,
      0); // not from inside the callback
  run_until ([&] { return f.backend.removed.size () == 1; });
  // A late refusal is nothing to undo.
  f.exchange (f.post ());
  f.backend.held[1](Error{Code::internal, "late"});
  g_assert_cmpuint (f.backend.viewers.size (), ==, 0);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
}

static void
pending_requests_are_bounded ()
{
  Fixture f ({.max_pending = 3});
  f.backend.hold = true;
  std::vector<std::unique_ptr<Connection>> waiting;
  for (std::size_t i = 0; i < 3; i++) {
    beside_main_loop ([&] {
      waiting.push_back (std::make_unique<Connection> (f.port));
      waiting.back ()->send (f.post ());
    });
    run_until ([&] { return f.server->pending_count () == i + 1; });
  }
  Reply reply = f.exchange (f.post ());
  g_assert_cmpint (reply.status, ==, 503);
  g_assert_cmpint (atoi (reply.header ("retry-after").c_str ()), >, 0);
  g_assert_cmpuint (f.backend.held.size (), ==, 3);
}

static void
server_ends_while_pending ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  f.backend.hold = true;
  Reply reply;
  std::atomic<bool> done{false};
  std::thread client ([&] {
    Connection connection (f.port);
    connection.send (f.post ());
    reply = connection.read ();
    done = true;
  });
  run_until ([&] { return f.backend.held.size () == 1; });
  f.server.reset ();
  run_until ([&] { return done.load (); });
  client.join ();
  g_assert_cmpint (reply.status, ==, 503);
  f.backend.held[0](f.backend.accept ()); // into the void
  g_assert_cmpint (f.exchange (f.post ()).status, ==, 404);
  g_assert_cmpint (f.call ("DELETE " + session).status, ==, 404);
  while (g_main_context_iteration (nullptr, FALSE)) {
  }
  g_assert_cmpuint (f.backend.removed.size (), ==, 0);
}

static void
listener_ends_while_pending ()
{
  Fixture f;
  f.backend.hold = true;
  std::thread client ([&] {
    Connection connection (f.port);
    connection.send (f.post ());
    connection.read ();
  });
  run_until ([&] { return f.backend.held.size () == 1; });
  soup_server_disconnect (f.soup.get ());
  run_until ([&] { return f.server->pending_count () == 0; });
  client.join ();
  f.backend.held[0](f.backend.accept ());
  run_until ([&] { return f.backend.removed.size () == 1; });
}

static void
many_at_once ()
{
  Fixture f;
  f.backend.hold = true;
  constexpr std::size_t kClients = 50;
  std::atomic<std::size_t> created{0}, done{0};
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < kClients; i++)
    clients.emplace_back ([&, i] {
      Connection connection (f.port);
      connection.send (f.post ());
      if (i % 5 == 0) {
        connection.close ();
      } else if (connection.read ().status == 201) {
        created++;
      }
      done++;
    });
  std::size_t answered = 0;
  while (done < kClients) {
    run_until (
        [&] { return f.backend.held.size () > answered || done == kClients; });
    while (answered < f.backend.held.size ())
      f.backend.held[answered++](f.backend.accept ());
  }
  for (std::thread &client : clients)
    client.join ();
  g_assert_cmpuint (created, ==, kClients * 4 / 5);
  run_until ([&] { return f.server->pending_count () == 0; });
  while (g_main_context_iteration (nullptr, FALSE)) {
  }
  // Who left before its answer was written has no session; a few may have left after.
  g_assert_cmpuint (f.server->session_count (), ==, f.backend.viewers.size ());
  g_assert_cmpuint (f.server->session_count (), >=, created);
}

static int
descriptors ()
{
  int count = 0;
  GDir *folder = g_dir_open ("/proc/self/fd", 0, nullptr);
  while (g_dir_read_name (folder))
    count++;
  g_dir_close (folder);
  return count;
}

// Whatever a client does with a connection, it costs nothing once it is closed.
static void
connections_leave_nothing ()
{
  Fixture f;
  const std::string keep = "OPTIONS /whep HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string post = "POST /whep HTTP/1.1\r\nHost: x\r\n"
                           "Content-Type: application/sdp\r\n";
  // What it sends at once, and after an answer.
  const std::pair<std::string, std::string> cases[] = {{"", ""},
      {"POST /wh", ""}, {keep, ""}, {keep, keep}, {keep + keep, ""},
      {post + "Content-Length: 30\r\n\r\nabc", ""},
      {post + "Content-Length: 3\r\n\r\nabc", ""},
      {post + "Content-Length: -3\r\n\r\nabc", ""},
      {post + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc"},
      {post + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", ""}};
  f.call ("OPTIONS /whep"); // what GIO opens once
  int before = descriptors ();
  for (const auto &c : cases)
    beside_main_loop ([&] {
      for (int i = 0; i < 10; i++) {
        Connection connection (f.port);
        connection.send (c.first);
        connection.read_until_quiet (30);
        if (c.second.empty ())
          continue;
        connection.send (c.second);
        connection.read_until_quiet (30);
      }
    });
  run_until ([&] { return descriptors () <= before; });
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/whep/body/length", announced_length_is_bounded);
  g_test_add_func ("/whep/body/chunked", ten_megabytes_in_chunks);
  g_test_add_func ("/whep/body/endless", endless_body_is_cut_off);
  g_test_add_func ("/whep/body/slow", slow_body_is_cut_off);
  g_test_add_func ("/whep/body/odd", odd_requests_do_no_harm);
  g_test_add_func ("/whep/pending/answer", answer_may_take_a_while);
  g_test_add_func ("/whep/pending/client-leaves", client_leaves_while_pending);
  g_test_add_func ("/whep/pending/late", late_answer_is_removed);
  g_test_add_func ("/whep/pending/bounded", pending_requests_are_bounded);
  g_test_add_func ("/whep/pending/server-ends", server_ends_while_pending);
  g_test_add_func ("/whep/pending/listener-ends", listener_ends_while_pending);
  g_test_add_func ("/whep/pending/many", many_at_once);
  g_test_add_func ("/whep/connections", connections_leave_nothing);
  return g_test_run ();
}
