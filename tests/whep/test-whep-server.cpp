// SPDX-License-Identifier: LGPL-2.1-or-later
// What the WHEP server answers, over real HTTP.
#include "tests/whep/whep-fixture.h"

#include <json-glib/json-glib.h>

#include <memory>

static void
assert_problem (const Reply &reply, int status)
{
  g_assert_cmpint (reply.status, ==, status);
  g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
      "application/problem+json");
  g_assert_cmpstr (reply.header ("access-control-allow-origin").c_str (), ==,
      "*");
  g_autoptr (JsonParser) parser = json_parser_new ();
  Owned<GError> error;
  json_parser_load_from_data (parser, reply.body.data (),
      gssize (reply.body.size ()), out (error));
  g_assert_no_error (error.get ());
  JsonObject *object = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (object, "type"), ==,
      "about:blank");
  g_assert_cmpint (json_object_get_int_member (object, "status"), ==, status);
  g_assert_cmpuint (strlen (json_object_get_string_member (object, "title")), >,
      0);
  g_assert_cmpuint (strlen (json_object_get_string_member (object, "detail")),
      >, 0);
}

static bool
is_session_path (const std::string &path, const std::string &endpoint)
{
  return path.starts_with (endpoint + "/")
      && path.size () == endpoint.size () + 33
      && path.find_first_not_of ("0123456789abcdef", endpoint.size () + 1)
      == std::string::npos;
}

static void
post_answers_201 ()
{
  Fixture f;
  Reply reply = f.exchange (f.post ());
  g_assert_cmpint (reply.status, ==, 201);
  g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
      "application/sdp");
  g_assert_cmpstr (reply.header ("cache-control").c_str (), ==, "no-store");
  g_assert_cmpstr (reply.header ("access-control-allow-origin").c_str (), ==,
      "*");
  for (const char *exposed :
      {"Location", "ETag", "Link", "Retry-After", "Accept-Post"})
    g_assert_nonnull (strstr (
        reply.header ("access-control-expose-headers").c_str (), exposed));
  std::string tag = reply.header ("etag");
  g_assert_cmpuint (tag.size (), >=, 10);
  g_assert_true (tag.starts_with ("\"") && tag.ends_with ("\""));
  g_assert_true (is_session_path (reply.header ("location"), "/whep"));
  g_assert_cmpstr (reply.body.c_str (), ==, kAnswer.c_str ());
  g_assert_cmpuint (f.backend.offers.size (), ==, 1);
  g_assert_cmpstr (f.backend.offers[0].offer.c_str (), ==, kOffer.c_str ());
  g_assert_true (f.backend.offers[0].loopback);
  g_assert_cmpuint (f.server->session_count (), ==, 1);
  run_until ([&] { return f.server->pending_count () == 0; });

  Reply second = f.exchange (f.post ());
  g_assert_true (second.header ("location") != reply.header ("location"));
  g_assert_true (second.header ("etag") != tag);
  g_assert_cmpuint (f.backend.removed.size (), ==, 0);
}

static void
delete_ends_once ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  Reply first = f.call ("DELETE " + session, "If-Match: \"stale\"\r\n");
  g_assert_cmpint (first.status, ==, 200);
  g_assert_cmpstr (first.header ("access-control-allow-origin").c_str (), ==,
      "*");
  g_assert_cmpuint (f.backend.removed.size (), ==, 1);
  assert_problem (f.call ("DELETE " + session), 404);
  g_assert_cmpuint (f.backend.removed.size (), ==, 1);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
}

