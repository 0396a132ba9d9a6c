// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/event-connection.h"

#include "plugin/whep/respond.h"

namespace restream::whep {

namespace {

constexpr unsigned kKeepAliveMs = 15000;

} // namespace

EventConnection::EventConnection (SoupServerMessage *msg, GMainContext *context,
    std::function<std::string ()> next, std::function<void ()> gone)
    : msg_ (Ref<SoupServerMessage>::retain (msg)), next_ (std::move (next)),
      gone_ (std::move (gone))
{
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
  set_header (msg, "Content-Type", "text/event-stream");
  set_header (msg, "Cache-Control", "no-store");
  set_header (msg, "X-Accel-Buffering", "no"); // nginx: pass it on at once
  soup_message_headers_set_encoding (
      soup_server_message_get_response_headers (msg), SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (msg),
      FALSE);
  wrote_ = SignalConn (msg, "wrote-chunk",
      G_CALLBACK (+[] (SoupServerMessage *, EventConnection *self) {
        self->writing_ = false;
        self->wake ();
      }),
      this);
  auto end = G_CALLBACK (+[] (SoupServerMessage *, EventConnection *self) {
    self->over_ = true;
    self->gone_ ();
  });
  finished_ = SignalConn (msg, "finished", end, this);
  disconnected_ = SignalConn (msg, "disconnected", end, this);
  hang_up_ = HangUpWatch (msg, [this] { gone_ (); });
  keep_alive_ = Timer (context, kKeepAliveMs, [this] {
    if (!writing_)
      write (":\n\n");
    return true;
  });
  write (":\n\n"); // the client sees that it is connected
}

EventConnection::~EventConnection ()
{
  if (over_)
    return;
  soup_message_body_complete (
      soup_server_message_get_response_body (msg_.get ()));
  soup_server_message_unpause (msg_.get ());
}

void
EventConnection::wake ()
{
  if (writing_ || over_)
    return;
  if (std::string text = next_ (); !text.empty ())
    write (text);
}

void
EventConnection::flush ()
{
  if (over_)
    return;
  for (std::string text; !(text = next_ ()).empty ();)
    write (text);
}

void
EventConnection::write (const std::string &text)
{
  writing_ = true;
  soup_message_body_append (soup_server_message_get_response_body (msg_.get ()),
      SOUP_MEMORY_COPY, text.data (), text.size ());
  soup_server_message_unpause (msg_.get ());
}

} // namespace restream::whep
