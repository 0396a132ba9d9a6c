// SPDX-License-Identifier: LGPL-2.1-or-later
// PATCH of sessions, counter-offers, tokens, limits and Links, over real HTTP.
#include "tests/whep/whep-fixture.h"

#include <memory>

static Reply
patch (Fixture &f, const std::string &session, const std::string &if_match,
    const std::string &body = kFragment,
    const char *type = "application/trickle-ice-sdpfrag")
{
  std::string headers = std::string ("Content-Type: ") + type + "\r\n";
  if (!if_match.empty ())
    headers += "If-Match: " + if_match + "\r\n";
  return f.call ("PATCH " + session, headers, body);
}

static void
patch_trickles ()
{
  Fixture f;
  Reply posted = f.exchange (f.post ());
  std::string session = posted.header ("location"),
              tag = posted.header ("etag");
  Reply reply = patch (f, session, tag);
  g_assert_cmpint (reply.status, ==, 204);
  g_assert_cmpstr (reply.header ("etag").c_str (), ==, "");
  g_assert_cmpstr (reply.body.c_str (), ==, "");
  g_assert_cmpstr (f.backend.fragments.back ().c_str (), ==,
      kFragment.c_str ());
  g_assert_cmpint (patch (f, session, "\"other\" , W/\"x\", " + tag).status, ==,
      204);
  g_assert_cmpint (patch (f, session, "*").status, ==, 204);
}

static void
patch_needs_its_tag ()
{
  Fixture f;
  Reply posted = f.exchange (f.post ());
  std::string session = posted.header ("location"),
              tag = posted.header ("etag");
  g_assert_cmpint (patch (f, session, "").status, ==, 428);
  for (const std::string &stale :
      {std::string ("\"stale\""), "W/" + tag, tag.substr (1, tag.size () - 2),
          std::string ("\""), std::string (",,")})
    g_assert_cmpint (patch (f, session, stale).status, ==, 412);
  // That of another session, too.
  g_assert_cmpint (
      patch (f, session, f.exchange (f.post ()).header ("etag")).status, ==,
      412);
  g_assert_cmpuint (f.backend.fragments.size (), ==, 0);
}

static void
patch_restarts ()
{
  Fixture f;
  Reply posted = f.exchange (f.post ());
  std::string session = posted.header ("location"),
              tag = posted.header ("etag");
  // As the text of the draft has it, and as its example.
  for (const char *any : {"*", "\"*\""}) {
    Reply reply = patch (f, session, any, "new");
    g_assert_cmpint (reply.status, ==, 200);
    g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
        "application/trickle-ice-sdpfrag");
    g_assert_cmpstr (reply.body.c_str (), ==, "a=ice-ufrag:new");
    std::string renewed = reply.header ("etag");
    g_assert_true (renewed.starts_with ("\"") && renewed.size () > 10);
    g_assert_true (renewed != tag);
    g_assert_cmpint (patch (f, session, tag).status, ==, 412);
    g_assert_cmpint (patch (f, session, renewed).status, ==, 204);
    tag = renewed;
  }
  // A restart that fails changes nothing.
  f.backend.refusal = Error{Code::unprocessable, "cannot"};
  g_assert_cmpint (patch (f, session, "*", "new").status, ==, 422);
  f.backend.refusal.reset ();
  g_assert_cmpint (patch (f, session, tag).status, ==, 204);
  g_assert_cmpuint (f.backend.viewers.size (), ==, 1);
}

