// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/server.h"

#include "common/post.h"
#include "common/signal-conn.h"
#include "plugin/whep/body-guard.h"
#include "plugin/whep/peer.h"
#include "plugin/whep/respond.h"
#include "plugin/whep/route.h"

#include <sys/random.h>

#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

GST_DEBUG_CATEGORY_STATIC (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

namespace {

Result<std::string>
random_hex (std::size_t bytes)
{
  unsigned char random[16];
  g_assert (bytes <= sizeof random);
  if (getrandom (random, bytes, 0) != gssize (bytes))
    return Error{Code::internal, "no random numbers from the kernel"};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (std::size_t i = 0; i < bytes; i++) {
    hex += kDigits[random[i] >> 4];
    hex += kDigits[random[i] & 15];
  }
  return hex;
}

bool
is_method (SoupServerMessage *msg, std::string_view method)
{
  return method == soup_server_message_get_method (msg);
}

bool
is_get_or_head (SoupServerMessage *msg)
{
  return is_method (msg, "GET") || is_method (msg, "HEAD");
}

Result<void>
check_content (SoupServerMessage *msg)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *type = soup_message_headers_get_content_type (headers, nullptr);
  if (!type || g_ascii_strcasecmp (type, kSdp) != 0)
    return Error{Code::unsupported_media,
        "the offer must be of type application/sdp"};
  const char *coding =
      soup_message_headers_get_one (headers, "Content-Encoding");
  if (coding && g_ascii_strcasecmp (coding, "identity") != 0)
    return Error{Code::unsupported_media, "the offer must not be compressed"};
  return {};
}

} // namespace

struct Session
{
  std::string stream;
  std::string viewer_id;
};

struct Server::Impl : std::enable_shared_from_this<Impl>
{
  Impl (SoupServer *soup, Backend &served, ServerOptions chosen)
      : server (Ref<SoupServer>::retain (soup)), backend (served),
        options (std::move (chosen)), context (Ref<GMainContext>::adopt (
                                          g_main_context_ref_thread_default ()))
  {
    gboolean raw_paths = FALSE;
    g_object_get (soup, "raw-paths", &raw_paths, nullptr);
    raw = raw_paths;
  }

  // A POST whose body has arrived and whose answer has not left yet.
  struct Pending
  {
    Impl *impl;
    guint64 id;
    Ref<SoupServerMessage> msg;
    std::string stream;
    std::string path; // of the endpoint, as the client knows it
    std::string session; // its secret, once answered
    bool delivered = false;
    SignalConn wrote, finished, disconnected;
    HangUpWatch hang_up;
    Timer timeout;
  };

  void mount ();
  void unmount ();
  void got_headers (SoupServerMessage *msg, const std::string &prefix);
  void got_request (SoupServerMessage *msg, const std::string &prefix);
  std::optional<Route> route (SoupServerMessage *msg,
      const std::string &prefix) const;
  std::optional<Error> check (SoupServerMessage *msg, const Route &route);
  bool knows (const Route &route) const;
  bool is_full () const;

  void post_offer (SoupServerMessage *msg, const Route &route,
      const std::string &prefix);
  void watch (Pending &request);
  void answered (guint64 id, const std::string &stream, Result<Answer> answer);
  Result<void> open_session (Pending &request, const Answer &answer);
  void give_up (guint64 id, const Error &error);
  void finished (guint64 id);
  void close_session (const std::string &secret);
  void delete_session (SoupServerMessage *msg, const Route &route);

