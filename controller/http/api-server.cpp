// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/api-server.h"

#include "plugin/whep/body-guard.h"

#include <algorithm>
#include <cstring>

namespace restream {

namespace {

constexpr const char *kRoots[] = {"/api", "/ping", "/metrics"};

const ApiError kNotFound{404, "Not Found", "Not Found"};

// A body over the limit is answered in the API's own words; the guard sees to it
// that it is not kept in memory and does not come for ever.
void
limit_body (SoupServerMessage *message)
{
  auto refuse = +[] (SoupServerMessage *m) {
    if (soup_server_message_get_status (m) == 0)
      Reply (m).error (
          {413, "Request Entity Too Large", "the body is too large"});
  };
  SoupMessageHeaders *headers =
      soup_server_message_get_request_headers (message);
  if (soup_message_headers_get_encoding (headers)
      == SOUP_ENCODING_CONTENT_LENGTH) {
    if (soup_message_headers_get_content_length (headers)
        > goffset (kMaxApiBodyBytes))
      refuse (message);
  } else {
    // Chunked: counted as it comes.
    auto on_chunk = [] (SoupServerMessage *m, GBytes *, gpointer data) {
      if (soup_server_message_get_request_body (m)->length
          > goffset (kMaxApiBodyBytes))
        reinterpret_cast<void (*) (SoupServerMessage *)> (data) (m);
    };
    g_signal_connect (message, "got-chunk", G_CALLBACK (+on_chunk),
        reinterpret_cast<gpointer> (refuse));
  }
  whep::guard_body (message, kMaxApiBodyBytes);
}

} // namespace

ApiServer::ApiServer (SoupServer *server, ApiOptions options)
    : server_ (Ref<SoupServer>::retain (server)),
      options_ (std::move (options)), cors_ (options_.cors_origins),
      router_ (options_.read_only)
{
  SoupServerCallback on_request =
      +[] (SoupServer *, SoupServerMessage *message, const char *path,
           GHashTable *, gpointer data) {
        static_cast<ApiServer *> (data)->handle (message, path);
      };
  // Before the body: its refusal, too, is for pages of other origins to read.
  SoupServerCallback on_headers =
      +[] (SoupServer *, SoupServerMessage *message, const char *path,
           GHashTable *, gpointer data) {
        if (g_str_has_prefix (path, "/api"))
          static_cast<ApiServer *> (data)->cors_.apply (message);
        limit_body (message);
      };
  for (const char *path : kRoots) {
    soup_server_add_early_handler (server, path, on_headers, this, nullptr);
    soup_server_add_handler (server, path, on_request, this, nullptr);
  }
}

ApiServer::~ApiServer ()
{
  for (const char *path : kRoots)
    soup_server_remove_handler (server_.get (), path);
}

// Of "name", "name:port", "[v6]:port". No Host at all is no browser.
bool
ApiServer::knows_host (SoupServerMessage *message) const
{
  const char *header = soup_message_headers_get_one (
      soup_server_message_get_request_headers (message), "Host");
  if (!header || *header == '[')
    return true;
  std::string name (header);
  name.resize (std::min (name.find (':'), name.size ()));
  if (g_hostname_is_ip_address (name.c_str ())
      || g_ascii_strcasecmp (name.c_str (), "localhost") == 0)
    return true;
  for (const std::string &known : options_.host_names)
    if (g_ascii_strcasecmp (name.c_str (), known.c_str ()) == 0)
      return true;
  return false;
}

void
ApiServer::handle (SoupServerMessage *message, const char *path)
{
  const char *method = soup_server_message_get_method (message);
  const char *query = g_uri_get_query (soup_server_message_get_uri (message));
  Request request{message, strcmp (method, "HEAD") == 0 ? "GET" : method, {},
      Query (query ? query : ""), std::make_shared<Reply> (message)};
  if (!knows_host (message))
    return request.reply->error ({403, "Forbidden",
        "unknown host name: add it to host.name (CORE_HOST_NAME)"});
  if (strcmp (method, "OPTIONS") == 0)
    return request.reply->empty (204);
  // Each segment for itself: an escaped slash is part of an id.
  Owned<char *> segments (g_strsplit (path + 1, "/", -1));
  for (char **segment = segments.get (); *segment; segment++) {
    auto text = segment_unescape (*segment);
    if (!text)
      return request.reply->error (kNotFound);
    request.path.push_back (*std::move (text));
  }
  route (request);
  request.reply->wait_if_unanswered ();
}

void
ApiServer::route (Request &request)
{
  const Route *found = router_.find (request);
  std::optional<ApiError> refusal =
      guard_ ? guard_ (request) : std::optional<ApiError> ();
  request.authorized = !refusal;
  if (refusal && (!found || found->access == Access::user))
    return request.reply->error (*refusal);
  if (!found)
    return request.reply->error (kNotFound);
  found->handler (request);
}

} // namespace restream