static void
options_answers_preflights ()
{
  Fixture f;
  f.backend.streams.clear ();
  Reply reply = f.call ("OPTIONS /whep",
      "Origin: https://example.org\r\n"
      "Access-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: content-type\r\n");
  g_assert_cmpint (reply.status, ==, 200);
  g_assert_cmpstr (reply.header ("accept-post").c_str (), ==,
      "application/sdp");
  g_assert_cmpstr (reply.header ("access-control-allow-origin").c_str (), ==,
      "*");
  g_assert_nonnull (
      strstr (reply.header ("access-control-allow-methods").c_str (), "POST"));
  for (const char *allowed : {"Content-Type", "Authorization", "If-Match"})
    g_assert_nonnull (strstr (
        reply.header ("access-control-allow-headers").c_str (), allowed));
  g_assert_cmpint (atoi (reply.header ("access-control-max-age").c_str ()), >,
      0);

  // A page must get to its 404, so the preflight does not look for the session.
  Reply session = f.call ("OPTIONS /whep/00000000000000000000000000000000");
  g_assert_cmpint (session.status, ==, 200);
  g_assert_nonnull (strstr (
      session.header ("access-control-allow-methods").c_str (), "DELETE"));
  g_assert_cmpstr (session.header ("accept-post").c_str (), ==, "");
}

static void
get_and_head_have_no_content ()
{
  Fixture f;
  for (const char *method : {"GET", "HEAD"}) {
    Reply reply = f.call (std::string (method) + " /whep");
    g_assert_cmpint (reply.status, ==, 200);
    g_assert_cmpstr (reply.header ("content-type").c_str (), ==,
        "application/sdp");
    g_assert_cmpuint (reply.body.size (), ==, 0);
  }
  std::string session = f.exchange (f.post ()).header ("location");
  g_assert_cmpint (f.call ("GET " + session).status, ==, 204);
  assert_problem (f.call ("GET " + session + "0"), 404);
  f.backend.streams[""] = Error{Code::conflict, "nobody publishes"};
  g_assert_cmpint (f.call ("GET /whep").status, ==, 200);
  f.backend.streams.clear ();
  assert_problem (f.call ("GET /whep"), 404);
  g_assert_cmpint (f.call ("HEAD /whep").status, ==, 404);
}

static void
other_methods_are_405 ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  for (const char *method : {"PUT", "PATCH", "DELETE", "BREW"}) {
    Reply reply = f.call (std::string (method) + " /whep", "", "x");
    assert_problem (reply, 405);
    g_assert_cmpstr (reply.header ("allow").c_str (), ==,
        "GET, HEAD, OPTIONS, POST");
  }
  for (const char *method : {"PUT", "POST"}) {
    Reply reply = f.call (std::string (method) + " " + session,
        "Content-Type: application/trickle-ice-sdpfrag\r\n",
        "a=end-of-candidates\r\n");
    assert_problem (reply, 405);
    g_assert_cmpstr (reply.header ("allow").c_str (), ==,
        "DELETE, GET, HEAD, OPTIONS, PATCH");
  }
  assert_problem (f.call ("PATCH /whep/unknown", "", "x"), 404);
}

static void
unknown_paths_are_404 ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  for (const char *path : {"/whep/unknown", "/whep//", "/whep//x", "/whep/a/b"})
    assert_problem (f.call (std::string ("DELETE ") + path), 404);
  assert_problem (f.call ("DELETE " + session + "/more"), 404);
  assert_problem (f.exchange (f.post ("/whepper")), 404);
  assert_problem (f.exchange (f.post ("/whep/" + std::string (3000, 'x'))),
      404);
  g_assert_cmpint (f.exchange (f.post ("/else")).status, ==, 404);
  g_assert_cmpuint (f.server->session_count (), ==, 1);
  // libsoup itself may refuse what is no URI.
  for (const char *path :
      {"/whep/%00", "/whep/%zz", "/whep/%", "/whep/..", "/whep/%2e%2e/x"}) {
    int status = f.exchange (f.post (path)).status;
    g_assert_true (status == 400 || status == 404);
  }
  // A trailing slash and a query do no harm.
  g_assert_cmpint (f.exchange (f.post ("/whep/")).status, ==, 201);
  g_assert_cmpint (f.exchange (f.post ("/whep?a=b")).status, ==, 201);
  g_assert_cmpint (f.exchange (f.post ("http://localhost/whep")).status, ==,
      201);
}

