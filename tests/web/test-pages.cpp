// SPDX-License-Identifier: LGPL-2.1-or-later
// What of the pages is served where, with what headers.
#include "plugin/whep/server.h"
#include "tests/whep/http-client.h"
#include "web/pages.h"

#include <memory>

using namespace restream;

class Served
{
public:
  explicit Served (web::Site site) : soup (whep::new_http_server ())
  {
    g_assert_true (soup_server_listen_local (soup.get (), 0,
        SOUP_SERVER_LISTEN_IPV4_ONLY, nullptr));
    GSList *uris = soup_server_get_uris (soup.get ());
    port = guint16 (g_uri_get_port (static_cast<GUri *> (uris->data)));
    g_slist_free_full (uris, reinterpret_cast<GDestroyNotify> (g_uri_unref));
    pages = std::make_unique<web::Pages> (soup.get (), site);
  }

  Reply call (const std::string &line, const std::string &headers = "")
  {
    Reply reply;
    beside_main_loop ([&] {
      Connection connection (port);
      connection.send (line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
          + headers + "\r\n");
      reply = connection.read ();
    });
    return reply;
  }

  Ref<SoupServer> soup;
  guint16 port = 0;
  std::unique_ptr<web::Pages> pages;
};

static bool
has (const Reply &reply, const char *text)
{
  return reply.body.find (text) != std::string::npos;
}

static void
player_at_the_root ()
{
  Served s (web::Site::player);
  Reply page = s.call ("GET /");
  g_assert_cmpint (page.status, ==, 200);
  g_assert_cmpstr (page.header ("content-type").c_str (), ==,
      "text/html; charset=utf-8");
  g_assert_cmpstr (page.header ("x-content-type-options").c_str (), ==,
      "nosniff");
  g_assert_nonnull (strstr (page.header ("content-security-policy").c_str (),
      "default-src 'none'"));
  g_assert_true (has (page, "name=\"whep-endpoint\" content=\"whep\""));
  g_assert_true (has (page, "src=\"web/player.js\""));
  g_assert_false (has (page, "@"));
  g_assert_cmpint (s.call ("GET /play/x").status, ==, 404);
}

static void
list_and_players ()
{
  Served s (web::Site::daemon);
  Reply list = s.call ("GET /");
  g_assert_cmpint (list.status, ==, 200);
  g_assert_true (has (list, "src=\"web/list.js\""));
  Reply play = s.call ("GET /play/a%2Fb%3C%22%27%26");
  g_assert_cmpint (play.status, ==, 200);
  g_assert_true (has (play, "content=\"../whep/a%2Fb%3C%22%27%26\""));
  g_assert_true (has (play, "src=\"../web/player.js\""));
  g_assert_true (has (play, "<title>a/b&lt;&quot;&apos;&amp;</title>")
      || has (play, "<title>a/b&lt;&quot;&#39;&amp;</title>"));
  g_assert_true (has (s.call ("GET /play/%40title%40"), "../whep/%40title%40"));
  for (const char *path : {"/play", "/play/", "/play/a/b", "/play/%ff"})
    g_assert_cmpint (s.call (std::string ("GET ") + path).status, ==, 404);
}

static void
files ()
{
  Served s (web::Site::daemon);
  struct
  {
    const char *path, *type;
  } cases[] = {{"/web/player.js", "text/javascript; charset=utf-8"},
      {"/web/list.js", "text/javascript; charset=utf-8"},
      {"/web/style.css", "text/css; charset=utf-8"},
      {"/web/icon.svg", "image/svg+xml"}};
  for (auto &c : cases) {
    Reply reply = s.call (std::string ("GET ") + c.path);
    g_assert_cmpint (reply.status, ==, 200);
    g_assert_cmpstr (reply.header ("content-type").c_str (), ==, c.type);
    g_assert_cmpuint (reply.body.size (), >, 100);
    Reply head = s.call (std::string ("HEAD ") + c.path);
    g_assert_cmpint (head.status, ==, 200);
    g_assert_cmpuint (head.body.size (), ==, 0);
    std::string tag = reply.header ("etag");
    Reply again = s.call (std::string ("GET ") + c.path,
        "If-None-Match: \"other\", " + tag + "\r\n");
    g_assert_cmpint (again.status, ==, 304);
    g_assert_cmpuint (again.body.size (), ==, 0);
  }
  for (const char *path : {"/web", "/web/", "/web/none.js", "/web/player.html",
           "/web/../web/x", "/web/a%2F..%2Fplayer.js", "/web/../../etc/passwd",
           "/favicon.ico", "/api/v3/process"})
    g_assert_cmpint (s.call (std::string ("GET ") + path).status, ==, 404);
  Reply post = s.call ("POST /");
  g_assert_cmpint (post.status, ==, 405);
  g_assert_cmpstr (post.header ("allow").c_str (), ==, "GET, HEAD");
}

static void
gone_with_its_owner ()
{
  Served s (web::Site::player);
  s.pages.reset ();
  g_assert_cmpint (s.call ("GET /").status, ==, 404);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/web/pages/player", player_at_the_root);
  g_test_add_func ("/web/pages/daemon", list_and_players);
  g_test_add_func ("/web/pages/files", files);
  g_test_add_func ("/web/pages/gone", gone_with_its_owner);
  return g_test_run ();
}