static void
patches_wait_for_each_other ()
{
  Fixture f;
  Reply posted = f.exchange (f.post ());
  std::string session = posted.header ("location"),
              tag = posted.header ("etag");
  f.backend.hold = true;
  auto send = [&] (Connection &connection, const std::string &if_match,
                  const std::string &body) {
    connection.send (f.request ("PATCH " + session,
        "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: " + if_match
            + "\r\n",
        body));
  };
  Connection first (f.port), second (f.port), gone (f.port);
  send (first, "*", "new");
  run_until ([&] { return f.backend.held_ice.size () == 1; });
  send (second, tag, kFragment); // stale by the time it is its turn
  send (gone, "*", "newer");
  run_until ([&] { return f.server->pending_count () == 3; });
  gone.close ();
  run_until ([&] { return f.server->pending_count () == 2; });
  g_assert_cmpuint (f.backend.held_ice.size (), ==, 1);
  f.backend.held_ice[0]();
  Reply one, two;
  beside_main_loop ([&] {
    one = first.read ();
    two = second.read ();
  });
  g_assert_cmpint (one.status, ==, 200);
  g_assert_cmpint (two.status, ==, 412);
  g_assert_cmpuint (f.backend.fragments.size (), ==, 1);
}

static void
patches_end_with_the_session ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  f.backend.hold = true;
  std::string bytes = f.request ("PATCH " + session,
      "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: *\r\n",
      kFragment);
  std::vector<std::unique_ptr<Connection>> connections;
  // One is at the backend, 16 wait, and that is the bound.
  for (std::size_t i = 1; i <= 17; i++) {
    connections.push_back (std::make_unique<Connection> (f.port));
    connections.back ()->send (bytes);
    run_until ([&] { return f.server->pending_count () == i; });
  }
  Reply over = f.exchange (bytes);
  g_assert_cmpint (over.status, ==, 429);
  g_assert_cmpint (atoi (over.header ("retry-after").c_str ()), >, 0);
  f.server->viewer_removed ("", "viewer-1");
  f.backend.held_ice[0]();
  beside_main_loop ([&] {
    for (auto &connection : connections)
      g_assert_cmpint (connection->read ().status, ==, 404);
  });
  g_assert_cmpuint (f.server->pending_count (), ==, 0);
}

static void
patch_content_is_checked ()
{
  Fixture f;
  Reply posted = f.exchange (f.post ());
  std::string session = posted.header ("location");
  for (const char *type : {"text/plain", "application/json", ""}) {
    Reply reply = patch (f, session, "*", kFragment, type);
    g_assert_cmpint (reply.status, ==, 415);
    g_assert_cmpstr (reply.header ("accept-patch").c_str (), ==,
        "application/trickle-ice-sdpfrag, application/sdp");
  }
  // An answer that nobody asked for.
  g_assert_cmpint (patch (f, session, "*", kAnswer, "application/sdp").status,
      ==, 422);
  g_assert_cmpint (
      patch (f, session, "*", std::string (200 * 1024, 'a')).status, ==, 413);
  g_assert_cmpint (patch (f, session + "0", "*").status, ==, 404);
  g_assert_cmpuint (f.backend.fragments.size (), ==, 0);
}

