// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/pages.h"

extern "C" {
#include "web-resources.h" // generated, C
}

#include <cstring>
#include <optional>
#include <string_view>

namespace restream::web {

namespace {

// No host but ours, nothing inline. A MediaStream is no URL and needs no source.
constexpr const char *kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'";

struct Page
{
  std::string body;
  const char *content_type;
};

const char *
type_of (std::string_view name)
{
  if (name.ends_with (".html"))
    return "text/html; charset=utf-8";
  if (name.ends_with (".js"))
    return "text/javascript; charset=utf-8";
  if (name.ends_with (".css"))
    return "text/css; charset=utf-8";
  if (name.ends_with (".svg"))
    return "image/svg+xml";
  return "application/octet-stream";
}

std::optional<Page>
load (const std::string &name)
{
  Asset found = asset (name);
  if (!found.bytes)
    return std::nullopt;
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (found.bytes.get (), &size));
  return Page{std::string (data, size), found.content_type};
}

void
replace_all (std::string &text, std::string_view what, std::string_view by)
{
  for (std::size_t at = 0; (at = text.find (what, at)) != std::string::npos;
       at += by.size ())
    text.replace (at, what.size (), by);
}

// A template's three variables; the values must be fit for HTML attributes.
std::optional<Page>
fill (const char *name, std::string_view root, std::string_view endpoint,
    const char *title)
{
  std::optional<Page> page = load (name);
  if (!page)
    return page;
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  replace_all (page->body, "@root@", root);
  replace_all (page->body, "@endpoint@", endpoint);
  replace_all (page->body, "@title@", escaped);
  return page;
}

std::optional<Page>
play_page (std::string_view segment)
{
  g_autofree char *id = g_uri_unescape_segment (segment.data (),
      segment.data () + segment.size (), nullptr);
  if (!id || !*id || !g_utf8_validate (id, -1, nullptr)
      || strchr (segment.data (), '/'))
    return std::nullopt;
  // Escaped again, so that nothing is left that HTML could take for its own.
  g_autofree char *escaped = g_uri_escape_string (id, nullptr, FALSE);
  return fill ("player.html", "../", std::string ("../whep/") + escaped, id);
}

std::optional<Page>
find (Site site, const char *path)
{
  if (strcmp (path, "/") == 0)
    return site == Site::player ? fill ("player.html", "", "whep", "rtprestream")
                                : fill ("list.html", "", "", "rtprestream");
  if (site == Site::daemon && g_str_has_prefix (path, "/play/"))
    return play_page (path + strlen ("/play/"));
  if (g_str_has_prefix (path, "/web/") && !g_str_has_suffix (path, ".html"))
    return load (path + strlen ("/web/"));
  return std::nullopt;
}

} // namespace

Asset
asset (const std::string &name)
{
  // A name, no path: the resource's own look-up would also take "a/../b".
  if (name.empty () || name.find ('/') != std::string::npos)
    return {};
  auto bytes = Ref<GBytes>::adopt (g_resource_lookup_data (
      rtprestream_web_get_resource (), ("/rtprestream/web/" + name).c_str (),
      G_RESOURCE_LOOKUP_FLAGS_NONE, nullptr));
  return {std::move (bytes), type_of (name)};
}

Pages::Pages (SoupServer *server, Site site)
    : server_ (Ref<SoupServer>::retain (server)), site_ (site)
{
  soup_server_add_handler (
      server, "/",
      +[] (SoupServer *, SoupServerMessage *msg, const char *, GHashTable *,
           gpointer self) { static_cast<Pages *> (self)->answer (msg); },
      this, nullptr);
}

Pages::~Pages ()
{
  soup_server_remove_handler (server_.get (), "/");
}

void
Pages::answer (SoupServerMessage *msg) const
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  const char *method = soup_server_message_get_method (msg);
  if (strcmp (method, "GET") != 0 && strcmp (method, "HEAD") != 0) {
    soup_message_headers_replace (headers, "Allow", "GET, HEAD");
    return soup_server_message_set_status (msg, SOUP_STATUS_METHOD_NOT_ALLOWED,
        nullptr);
  }
  std::optional<Page> page =
      find (site_, g_uri_get_path (soup_server_message_get_uri (msg)));
  if (!page)
    return soup_server_message_set_status (msg, SOUP_STATUS_NOT_FOUND, nullptr);

  g_autofree char *digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256,
      reinterpret_cast<const guchar *> (page->body.data ()),
      page->body.size ());
  std::string tag = "\"" + std::string (digest, 16) + "\"";
  soup_message_headers_replace (headers, "ETag", tag.c_str ());
  soup_message_headers_replace (headers, "Cache-Control", "no-cache");
  soup_message_headers_replace (headers, "Content-Security-Policy", kPolicy);
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_message_headers_replace (headers, "Referrer-Policy", "no-referrer");
  const char *known = soup_message_headers_get_list (
      soup_server_message_get_request_headers (msg), "If-None-Match");
  if (known && strstr (known, tag.c_str ()))
    return soup_server_message_set_status (msg, SOUP_STATUS_NOT_MODIFIED,
        nullptr);
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  soup_server_message_set_response (msg, page->content_type, SOUP_MEMORY_COPY,
      page->body.data (), page->body.size ());
}

} // namespace restream::web
