// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/whep-client.h"

#include <json-glib/json-glib.h>

namespace restream::test {

namespace {

constexpr guint kTimeoutSeconds = 60;

struct Call
{
  Ref<SoupMessage> message;
  WhepClient::Callback callback;
};

std::string
header (SoupMessageHeaders *headers, const char *name)
{
  const char *value = soup_message_headers_get_one (headers, name);
  return value ? value : "";
}

std::string
resolve (SoupMessage *message, const std::string &location)
{
  if (location.empty ())
    return "";
  GUri *absolute = g_uri_parse_relative (soup_message_get_uri (message),
      location.c_str (), GUriFlags (SOUP_HTTP_URI_FLAGS), nullptr);
  if (!absolute)
    return "";
  Owned<char> text (g_uri_to_string (absolute));
  g_uri_unref (absolute);
  return text.get ();
}

} // namespace

WhepClient::WhepClient ()
    : session_ (Ref<SoupSession>::adopt (
        soup_session_new_with_options ("max-conns", 256, "max-conns-per-host",
            256, "timeout", kTimeoutSeconds, nullptr))),
      cancellable_ (Ref<GCancellable>::adopt (g_cancellable_new ()))
{
}

WhepClient::~WhepClient ()
{
  g_cancellable_cancel (cancellable_.get ());
  soup_session_abort (session_.get ());
}

void
WhepClient::send (Ref<SoupMessage> message, Callback callback)
{
  auto *call = new Call{message, std::move (callback)};
  soup_session_send_and_read_async (
      session_.get (), message.get (), G_PRIORITY_DEFAULT, cancellable_.get (),
      +[] (GObject *session, GAsyncResult *result, gpointer data) {
        std::unique_ptr<Call> done (static_cast<Call *> (data));
        Owned<GError> error;
        auto body = Ref<GBytes>::adopt (soup_session_send_and_read_finish (
            SOUP_SESSION (session), result, out (error)));
        if (!body)
          return done->callback (Error::from (error.get (), Code::unavailable));
        SoupMessage *m = done->message.get ();
        SoupMessageHeaders *headers = soup_message_get_response_headers (m);
        gsize size = 0;
        const auto *bytes =
            static_cast<const char *> (g_bytes_get_data (body.get (), &size));
        HttpReply reply;
        reply.status = soup_message_get_status (m);
        const char *type =
            soup_message_headers_get_content_type (headers, nullptr);
        reply.content_type = type ? type : "";
        reply.body.assign (bytes ? bytes : "", size);
        reply.location = resolve (m, header (headers, "Location"));
        reply.etag = header (headers, "ETag");
        reply.retry_after = header (headers, "Retry-After");
        done->callback (std::move (reply));
      },
      call);
}

void
WhepClient::post_offer (const std::string &url, const std::string &offer,
    Callback callback)
{
  auto message =
      Ref<SoupMessage>::adopt (soup_message_new ("POST", url.c_str ()));
  if (!message)
    return callback (Error{Code::bad_request, "not a URL: " + url});
  auto body = Ref<GBytes>::adopt (g_bytes_new (offer.data (), offer.size ()));
  soup_message_set_request_body_from_bytes (message.get (), "application/sdp",
      body.get ());
  send (std::move (message), std::move (callback));
}

void
WhepClient::remove (const std::string &session_url, Callback callback)
{
  auto message = Ref<SoupMessage>::adopt (
      soup_message_new ("DELETE", session_url.c_str ()));
  if (!message)
    return callback (Error{Code::bad_request, "not a URL: " + session_url});
  send (std::move (message), std::move (callback));
}

std::string
problem_text (const HttpReply &reply)
{
  auto parser = Ref<JsonParser>::adopt (json_parser_new ());
  if (json_parser_load_from_data (parser.get (), reply.body.data (),
          static_cast<gssize> (reply.body.size ()), nullptr)) {
    JsonNode *root = json_parser_get_root (parser.get ());
    if (root && JSON_NODE_HOLDS_OBJECT (root)) {
      JsonObject *object = json_node_get_object (root);
      for (const char *member : {"detail", "title"})
        if (const char *text = json_object_get_string_member_with_default (
                object, member, nullptr))
          return text;
    }
  }
  const std::string line = reply.body.substr (0, reply.body.find ('\n'));
  return g_utf8_validate (line.data (), static_cast<gssize> (line.size ()),
             nullptr)
      ? line
      : "not text";
}

} // namespace restream::test
