// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/http-client.h"

#include <json-glib/json-glib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace restream::load {

namespace {

constexpr gsize kReadBytes = 16 * 1024;
// json-glib recurses: what is larger is not looked at.
constexpr std::size_t kMaxProblemBodyBytes = 4096;
constexpr std::size_t kMaxProblemBytes = 200;
constexpr std::size_t kMaxLocationBytes = 4096;

std::string
header (SoupMessage *message, const char *name)
{
  const char *value = soup_message_headers_get_one (
      soup_message_get_response_headers (message), name);
  return value ? value : "";
}

bool
same_origin (GUri *a, GUri *b)
{
  return g_strcmp0 (g_uri_get_scheme (a), g_uri_get_scheme (b)) == 0
      && g_strcmp0 (g_uri_get_host (a), g_uri_get_host (b)) == 0
      && g_uri_get_port (a) == g_uri_get_port (b);
}

// A session of another origin is not ours to delete, least of all with our token.
std::string
location_of (SoupMessage *message)
{
  const std::string location = header (message, "Location");
  if (location.empty () || location.size () > kMaxLocationBytes)
    return "";
  GUri *request = soup_message_get_uri (message);
  Owned<GUri> absolute (g_uri_parse_relative (request, location.c_str (),
      static_cast<GUriFlags> (SOUP_HTTP_URI_FLAGS), nullptr));
  if (!absolute || !same_origin (absolute.get (), request))
    return "";
  return Owned<char> (g_uri_to_string (absolute.get ())).get ();
}

// One request on its way; frees itself.
struct Call
{
  unsigned &pending;
  Ref<SoupMessage> message;
  Ref<GCancellable> cancellable;
  HttpClient::Callback callback;
  Ref<GInputStream> stream;
  HttpReply reply;

  ~Call () { pending--; }
  void fail (const GError *error)
  {
    std::unique_ptr<Call> self (this);
    if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      callback (Error::from (error, Code::unavailable));
  }
  void read_on ();
};

void
on_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  auto *call = static_cast<Call *> (data);
  Owned<GError> error;
  auto bytes = Ref<GBytes>::adopt (g_input_stream_read_bytes_finish (
      G_INPUT_STREAM (stream), result, out (error)));
  if (!bytes)
    return call->fail (error.get ());
  gsize size = 0;
  const auto *more =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  if (size == 0) {
    std::unique_ptr<Call> done (call);
    return done->callback (std::move (done->reply));
  }
  if (call->reply.body.size () + size > HttpClient::kMaxBodyBytes) {
    std::unique_ptr<Call> done (call);
    return done->callback (Error{Code::too_large,
        "the reply has more than " + std::to_string (HttpClient::kMaxBodyBytes)
            + " bytes"});
  }
  call->reply.body.append (more, size);
  call->read_on ();
}

void
Call::read_on ()
{
  g_input_stream_read_bytes_async (stream.get (), kReadBytes,
      G_PRIORITY_DEFAULT, cancellable.get (), on_read, this);
}

void
on_sent (GObject *session, GAsyncResult *result, gpointer data)
{
  auto *call = static_cast<Call *> (data);
  Owned<GError> error;
  call->stream = Ref<GInputStream>::adopt (
      soup_session_send_finish (SOUP_SESSION (session), result, out (error)));
  if (!call->stream)
    return call->fail (error.get ());
  SoupMessage *message = call->message.get ();
  HttpReply &reply = call->reply;
  reply.headers_us = g_get_monotonic_time ();
  reply.status = soup_message_get_status (message);
  reply.status_text = std::to_string (reply.status);
  if (const char *phrase = soup_status_get_phrase (reply.status);
      phrase && reply.status >= 100)
    reply.status_text += std::string (" ") + phrase;
  const char *type = soup_message_headers_get_content_type (
      soup_message_get_response_headers (message), nullptr);
  reply.content_type = type ? type : "";
  reply.location = location_of (message);
  call->read_on ();
}