static void
counter_offer ()
{
  Fixture f;
  // Who lacks the codec is told so: no offer of ours would help.
  f.backend.refusal = Error{Code::not_acceptable, "no common codec"};
  Reply refused =
      f.call ("POST /whep", "Content-Type: application/sdp\r\n", "x");
  g_assert_cmpint (refused.status, ==, 406);
  g_assert_cmpstr (refused.header ("content-type").c_str (), ==,
      "application/problem+json");
  g_assert_nonnull (strstr (refused.body.c_str (), "no common codec"));
  for (const char *body : {"", "x"}) {
    f.backend.refusal.reset ();
    if (*body)
      f.backend.refusal = Error{Code::no_receiver, "no section for it"};
    Reply reply =
        f.call ("POST /whep", "Content-Type: application/sdp\r\n", body);
    g_assert_cmpint (reply.status, ==, 406);
    g_assert_true (reply.header ("content-type")
                       .starts_with ("application/sdp; valid-until=\""));
    g_assert_true (reply.header ("content-type").ends_with (" GMT\""));
    g_assert_cmpstr (reply.body.c_str (), ==, kOffer.c_str ());
    std::string session = reply.header ("location");
    g_assert_true (session.starts_with ("/whep/"));
    g_assert_cmpint (patch (f, session, "*").status, ==, 422); // not yet

    f.backend.refusal = Error{Code::bad_request, "no SDP"};
    g_assert_cmpint (patch (f, session, "", "x", "application/sdp").status, ==,
        400);
    f.backend.refusal.reset ();
    Reply answered = patch (f, session, "", kAnswer, "application/sdp");
    g_assert_cmpint (answered.status, ==, 204);
    g_assert_cmpstr (f.backend.answers.back ().c_str (), ==, kAnswer.c_str ());
    g_assert_true (answered.header ("etag").starts_with ("\""));
    g_assert_nonnull (strstr (answered.header ("link").c_str (),
        "urn:ietf:params:whep:ext:core:server-sent-events"));
    g_assert_cmpint (patch (f, session, answered.header ("etag")).status, ==,
        204);
    g_assert_cmpint (patch (f, session, "", kAnswer, "application/sdp").status,
        ==, 422);
    g_assert_cmpint (f.call ("DELETE " + session).status, ==, 200);
  }
  // One that is not answered: its session ends with the viewer.
  std::string session =
      f.call ("POST /whep", "Content-Type: application/sdp\r\n")
          .header ("location");
  f.server->viewer_removed ("", "viewer-3");
  g_assert_cmpint (patch (f, session, "", kAnswer, "application/sdp").status,
      ==, 404);
}

static void
tokens ()
{
  Fixture f;
  f.backend.bearer = "s3cr3t-._~+/==";
  auto post = [&] (const char *header) {
    return f.exchange (f.post ("/whep", header));
  };
  Reply none = post ("");
  g_assert_cmpint (none.status, ==, 401);
  g_assert_cmpstr (none.header ("www-authenticate").c_str (), ==,
      "Bearer realm=\"WHEP\"");
  g_assert_nonnull (
      strstr (none.header ("access-control-expose-headers").c_str (),
          "WWW-Authenticate"));
  for (const char *wrong :
      {"Authorization: Bearer s3cr3t-._~+/=\r\n", "Authorization: Bearer x\r\n",
          "Authorization: Bearer s3cr3t-._~+/===\r\n"}) {
    Reply reply = post (wrong);
    g_assert_cmpint (reply.status, ==, 401);
    g_assert_cmpstr (reply.header ("www-authenticate").c_str (), ==,
        "Bearer realm=\"WHEP\", error=\"invalid_token\"");
  }
  g_assert_cmpint (post ("Authorization: Basic YTpi\r\n").status, ==, 401);
  g_assert_cmpint (post ("Authorization: Bearers x\r\n").status, ==, 401);
  for (const char *malformed : {"Authorization: Bearer \r\n",
           "Authorization: Bearer a b\r\n", "Authorization: Bearer a\"b\r\n",
           "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"}) {
    int status = post (malformed).status;
    g_assert_true (status == 400 || status == 401);
  }
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
  const char *right = "Authorization: bearer s3cr3t-._~+/==\r\n";
  Reply posted = post (right);
  g_assert_cmpint (posted.status, ==, 201);
  std::string session = posted.header ("location");

  for (const char *method : {"GET ", "PATCH ", "DELETE ", "HEAD "}) {
    g_assert_cmpint (f.call (method + session).status, ==, 401);
    g_assert_cmpint (f.call (method + session + "/events").status, ==, 401);
  }
  for (const std::string &path : {std::string ("/whep"), session})
    g_assert_cmpint (f.call ("OPTIONS " + path).status, ==, 200);
  Reply events = f.call ("POST " + session + "/events",
      std::string (right) + "Content-Type: application/json\r\n",
      "[\"active\"]");
  g_assert_cmpint (events.status, ==, 201);
  g_assert_cmpint (f.call ("DELETE " + events.header ("location")).status, ==,
      401);
  g_assert_cmpint (f.call ("DELETE " + session, right).status, ==, 200);
}

