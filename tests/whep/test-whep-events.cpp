// SPDX-License-Identifier: LGPL-2.1-or-later
// The server-sent-events extension, over real HTTP.
#include "tests/whep/whep-fixture.h"

#include <memory>

static Reply
subscribe (Fixture &f, const std::string &session, const std::string &types)
{
  return f.call ("POST " + session + "/events",
      types.empty () ? "" : "Content-Type: application/json\r\n", types);
}

// A client that reads a stream of events, in a thread of its own.
class Listener
{
public:
  Listener (Fixture &f, const std::string &path) : connection_ (f.port)
  {
    connection_.send (f.request ("GET " + path));
    thread_ = std::thread ([this] {
      reply_ = connection_.read ();
      done_ = true;
      g_main_context_wakeup (nullptr);
    });
  }
  ~Listener ()
  {
    if (thread_.joinable ())
      thread_.join ();
  }
  // All of it, when it has ended.
  const Reply &reply ()
  {
    run_until ([&] { return done_.load (); });
    return reply_;
  }
  void hang_up () { connection_.shut_down (); }

private:
  Connection connection_;
  std::thread thread_;
  std::atomic<bool> done_{false};
  Reply reply_;
};

static std::size_t
count (const std::string &text, const std::string &part)
{
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find (part, at)) != text.npos;
       at += part.size ())
    n++;
  return n;
}

static void
streams_tell ()
{
  Fixture f;
  f.backend.now = {.active = false, .viewers = 1};
  std::string session = f.exchange (f.post ()).header ("location");
  Reply all = subscribe (f, session, "");
  g_assert_cmpint (all.status, ==, 201);
  g_assert_true (all.header ("location").starts_with (session + "/events/"));
  Reply some = subscribe (f, session, "[\"reconnect\", \"active\"]");
  g_assert_cmpint (some.status, ==, 201);

  Listener everything (f, all.header ("location"));
  Listener filtered (f, some.header ("location"));
  run_until ([&] { return f.server->event_connection_count () == 2; });
  f.backend.now.active = true;
  f.server->stream_changed ("");
  f.server->stream_changed (""); // no news
  f.backend.now.active = false;
  f.server->stream_changed ("");
  f.server->ask_to_reconnect ("");
  f.server->ask_to_reconnect ("another");
  f.server->viewer_removed ("", "viewer-1");

  const Reply &reply = everything.reply ();
  g_assert_cmpint (reply.status, ==, 200);
  g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
      "text/event-stream");
  g_assert_cmpstr (reply.header ("access-control-allow-origin").c_str (), ==,
      "*");
  const std::string &body = reply.body;
  g_assert_cmpuint (count (body, "event: active\ndata: {}\n\n"), ==, 1);
  g_assert_cmpuint (count (body, "event: inactive\ndata: {}\n\n"), ==, 1);
  g_assert_cmpuint (count (body, "event: reconnect\ndata: {}\n\n"), ==, 1);
  g_assert_cmpuint (
      count (body, "event: viewercount\ndata: {\"viewercount\":1}\n\n"), ==, 1);
  g_assert_true (body.find ("event: active") < body.find ("event: inactive"));

  const std::string &less = filtered.reply ().body;
  g_assert_cmpuint (count (less, "event: active\n"), ==, 1);
  g_assert_cmpuint (count (less, "event: reconnect\n"), ==, 1);
  g_assert_cmpuint (count (less, "event:"), ==, 2);
  // With the session all is gone.
  g_assert_cmpint (f.call ("GET " + all.header ("location")).status, ==, 404);
  g_assert_cmpint (subscribe (f, session, "").status, ==, 404);
}

static void
streams_begin_with_what_is ()
{
  Fixture f;
  f.backend.now = {.active = true, .viewers = 7};
  std::string session = f.exchange (f.post ()).header ("location");
  std::string stream = subscribe (f, session, "").header ("location");
  Listener listener (f, stream);
  run_until ([&] { return f.server->event_connection_count () == 1; });
  g_assert_cmpint (f.call ("DELETE " + session).status, ==, 200);
  const std::string &body = listener.reply ().body;
  g_assert_cmpuint (count (body, "event: active\n"), ==, 1);
  g_assert_cmpuint (count (body, "{\"viewercount\":7}"), ==, 1);
  g_assert_cmpuint (count (body, "inactive"), ==, 0);
}