// Printable ASCII and UTF-8 without control characters, on one line.
std::string
tidy (std::string_view text)
{
  Owned<char> valid (g_utf8_make_valid (text.data (),
      static_cast<gssize> (std::min (text.size (), kMaxProblemBytes))));
  std::string line;
  for (const char *p = valid.get (); *p; p++)
    line += static_cast<unsigned char> (*p) < ' ' || *p == 0x7f ? ' ' : *p;
  return line;
}

} // namespace

HttpClient::HttpClient (Settings settings)
    : settings_ (std::move (settings)),
      session_ (Ref<SoupSession>::adopt (soup_session_new_with_options (
          "max-conns", static_cast<int> (settings_.connections),
          "max-conns-per-host", static_cast<int> (settings_.connections),
          "timeout", settings_.timeout_s, "idle-timeout", settings_.timeout_s,
          "proxy-resolver", nullptr, "user-agent", "rtprestream-load/" VERSION,
          nullptr)))
{
  soup_session_remove_feature_by_type (session_.get (),
      SOUP_TYPE_CONTENT_DECODER);
}

HttpClient::~HttpClient ()
{
  finish ();
}

void
HttpClient::finish ()
{
  soup_session_abort (session_.get ());
  while (pending_)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

void
HttpClient::send (Ref<SoupMessage> message, Ref<GCancellable> cancellable,
    Callback callback)
{
  soup_message_add_flags (message.get (), SOUP_MESSAGE_NO_REDIRECT);
  if (!settings_.token.empty ())
    soup_message_headers_replace (
        soup_message_get_request_headers (message.get ()), "Authorization",
        ("Bearer " + settings_.token).c_str ());
  if (settings_.insecure)
    g_signal_connect (message.get (), "accept-certificate",
        G_CALLBACK (+[] (SoupMessage *, GTlsCertificate *, GTlsCertificateFlags,
                         gpointer) -> gboolean { return TRUE; }),
        nullptr);
  pending_++;
  auto *call = new Call{.pending = pending_,
      .message = message,
      .cancellable = cancellable,
      .callback = std::move (callback),
      .stream = {},
      .reply = {}};
  soup_session_send_async (session_.get (), message.get (), G_PRIORITY_DEFAULT,
      cancellable.get (), on_sent, call);
}

void
HttpClient::post_offer (const std::string &url, const std::string &offer,
    Ref<GCancellable> cancellable, Callback callback)
{
  auto message =
      Ref<SoupMessage>::adopt (soup_message_new ("POST", url.c_str ()));
  if (!message)
    return callback (Error{Code::bad_request, "not a URL"});
  auto body = Ref<GBytes>::adopt (g_bytes_new (offer.data (), offer.size ()));
  soup_message_set_request_body_from_bytes (message.get (), "application/sdp",
      body.get ());
  send (std::move (message), std::move (cancellable), std::move (callback));
}

void
HttpClient::remove (const std::string &session_url,
    Ref<GCancellable> cancellable, Callback callback)
{
  auto message = Ref<SoupMessage>::adopt (
      soup_message_new ("DELETE", session_url.c_str ()));
  if (!message)
    return callback (Error{Code::bad_request, "not a URL"});
  send (std::move (message), std::move (cancellable), std::move (callback));
}

std::string
problem_text (const HttpReply &reply)
{
  if (reply.body.size () > kMaxProblemBodyBytes)
    return "";
  auto parser = Ref<JsonParser>::adopt (json_parser_new ());
  if (json_parser_load_from_data (parser.get (), reply.body.data (),
          static_cast<gssize> (reply.body.size ()), nullptr)) {
    JsonNode *root = json_parser_get_root (parser.get ());
    if (root && JSON_NODE_HOLDS_OBJECT (root)) {
      JsonObject *object = json_node_get_object (root);
      for (const char *name : {"detail", "title", "error", "message"}) {
        JsonNode *member = json_object_get_member (object, name);
        if (member && JSON_NODE_HOLDS_VALUE (member)
            && json_node_get_value_type (member) == G_TYPE_STRING)
          return tidy (json_node_get_string (member));
      }
    }
    return "";
  }
  if (reply.content_type != "text/plain")
    return "";
  return tidy (reply.body.substr (0, reply.body.find ('\n')));
}

} // namespace restream::load