static void
requests_are_limited ()
{
  Fixture f ({.requests_per_second = 1});
  // Nobody on this machine is counted.
  for (int i = 0; i < 30; i++)
    g_assert_cmpint (f.call ("DELETE /whep/unknown").status, ==, 404);
  const char *from = "X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n";
  std::map<int, int> statuses;
  Reply reply;
  for (int i = 0; i < 30; i++) {
    reply =
        f.call (i % 2 ? "DELETE /whep/unknown" : "PATCH /whep/unknown", from);
    statuses[reply.status]++;
  }
  g_assert_cmpint (statuses[404], >=, 10);
  g_assert_cmpint (statuses[429], >=, 10);
  while (reply.status != 429)
    reply = f.call ("DELETE /whep/unknown", from);
  g_assert_cmpint (atoi (reply.header ("retry-after").c_str ()), ==, 1);
  g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
      "application/problem+json");
  g_assert_cmpint (f.exchange (f.post ("/whep", from)).status, ==, 429);
  // Only what is costly is counted, and only by its own address.
  g_assert_cmpint (f.call ("GET /whep", from).status, ==, 200);
  g_assert_cmpint (f.call ("OPTIONS /whep", from).status, ==, 200);
  g_assert_cmpint (
      f.exchange (f.post ("/whep", "X-Forwarded-For: 192.0.2.2\r\n")).status,
      ==, 201);
}

static void
ice_servers_are_linked ()
{
  whep::IceServers servers;
  for (const char *text :
      {"stun:stun.example.org:3478", "turn:turn.example.org:3478?transport=udp",
          "turn:bob:p@ss@turn.example.net"})
    servers.list.push_back (*whep::parse_ice_server (text));
  servers.turn_secret = "north";
  Fixture f ({.ice_servers = servers});
  Reply reply = f.exchange (f.post ());
  const std::string &link = reply.header ("link");
  g_assert_nonnull (strstr (link.c_str (),
      "<stun:stun.example.org:3478>; rel=\"ice-server\""));
  g_assert_nonnull (strstr (link.c_str (),
      "<turn:turn.example.org:3478?transport=udp>; rel=\"ice-server\"; "
      "username=\""));
  g_assert_nonnull (strstr (link.c_str (),
      "<turn:turn.example.net>; rel=\"ice-server\"; username=\"bob\"; "
      "credential=\"p@ss\"; credential-type=\"password\""));
  g_assert_nonnull (strstr (link.c_str (),
      ("<" + reply.header ("location")
          + "/events>; "
            "rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; "
            "events=\"active,inactive,reconnect,viewercount\"")
          .c_str ()));
}

static void
paths_have_their_prefix ()
{
  Fixture f ({.base_path = "/video"});
  Reply reply = f.exchange (f.post ());
  g_assert_true (reply.header ("location").starts_with ("/video/whep/"));
  g_assert_nonnull (strstr (reply.header ("link").c_str (),
      ("<" + reply.header ("location") + "/events>").c_str ()));
  reply = f.exchange (f.post ("/whep", "X-Forwarded-Prefix: /other\r\n"));
  g_assert_true (reply.header ("location").starts_with ("/other/whep/"));
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/whep/session/trickle", patch_trickles);
  g_test_add_func ("/whep/session/tags", patch_needs_its_tag);
  g_test_add_func ("/whep/session/restart", patch_restarts);
  g_test_add_func ("/whep/session/order", patches_wait_for_each_other);
  g_test_add_func ("/whep/session/end", patches_end_with_the_session);
  g_test_add_func ("/whep/session/content", patch_content_is_checked);
  g_test_add_func ("/whep/session/counter-offer", counter_offer);
  g_test_add_func ("/whep/session/tokens", tokens);
  g_test_add_func ("/whep/session/rate-limit", requests_are_limited);
  g_test_add_func ("/whep/session/ice-servers", ice_servers_are_linked);
  g_test_add_func ("/whep/session/base-path", paths_have_their_prefix);
  return g_test_run ();
}