static void
content_type_is_checked ()
{
  Fixture f;
  auto post = [&] (const char *headers) {
    return f.call ("POST /whep", headers, kOffer);
  };
  Reply none = post ("");
  assert_problem (none, 415);
  g_assert_cmpstr (none.header ("accept-post").c_str (), ==, "application/sdp");
  assert_problem (post ("Content-Type: text/plain\r\n"), 415);
  assert_problem (post ("Content-Type: \r\n"), 415);
  assert_problem (post ("Content-Type: application/sdpx\r\n"), 415);
  assert_problem (post ("Content-Type: \xff\xfe/;;==\r\n"), 415);
  assert_problem (
      post ("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n"),
      415);
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
  g_assert_cmpint (
      post ("Content-Type: Application/SDP; charset=utf-8\r\n").status, ==,
      201);
}

static void
stream_is_checked_first ()
{
  Fixture f;
  f.backend.streams.clear ();
  assert_problem (f.call ("POST /whep", "Content-Type: text/plain\r\n", "x"),
      404);
  f.backend.streams[""] = Error{Code::conflict, "nobody publishes"};
  Reply later = f.exchange (f.post ());
  assert_problem (later, 409);
  g_assert_cmpint (atoi (later.header ("retry-after").c_str ()), >, 0);
  f.backend.streams[""] = Error{Code::conflict, "soon", 7};
  Reply soon = f.exchange (f.post ());
  g_assert_cmpstr (soon.header ("retry-after").c_str (), ==, "7");
  g_assert_cmpuint (f.backend.offers.size (), ==, 0);
}

static void
refusals_are_told ()
{
  Fixture f;
  struct
  {
    Code code;
    int status;
  } cases[] = {{Code::not_acceptable, 406}, {Code::bad_request, 400},
      {Code::conflict, 409}, {Code::unavailable, 503}, {Code::internal, 500},
      {Code::unprocessable, 422}};
  for (auto &c : cases) {
    f.backend.refusal = Error{c.code, "the reason: \"H.264\" \xff\n <b>"};
    Reply reply = f.exchange (f.post ());
    assert_problem (reply, c.status);
    g_assert_nonnull (
        strstr (reply.body.c_str (), "the reason: \\\"H.264\\\""));
    g_assert_cmpstr (reply.header ("location").c_str (), ==, "");
  }
  f.backend.no_offer = Error{Code::unavailable, "too many viewers"};
  assert_problem (f.call ("POST /whep", "Content-Type: application/sdp\r\n"),
      503);
  assert_problem (f.call ("POST /whep",
                      "Content-Type: application/sdp\r\nContent-Length: 0\r\n"),
      503);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
  g_assert_cmpuint (f.server->pending_count (), ==, 0);
}

static void
sessions_are_bounded ()
{
  Fixture f ({.max_sessions = 2});
  std::string session = f.exchange (f.post ()).header ("location");
  g_assert_cmpint (f.exchange (f.post ()).status, ==, 201);
  Reply full = f.exchange (f.post ());
  assert_problem (full, 503);
  g_assert_cmpint (atoi (full.header ("retry-after").c_str ()), >, 0);
  g_assert_cmpint (f.call ("DELETE " + session).status, ==, 200);
  g_assert_cmpint (f.exchange (f.post ()).status, ==, 201);
}

static void
viewer_that_left_is_404 ()
{
  Fixture f;
  std::string session = f.exchange (f.post ()).header ("location");
  f.server->viewer_removed ("", "viewer-7");
  f.server->viewer_removed ("else", "viewer-1");
  g_assert_cmpuint (f.server->session_count (), ==, 1);
  f.server->viewer_removed ("", "viewer-1");
  f.server->viewer_removed ("", "viewer-1");
  assert_problem (f.call ("DELETE " + session), 404);
  g_assert_cmpuint (f.backend.removed.size (), ==, 0);
}