  Ref<SoupServer> server;
  Backend &backend;
  const ServerOptions options;
  Ref<GMainContext> context;
  bool raw = false;
  guint64 next_id = 1;
  std::unordered_map<guint64, std::unique_ptr<Pending>> pending;
  std::unordered_map<std::string, Session> sessions; // by secret
  std::map<std::pair<std::string, std::string>, std::string>
      secrets; // by stream and viewer
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
  for (const std::string &prefix : options.prefixes) {
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
  for (auto &[id, request] : pending) {
    if (!request->session.empty ())
      continue; // its answer is on its way
    refuse (request->msg.get (),
        {Code::unavailable, "the server is shutting down"});
    soup_server_message_unpause (request->msg.get ());
  }
  pending.clear ();
}

std::optional<Route>
Server::Impl::route (SoupServerMessage *msg, const std::string &prefix) const
{
  std::string_view path = g_uri_get_path (soup_server_message_get_uri (msg));
  if (!path.starts_with (prefix))
    return std::nullopt;
  return parse_route (path.substr (prefix.size ()), options.named_streams, raw);
}

bool
Server::Impl::knows (const Route &route) const
{
  auto found = sessions.find (route.session);
  return found != sessions.end () && found->second.stream == route.stream;
}

bool
Server::Impl::is_full () const
{
  return pending.size () >= options.max_pending
      || sessions.size () + pending.size () >= options.max_sessions;
}

// All that can be said against a request before its body is there.
std::optional<Error>
Server::Impl::check (SoupServerMessage *msg, const Route &route)
{
  if (!route.session.empty ()) {
    if (!knows (route))
      return Error{Code::not_found, "no such session"};
    if (!is_get_or_head (msg) && !is_method (msg, "DELETE")) {
      set_header (msg, "Allow", kSessionMethods);
      return Error{Code::method_not_allowed,
          is_method (msg, "PATCH")
              ? "neither trickle ICE nor ICE restart is supported"
              : "a session knows GET, HEAD, OPTIONS and DELETE"};
    }
    return std::nullopt;
  }
  Result<void> stream = backend.check_stream (route.stream);
  if (is_get_or_head (
          msg)) // the endpoint is there, even if it cannot play just now
    return !stream && stream.error ().code == Code::not_found
        ? std::optional (stream.error ())
        : std::nullopt;
  if (!is_method (msg, "POST")) {
    if (!stream && stream.error ().code == Code::not_found)
      return stream.error ();
    set_header (msg, "Allow", kEndpointMethods);
    return Error{Code::method_not_allowed,
        "an endpoint knows GET, HEAD, OPTIONS and POST"};
  }
  if (!stream)
    return stream.error ();
  if (Result<void> content = check_content (msg); !content) {
    set_header (msg, "Accept-Post", kSdp);
    return content.error ();
  }
  if (is_full ())
    return Error{Code::unavailable, "too many viewers", 5};
  return std::nullopt;
}

void
Server::Impl::got_headers (SoupServerMessage *msg, const std::string &prefix)
{
  std::optional<Route> where = route (msg, prefix);
  std::optional<Error> error;
  if (!where)
    error = Error{Code::not_found, "no such endpoint"};
  else if (!is_method (msg, "OPTIONS"))
    error = check (msg, *where);
  if (error) {
    refuse (msg, std::move (*error));
    soup_message_body_set_accumulate (
        soup_server_message_get_request_body (msg), FALSE);
  }
  guard_body (msg, kMaxBodyBytes);
}

void
Server::Impl::got_request (SoupServerMessage *msg, const std::string &prefix)
{
  std::optional<Route> where = route (msg, prefix);
  if (!where) {
    refuse (msg, {Code::not_found, "no such endpoint"});
  } else if (is_method (msg, "OPTIONS")) {
    answer_options (msg, where->session.empty ());
  } else if (std::optional<Error> error = check (msg, *where)) {
    refuse (msg,
        std::move (*error)); // things may have changed while the body came
  } else if (is_method (msg, "DELETE")) {
    delete_session (msg, *where);
  } else if (is_method (msg, "POST")) {
    post_offer (msg, *where, prefix);
  } else if (where->session.empty ()) { // W01, W02
    soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
    add_cors (msg);
    set_header (msg, "Accept-Post", kSdp);
    set_header (msg, "Cache-Control", "no-store");
    soup_server_message_set_response (msg, kSdp, SOUP_MEMORY_STATIC, "", 0);
  } else {
    soup_server_message_set_status (msg, SOUP_STATUS_NO_CONTENT, nullptr);
    add_cors (msg);
    set_header (msg, "Cache-Control", "no-store");
  }
}

void
Server::Impl::post_offer (SoupServerMessage *msg, const Route &where,
    const std::string &prefix)
{
  SoupMessageBody *body = soup_server_message_get_request_body (msg);
  auto bytes = Ref<GBytes>::adopt (soup_message_body_flatten (body));
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  if (size == 0)
    return refuse (msg,
        {Code::bad_request, "the body is empty; an SDP offer is expected"});

  guint64 id = next_id++;
  Pending &request =
      *(pending[id] = std::unique_ptr<Pending> (new Pending{this, id}));
  request.msg = Ref<SoupServerMessage>::retain (msg);
  request.stream = where.stream;
  request.path =
      forwarded_prefix (soup_message_headers_get_one (
          soup_server_message_get_request_headers (msg), "X-Forwarded-Prefix"))
      + prefix;
  if (options.named_streams) {
    g_autofree char *segment =
        g_uri_escape_string (where.stream.c_str (), nullptr, FALSE);
    request.path = request.path + "/" + segment;
  }
  watch (request);
  soup_server_message_pause (msg);
  // The request may be gone when this returns.
  backend.add_viewer (
      {where.stream, std::string (data, size), is_loopback (msg)},
      [weak = weak_from_this (), id, stream = where.stream] (
          Result<Answer> answer) {
        if (std::shared_ptr<Impl> self = weak.lock ())
          self->answered (id, stream, std::move (answer));
      });
}

void
Server::Impl::watch (Pending &request)
{
  SoupServerMessage *msg = request.msg.get ();
  request.wrote = SignalConn (msg, "wrote-body",
      G_CALLBACK (
          +[] (SoupServerMessage *, Pending *r) { r->delivered = true; }),
      &request);
  auto end = G_CALLBACK (
      +[] (SoupServerMessage *, Pending *r) { r->impl->finished (r->id); });
  request.finished = SignalConn (msg, "finished", end, &request);
  request.disconnected = SignalConn (msg, "disconnected", end, &request);
  request.hang_up = HangUpWatch (msg, [this, id = request.id] {
    give_up (id, {Code::unavailable, "the client has closed the connection"});
  });
  request.timeout = Timer (context.get (), options.answer_timeout_ms,
      [this, id = request.id] {
        give_up (id, {Code::timeout, "the stream did not answer in time"});
        return false;
      });
}

// What the backend may still answer for it is too late from now on.
void
Server::Impl::give_up (guint64 id, const Error &error)
{
  auto found = pending.find (id);
  if (found == pending.end ())
    return;
  std::unique_ptr<Pending> request = std::move (found->second);
  pending.erase (found);
  GST_INFO ("offer %" G_GUINT64_FORMAT " ends without an answer: %s", id,
      error.what.c_str ());
  refuse (request->msg.get (), error);
  soup_server_message_unpause (request->msg.get ());
}

void
Server::Impl::answered (guint64 id, const std::string &stream,
    Result<Answer> answer)
{
  auto found = pending.find (id);
  if (found == pending.end () || !found->second->session.empty ()) {
    if (answer) {
      GST_INFO ("answer of viewer %s came too late",
          answer->viewer_id.c_str ());
      // Not from inside the backend's own call.
      post (context.get (), weak_from_this (),
          [stream, viewer = answer->viewer_id] (
              Impl &self) { self.backend.remove_viewer (stream, viewer); });
    }
    return;
  }
  Pending &request = *found->second;
  request.hang_up.cancel ();
  request.timeout.cancel ();
  Result<void> opened =
      answer ? open_session (request, *answer) : answer.error ();
  auto msg = request.msg;
  if (!opened) {
    GST_INFO ("offer %" G_GUINT64_FORMAT " is refused: %s", id,
        opened.error ().what.c_str ());
    pending.erase (found);
    refuse (msg.get (), opened.error ());
  }
  soup_server_message_unpause (msg.get ());
}

Result<void>
Server::Impl::open_session (Pending &request, const Answer &answer)
{
  Result<std::string> secret = random_hex (16);
  Result<std::string> tag = random_hex (8);
  if (!secret || !tag) {
    post (context.get (), weak_from_this (),
        [stream = request.stream, viewer = answer.viewer_id] (
            Impl &self) { self.backend.remove_viewer (stream, viewer); });
    return secret ? tag.error () : secret.error ();
  }
  sessions[*secret] = {request.stream, answer.viewer_id};
  secrets[{request.stream, answer.viewer_id}] = *secret;
  request.session = *secret;
  GST_INFO ("viewer %s of '%s' has a session", answer.viewer_id.c_str (),
      request.stream.c_str ());

  SoupServerMessage *msg = request.msg.get ();
  soup_server_message_set_status (msg, SOUP_STATUS_CREATED, nullptr);
  add_cors (msg);
  set_header (msg, "Location", (request.path + "/" + *secret).c_str ());
  set_header (msg, "ETag", ("\"" + *tag + "\"").c_str ());
  set_header (msg, "Cache-Control", "no-store");
  soup_server_message_set_response (msg, kSdp, SOUP_MEMORY_COPY,
      answer.sdp.data (), answer.sdp.size ());
  return {};
}

// The message has left libsoup: answered, or its connection is dead.
void
Server::Impl::finished (guint64 id)
{
  auto found = pending.find (id);
  if (found == pending.end ())
    return;
  std::unique_ptr<Pending> request = std::move (found->second);
  pending.erase (found);
  // Nobody knows the URL of a session whose answer was not written.
  if (!request->session.empty () && !request->delivered)
    close_session (request->session);
}

void
Server::Impl::close_session (const std::string &secret)
{
  auto found = sessions.find (secret);
  if (found == sessions.end ())
    return;
  Session session = std::move (found->second);
  sessions.erase (found);
  secrets.erase ({session.stream, session.viewer_id});
  GST_INFO ("viewer %s of '%s' leaves", session.viewer_id.c_str (),
      session.stream.c_str ());
  backend.remove_viewer (session.stream, session.viewer_id);
}

// If-Match does not matter here (W20).
void
Server::Impl::delete_session (SoupServerMessage *msg, const Route &where)
{
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
  close_session (where.session);
}

Server::Server (SoupServer *server, Backend &backend, ServerOptions options)
{
  static gsize once = 0;
  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (rtprestream_whep_debug, "rtprestreamwhep", 0,
        "WHEP server");
    g_once_init_leave (&once, 1);
  }
  impl_ = std::make_shared<Impl> (server, backend, std::move (options));
  impl_->mount ();
}

Server::~Server ()
{
  impl_->unmount ();
}

void
Server::viewer_removed (const std::string &stream, const std::string &viewer_id)
{
  auto found = impl_->secrets.find ({stream, viewer_id});
  if (found == impl_->secrets.end ())
    return;
  impl_->sessions.erase (found->second);
  impl_->secrets.erase (found);
}

std::size_t
Server::session_count () const
{
  return impl_->sessions.size ();
}

std::size_t
Server::pending_count () const
{
  return impl_->pending.size ();
}

} // namespace restream::whep
