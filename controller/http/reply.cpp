// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/reply.h"

namespace restream {

Reply::Reply (SoupServerMessage *message)
    : message_ (Ref<SoupServerMessage>::retain (message)),
      finished_ (message, "finished",
          G_CALLBACK (
              +[] (SoupServerMessage *, Reply *self) { self->gone_ = true; }),
          this)
{
}

void
Reply::send (unsigned status, const char *type, std::string_view body)
{
  g_return_if_fail (!answered_);
  answered_ = true;
  if (gone_)
    return;
  soup_server_message_set_status (message_.get (), status, nullptr);
  SoupMessageHeaders *headers =
      soup_server_message_get_response_headers (message_.get ());
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  if (type)
    soup_server_message_set_response (message_.get (), type, SOUP_MEMORY_COPY,
        body.data (), body.size ());
  if (paused_)
    soup_server_message_unpause (message_.get ());
}

void
Reply::json (unsigned status, std::string body)
{
  body += '\n';
  send (status, "application/json; charset=UTF-8", body);
}

void
Reply::text (unsigned status, std::string body)
{
  send (status, "text/plain; charset=UTF-8", body);
}

void
Reply::empty (unsigned status)
{
  send (status, nullptr, {});
}

void
Reply::error (const ApiError &error)
{
  JsonWriter body;
  body.begin_object ()
      .member ("code", error.status)
      .member ("message", error.message);
  body.key ("details").begin_array ();
  for (std::size_t from = 0; from < error.details.size ();) {
    std::size_t to =
        std::min (error.details.find ('\n', from), error.details.size ());
    body.value (std::string_view (error.details).substr (from, to - from));
    from = to + 1;
  }
  body.end_array ().end_object ();
  json (error.status, std::move (body));
}

void
Reply::wait_if_unanswered ()
{
  if (answered_ || paused_)
    return;
  paused_ = true;
  soup_server_message_pause (message_.get ());
}

} // namespace restream