static void
requests_are_checked ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  for (const char *types : {"[\"active\", \"layers\"]", "[\"scte35\"]", "[1]",
           "[null]", "[[]]", "{}", "\"active\"", "[", "[\"active\" \"x\"]", "x",
           "[\"Active\"]", "[\"\"]"})
    g_assert_cmpint (subscribe (f, session, types).status, ==, 400);
  g_assert_cmpint (f.call ("POST " + session + "/events",
                        "Content-Type: text/plain\r\n", "[]")
                       .status,
      ==, 415);
  g_assert_cmpint (
      subscribe (f, session, "[" + std::string (5000, ' ') + "]").status, ==,
      413);
  g_assert_cmpint (subscribe (f, session + "0", "").status, ==, 404);
  Reply get = f.call ("GET " + session + "/events");
  g_assert_cmpint (get.status, ==, 405);
  g_assert_cmpstr (get.header ("allow").c_str (), ==, "OPTIONS, POST");
  // None of these has made a stream: there is room for as many as ever.
  for (std::size_t i = 0; i < whep::EventStreams::kMaxPerSession; i++)
    g_assert_cmpint (subscribe (f, session, "[]").status, ==, 201);
  Reply over = subscribe (f, session, "");
  g_assert_cmpint (over.status, ==, 429);
  g_assert_cmpint (atoi (over.header ("retry-after").c_str ()), >, 0);
}

static void
deleted_streams_are_gone ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  std::string stream = subscribe (f, session, "").header ("location");
  f.server->ask_to_reconnect (""); // queued, and dropped
  // Of its own session only.
  std::string other = f.exchange (f.post ()).header ("location");
  std::string wrong = other + stream.substr (session.size ());
  g_assert_cmpint (f.call ("DELETE " + wrong).status, ==, 404);
  g_assert_cmpint (f.call ("DELETE " + stream).status, ==, 200);
  g_assert_cmpint (f.call ("GET " + stream).status, ==, 404);
  g_assert_cmpint (f.call ("DELETE " + stream).status, ==, 404);
  g_assert_cmpint (f.call ("GET " + session).status, ==, 204);
}

static void
queues_are_bounded ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  std::string stream =
      subscribe (f, session, "[\"reconnect\"]").header ("location");
  for (int i = 0; i < 1000; i++)
    f.server->ask_to_reconnect ("");
  Listener listener (f, stream);
  run_until ([&] { return f.server->event_connection_count () == 1; });
  f.server->viewer_removed ("", "viewer-1");
  g_assert_cmpuint (count (listener.reply ().body, "event: reconnect"), ==,
      whep::EventStreams::kMaxQueued);
}

static void
connections_are_bounded ()
{
  Fixture f ({.max_event_connections = 1});
  std::string session = f.exchange (f.post ()).header ("location");
  std::string one = subscribe (f, session, "").header ("location");
  std::string two = subscribe (f, session, "").header ("location");
  auto first = std::make_unique<Listener> (f, one);
  run_until ([&] { return f.server->event_connection_count () == 1; });
  Reply refused = f.call ("GET " + two);
  g_assert_cmpint (refused.status, ==, 503);
  g_assert_cmpint (atoi (refused.header ("retry-after").c_str ()), >, 0);
  // Who fetches again takes over from its own former connection.
  Listener again (f, one);
  g_assert_cmpint (first->reply ().status, ==, 200);
  // Who goes away makes room.
  again.hang_up ();
  run_until ([&] { return f.server->event_connection_count () == 0; });
  Listener second (f, two);
  run_until ([&] { return f.server->event_connection_count () == 1; });
  g_assert_cmpint (f.call ("DELETE " + two).status, ==, 200);
  g_assert_cmpint (second.reply ().status, ==, 200);
}

static void
server_ends_with_streams ()
{
  std::unique_ptr<Listener> listener;
  {
    Fixture f;
    std::string session = f.exchange (f.post ()).header ("location");
    listener = std::make_unique<Listener> (f,
        subscribe (f, session, "").header ("location"));
    run_until ([&] { return f.server->event_connection_count () == 1; });
    f.server.reset ();
    g_assert_cmpint (listener->reply ().status, ==, 200);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/whep/events/tell", streams_tell);
  g_test_add_func ("/whep/events/begin", streams_begin_with_what_is);
  g_test_add_func ("/whep/events/requests", requests_are_checked);
  g_test_add_func ("/whep/events/delete", deleted_streams_are_gone);
  g_test_add_func ("/whep/events/queue", queues_are_bounded);
  g_test_add_func ("/whep/events/connections", connections_are_bounded);
  g_test_add_func ("/whep/events/end", server_ends_with_streams);
  return g_test_run ();
}