static void
named_streams ()
{
  Fixture f ({.prefixes = {"/api/v3/whep", "/whep"}, .named_streams = true});
  f.backend.streams = {{"cam", std::nullopt}, {"a/b", std::nullopt},
      {"ü %", std::nullopt}, {"..", std::nullopt}, {".", std::nullopt}};
  std::string session = f.exchange (f.post ("/whep/cam")).header ("location");
  g_assert_true (is_session_path (session, "/whep/cam"));
  // Of its own stream only, but by any prefix.
  std::string secret = session.substr (session.rfind ('/'));
  assert_problem (f.call ("DELETE /whep/a%2Fb" + secret), 404);
  g_assert_cmpint (f.call ("DELETE /api/v3/whep/cam" + secret).status, ==, 200);

  struct
  {
    const char *path, *stream, *location;
  } cases[] = {{"/whep/a%2Fb", "a/b", "/whep/a%2Fb"},
      {"/api/v3/whep/a%2fb", "a/b", "/api/v3/whep/a%2Fb"},
      {"/whep/%63am", "cam", "/whep/cam"},
      {"/whep/%C3%BC%20%25", "ü %", "/whep/%C3%BC%20%25"}};
  for (auto &c : cases) {
    Reply reply = f.exchange (f.post (c.path));
    g_assert_cmpint (reply.status, ==, 201);
    g_assert_cmpstr (f.backend.offers.back ().stream.c_str (), ==, c.stream);
    g_assert_true (is_session_path (reply.header ("location"), c.location));
    g_assert_cmpint (f.call ("DELETE " + reply.header ("location")).status, ==,
        200);
  }
  for (const char *path : {"/whep", "/whep/", "/whep/other", "/whep/a/b/c",
           "/whep//x", "/whep/%ff"})
    assert_problem (f.exchange (f.post (path)), 404);
  // Steps in a path, whatever their spelling.
  for (const char *path : {"/whep/..", "/whep/%2e%2e", "/whep/%2E"})
    g_assert_cmpint (f.exchange (f.post (path)).status, ==, 404);
  g_assert_cmpuint (f.server->session_count (), ==, 0);
}

static void
location_behind_a_proxy ()
{
  Fixture f;
  auto location = [&] (const char *prefix) {
    return f
        .exchange (f.post ("/whep",
            std::string ("X-Forwarded-Prefix: ") + prefix + "\r\n"))
        .header ("location");
  };
  g_assert_true (is_session_path (location ("/video"), "/video/whep"));
  g_assert_true (is_session_path (location ("/a/b.c/"), "/a/b.c/whep"));
  for (const char *bad : {"//evil.example", "https://evil.example", "evil", "/",
           "/a//b", "/a b", "/a?b", "/%0d", "/a, /b"})
    g_assert_true (is_session_path (location (bad), "/whep"));
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/whep/server/post", post_answers_201);
  g_test_add_func ("/whep/server/delete", delete_ends_once);
  g_test_add_func ("/whep/server/options", options_answers_preflights);
  g_test_add_func ("/whep/server/get", get_and_head_have_no_content);
  g_test_add_func ("/whep/server/methods", other_methods_are_405);
  g_test_add_func ("/whep/server/paths", unknown_paths_are_404);
  g_test_add_func ("/whep/server/content-type", content_type_is_checked);
  g_test_add_func ("/whep/server/stream", stream_is_checked_first);
  g_test_add_func ("/whep/server/refusals", refusals_are_told);
  g_test_add_func ("/whep/server/max-sessions", sessions_are_bounded);
  g_test_add_func ("/whep/server/viewer-removed", viewer_that_left_is_404);
  g_test_add_func ("/whep/server/named-streams", named_streams);
  g_test_add_func ("/whep/server/proxy", location_behind_a_proxy);
  return g_test_run ();
}
