// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/server.h"

#include "plugin/whep/bearer.h"
#include "plugin/whep/body-guard.h"
#include "plugin/whep/core.h"
#include "plugin/whep/endpoint.h"
#include "plugin/whep/event-resource.h"
#include "plugin/whep/peer.h"
#include "plugin/whep/rate-limit.h"
#include "plugin/whep/request.h"
#include "plugin/whep/respond.h"
#include "plugin/whep/route.h"
#include "plugin/whep/session-resource.h"

#include <optional>
#include <string_view>

GST_DEBUG_CATEGORY (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

namespace {

using Kind = Route::Kind;

bool
is_known (SoupServerMessage *msg, Kind kind)
{
  std::string_view methods = methods_of (kind);
  std::string method = soup_server_message_get_method (msg);
  return methods == method || methods.starts_with (method + ",")
      || methods.ends_with (" " + method)
      || methods.find (" " + method + ",") != methods.npos;
}

// Of what is to be POSTed or PATCHed.
Result<void>
check_content (SoupServerMessage *msg, Kind kind)
{
  if (is_compressed (msg))
    return Error{Code::unsupported_media, "the body must not be compressed"};
  bool fits = true;
  const char *wanted = kSdp;
  if (kind == Kind::endpoint) {
    fits = has_content_type (msg, kSdp);
  } else if (kind == Kind::session) {
    wanted = kPatchTypes;
    fits = has_content_type (msg, kFragment) || has_content_type (msg, kSdp);
  } else if (kind == Kind::events) {
    wanted = kJson;
    bool empty = soup_message_headers_get_content_length (
                     soup_server_message_get_request_headers (msg))
        == 0;
    fits = has_content_type (msg, kJson) || empty;
  }
  if (fits)
    return {};
  return Error{Code::unsupported_media,
      std::string ("the body must be of the type ") + wanted};
}

} // namespace

// Finds out what a request is for, and whether it may; the resources do the rest.
struct Server::Impl
{
  Impl (SoupServer *soup, Backend &backend, ServerOptions options)
      : server (Ref<SoupServer>::retain (soup)),
        core (std::make_shared<Core> (backend, std::move (options),
            Ref<GMainContext>::adopt (g_main_context_ref_thread_default ()))),
        rate_limit (core->options.requests_per_second), endpoint (*core),
        sessions (*core), events (*core)
  {
    gboolean raw_paths = FALSE;
    g_object_get (soup, "raw-paths", &raw_paths, nullptr);
    raw = raw_paths;
  }

  void mount ();
  void unmount ();
  void got_headers (SoupServerMessage *msg, const std::string &prefix);
  void got_request (SoupServerMessage *msg, const std::string &prefix);
  void dispatch (SoupServerMessage *msg, const Route &route,
      const std::string &prefix);
  std::optional<Route> route (SoupServerMessage *msg,
      const std::string &prefix) const;
  std::string endpoint_path (SoupServerMessage *msg, const Route &route,
      const std::string &prefix) const;
  Result<void> check_rate (SoupServerMessage *msg);
  Result<void> check (SoupServerMessage *msg, const Route &route);
  Result<void> check_resource (const Route &route);
  Session *session_of (const Route &route);

  Ref<SoupServer> server;
  const std::shared_ptr<Core> core;
  RateLimit rate_limit;
  Endpoint endpoint;
  SessionResource sessions;
  EventResource events;
  bool raw = false;
  struct Mount
  {
    Impl *impl;
    std::string prefix;
  };
  std::vector<std::unique_ptr<Mount>> mounts;
};

void
Server::Impl::mount ()
{
  for (const std::string &prefix : core->options.prefixes) {
    Mount *mount = mounts.emplace_back (new Mount{this, prefix}).get ();
    soup_server_add_early_handler (
        server.get (), prefix.c_str (),
        +[] (SoupServer *, SoupServerMessage *msg, const char *, GHashTable *,
             gpointer data) {
          auto *m = static_cast<Mount *> (data);
          m->impl->got_headers (msg, m->prefix);
        },
        mount, nullptr);
    soup_server_add_handler (
        server.get (), prefix.c_str (),
        +[] (SoupServer *, SoupServerMessage *msg, const char *, GHashTable *,
             gpointer data) {
          auto *m = static_cast<Mount *> (data);
          m->impl->got_request (msg, m->prefix);
        },
        mount, nullptr);
  }
}

void
Server::Impl::unmount ()
{
  for (const std::unique_ptr<Mount> &mount : mounts)
    soup_server_remove_handler (server.get (), mount->prefix.c_str ());
  core->waiting.refuse_all ({Code::unavailable, "the server is shutting down"});
  core->events.end_all ();
}

std::optional<Route>
Server::Impl::route (SoupServerMessage *msg, const std::string &prefix) const
{
  std::string_view path = g_uri_get_path (soup_server_message_get_uri (msg));
  if (!path.starts_with (prefix))
    return std::nullopt;
  return parse_route (path.substr (prefix.size ()), core->options.named_streams,
      raw);
}

Session *
Server::Impl::session_of (const Route &route)
{
  Session *session = core->sessions.find (route.session);
  return session && session->stream == route.stream ? session : nullptr;
}

std::string
Server::Impl::endpoint_path (SoupServerMessage *msg, const Route &route,
    const std::string &prefix) const
{
  std::string front = forwarded_prefix (soup_message_headers_get_one (
      soup_server_message_get_request_headers (msg), "X-Forwarded-Prefix"));
  if (front.empty ())
    front = core->options.base_path;
  if (!core->options.named_streams)
    return front + prefix;
  Owned<char> segment (
      g_uri_escape_string (route.stream.c_str (), nullptr, FALSE));
  return front + prefix + "/" + segment.get ();
}

// W38. Failed attempts count too, so that nobody guesses tokens at will.
Result<void>
Server::Impl::check_rate (SoupServerMessage *msg)
{
  if (is_get_or_head (msg) || is_method (msg, "OPTIONS"))
    return {};
  std::string client = client_of (msg);
  if (client.empty ())
    return {};
  if (unsigned wait_s = rate_limit.ask (client, g_get_monotonic_time ()))
    return Error{Code::too_many, "too many requests from your address", wait_s};
  return {};
}

Result<void>
Server::Impl::check_resource (const Route &route)
{
  if (route.kind == Kind::endpoint) {
    Result<void> stream = core->backend.check_stream (route.stream);
    // It is there, even if it cannot play just now.
    if (!stream && stream.error ().code == Code::not_found)
      return stream;
    return {};
  }
  if (!session_of (route))
    return Error{Code::not_found, "no such session"};
  if (route.kind == Kind::event_stream
      && !core->events.has (route.session, route.event_stream))
    return Error{Code::not_found, "no such event stream"};
  return {};
}

// All that can be said against a request before its body is there.
Result<void>
Server::Impl::check (SoupServerMessage *msg, const Route &route)
{
  // Browsers' EventSource cannot send a token; the URL is a secret that was given for one.
  bool reads_events =
      route.kind == Kind::event_stream && is_method (msg, "GET");
  if (std::string token = core->backend.token (route.stream);
      !token.empty () && !reads_events) {
    if (Result<void> bearer = check_bearer (msg, token); !bearer)
      return bearer;
  }
  if (Result<void> there = check_resource (route); !there)
    return there;
  if (!is_known (msg, route.kind)) {
    set_header (msg, "Allow", methods_of (route.kind));
    return Error{Code::method_not_allowed,
        std::string ("what is there knows ") + methods_of (route.kind)};
  }
  bool has_content = is_method (msg, "POST") || is_method (msg, "PATCH");
  if (!has_content)
    return {};
  if (route.kind == Kind::endpoint) {
    if (Result<void> stream = core->backend.check_stream (route.stream);
        !stream)
      return stream;
  }
  if (Result<void> content = check_content (msg, route.kind); !content) {
    add_accept (msg, route.kind);
    return content;
  }
  if (route.kind == Kind::endpoint && core->is_full ())
    return Error{Code::unavailable, "too many viewers", 5};
  return {};
}

void
Server::Impl::got_headers (SoupServerMessage *msg, const std::string &prefix)
{
  std::optional<Route> where = route (msg, prefix);
  Result<void> fine;
  if (!where)
    fine = Error{Code::not_found, "no such endpoint"};
  else if (!is_method (msg, "OPTIONS"))
    fine = check_rate (msg);
  if (fine && !is_method (msg, "OPTIONS"))
    fine = check (msg, *where);
  if (!fine) {
    refuse (msg, fine.error ());
    soup_message_body_set_accumulate (
        soup_server_message_get_request_body (msg), FALSE);
  }
  guard_body (msg, kMaxBodyBytes);
}

void
Server::Impl::got_request (SoupServerMessage *msg, const std::string &prefix)
{
  std::optional<Route> where = route (msg, prefix);
  if (!where)
    refuse (msg, {Code::not_found, "no such endpoint"});
  else if (is_method (msg, "OPTIONS"))
    answer_options (msg, where->kind);
  else if (Result<void> fine = check (msg, *where); !fine)
    refuse (msg, fine.error ()); // things may have changed while the body came
  else
    dispatch (msg, *where, prefix);
}

void
Server::Impl::dispatch (SoupServerMessage *msg, const Route &where,
    const std::string &prefix)
{
  switch (where.kind) {
    case Kind::endpoint:
      if (is_method (msg, "POST"))
        return endpoint.post (msg, where.stream,
            endpoint_path (msg, where, prefix));
      soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr); // W01, W02
      add_cors (msg);
      add_accept (msg, where.kind);
      set_header (msg, "Cache-Control", "no-store");
      return soup_server_message_set_response (msg, kSdp, SOUP_MEMORY_STATIC,
          "", 0);
    case Kind::session: {
      Session &session = *session_of (where);
      if (is_method (msg, "PATCH"))
        return sessions.patch (msg, session);
      if (is_method (msg, "DELETE"))
        return sessions.remove (msg, session);
      soup_server_message_set_status (msg, SOUP_STATUS_NO_CONTENT, nullptr);
      add_cors (msg);
      add_accept (msg, where.kind);
      return set_header (msg, "Cache-Control", "no-store");
    }
    case Kind::events:
      return events.post (msg, *session_of (where));
    case Kind::event_stream:
      if (is_method (msg, "DELETE"))
        return events.remove (msg, *session_of (where), where.event_stream);
      return events.get (msg, *session_of (where), where.event_stream);
  }
}

Server::Server (SoupServer *server, Backend &backend, ServerOptions options)
{
  static gsize once = 0;
  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (rtprestream_whep_debug, "rtprestreamwhep", 0,
        "WHEP server");
    g_once_init_leave (&once, 1);
  }
  impl_ = std::make_unique<Impl> (server, backend, std::move (options));
  impl_->mount ();
}

Server::~Server ()
{
  impl_->unmount ();
}

void
Server::viewer_removed (const std::string &stream, const std::string &viewer_id)
{
  if (Session *session = impl_->core->sessions.find_viewer (stream, viewer_id))
    impl_->core->forget_session (*session);
}

void
Server::stream_changed (const std::string &stream)
{
  impl_->events.stream_changed (stream);
}

void
Server::ask_to_reconnect (const std::string &stream)
{
  impl_->events.ask_to_reconnect (stream);
}

std::size_t
Server::session_count () const
{
  return impl_->core->sessions.size ();
}

std::size_t
Server::pending_count () const
{
  return impl_->core->waiting.size ();
}

std::size_t
Server::event_connection_count () const
{
  return impl_->core->events.connection_count ();
}

} // namespace restream::whep
