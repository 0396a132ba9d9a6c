// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/body-guard.h"

#include "common/post.h"
#include "common/signal-conn.h"
#include "plugin/whep/problem.h"

#include <string>

namespace restream::whep {

namespace {

constexpr const char *kKey = "rtprestream-body-guard";

// Lives as long as its message, which therefore it does not own.
class BodyGuard
{
public:
  BodyGuard (SoupServerMessage *msg, unsigned timeout_ms);
  void set_limit (std::size_t max_bytes);

private:
  void got_chunk (std::size_t size);
  void got_body ();
  void refuse ();
  void drop_soon ();
  void drop_connection ();

  SoupServerMessage *const msg_;
  std::size_t max_bytes_ = 0;
  std::size_t seen_ = 0;
  bool complete_ = false;
  Timer timer_;
  // Not SignalConn: that would hold the message in a cycle. The closures go
  // with the message.
};

BodyGuard::BodyGuard (SoupServerMessage *msg, unsigned timeout_ms) : msg_ (msg)
{
  auto connect = [this] (const char *signal, GCallback callback) {
    g_signal_connect (msg_, signal, callback, this);
  };
  connect ("got-chunk",
      G_CALLBACK (+[] (SoupServerMessage *, GBytes *chunk, BodyGuard *self) {
        self->got_chunk (g_bytes_get_size (chunk));
      }));
  connect ("got-body", G_CALLBACK (+[] (SoupServerMessage *, BodyGuard *self) {
    self->got_body ();
  }));
  connect ("finished", G_CALLBACK (+[] (SoupServerMessage *, BodyGuard *self) {
    self->got_body ();
  }));
  connect ("disconnected",
      G_CALLBACK (
          +[] (SoupServerMessage *, BodyGuard *self) { self->got_body (); }));
  timer_ = Timer (g_main_context_get_thread_default (), timeout_ms, [this] {
    drop_connection ();
    return false;
  });
}

void
BodyGuard::set_limit (std::size_t max_bytes)
{
  max_bytes_ = max_bytes;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg_);
  goffset announced = soup_message_headers_get_encoding (headers)
          == SOUP_ENCODING_CONTENT_LENGTH
      ? soup_message_headers_get_content_length (headers)
      : 0;
  if (announced < 0)
    drop_soon ();
  else if (announced > 0 && std::size_t (announced) > max_bytes_)
    refuse ();
}

void
BodyGuard::got_chunk (std::size_t size)
{
  seen_ += size;
  if (seen_ <= max_bytes_)
    return;
  refuse ();
  if (seen_ <= kMaxDrainBytes)
    return;
  drop_soon ();
}

// Not from inside the read: libsoup goes on with the message after this. The
// pause stops the reading until the timer runs.
void
BodyGuard::drop_soon ()
{
  if (soup_server_message_get_http_version (msg_) >= SOUP_HTTP_2_0)
    return; // one stream of many; its flow control is the bound
  soup_server_message_pause (msg_);
  timer_ = Timer (g_main_context_get_thread_default (), 0, [this] {
    drop_connection ();
    return false;
  });
}

void
BodyGuard::got_body ()
{
  complete_ = true;
  timer_.cancel ();
}

void
BodyGuard::refuse ()
{
  SoupMessageBody *body = soup_server_message_get_request_body (msg_);
  soup_message_body_set_accumulate (body, FALSE);
  soup_message_body_truncate (body);
  if (soup_server_message_get_status (msg_) != 0)
    return;
  // Any page may read why: nothing in it is a secret.
  soup_message_headers_replace (soup_server_message_get_response_headers (msg_),
      "Access-Control-Allow-Origin", "*");
  respond_problem (msg_,
      Error{Code::too_large,
          "the body is over the limit of " + std::to_string (max_bytes_)
              + " bytes"});
}

void
BodyGuard::drop_connection ()
{
  if (complete_ || soup_server_message_get_http_version (msg_) >= SOUP_HTTP_2_0)
    return; // libsoup cannot give away one stream of an HTTP/2 connection
  complete_ = true;
  auto keep = Ref<SoupServerMessage>::retain (msg_);
  if (auto stream =
          Ref<GIOStream>::adopt (soup_server_message_steal_connection (msg_)))
    g_io_stream_close_async (stream.get (), G_PRIORITY_DEFAULT, nullptr,
        nullptr, nullptr);
}

} // namespace

void
guard_body (SoupServerMessage *msg, std::size_t max_bytes, unsigned timeout_ms)
{
  auto *guard =
      static_cast<BodyGuard *> (g_object_get_data (G_OBJECT (msg), kKey));
  if (!guard) {
    guard = new BodyGuard (msg, timeout_ms);
    g_object_set_data_full (
        G_OBJECT (msg), kKey, guard,
        +[] (gpointer data) { delete static_cast<BodyGuard *> (data); });
  }
  guard->set_limit (max_bytes);
}

void
guard_all_bodies (SoupServer *server, std::size_t max_bytes)
{
  g_signal_connect (server, "request-started",
      G_CALLBACK (+[] (SoupServer *, SoupServerMessage *msg, gpointer max) {
        // After the server's own handler, and so after all early handlers.
        g_signal_connect (msg, "got-headers",
            G_CALLBACK (+[] (SoupServerMessage *m, gpointer bytes) {
              if (!g_object_get_data (G_OBJECT (m), kKey))
                guard_body (m, GPOINTER_TO_SIZE (bytes));
            }),
            max);
      }),
      GSIZE_TO_POINTER (max_bytes));
}

} // namespace restream::whep
