// SPDX-License-Identifier: LGPL-2.1-or-later
// A client that sends exactly the bytes it is told to: for requests that no HTTP
// library would make. The server runs in the caller's main context meanwhile.
#pragma once

#include "common/ref.h"

#include <gio/gio.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>

struct Reply
{
  int status = 0; // 0: the connection was closed without an answer
  std::map<std::string, std::string> headers; // names in lower case
  std::string body;

  // A reference, so that the assertion macros may keep a pointer into it.
  const std::string &header (const char *name) const
  {
    static const std::string none;
    auto found = headers.find (name);
    return found == headers.end () ? none : found->second;
  }
};

class Connection
{
public:
  explicit Connection (guint16 port)
  {
    restream::Owned<GError> error;
    auto client = restream::Ref<GSocketClient>::adopt (g_socket_client_new ());
    g_socket_client_set_timeout (client.get (), 30);
    connection_ = restream::Ref<GSocketConnection>::adopt (
        g_socket_client_connect_to_host (client.get (), "127.0.0.1", port,
            nullptr, out (error)));
    g_assert_no_error (error.get ());
  }

  // False when the server has closed the connection.
  bool send (const std::string &bytes)
  {
    GOutputStream *stream =
        g_io_stream_get_output_stream (G_IO_STREAM (connection_.get ()));
    return g_output_stream_write_all (stream, bytes.data (), bytes.size (),
        nullptr, nullptr, nullptr);
  }

  // Up to the end of the connection.
  Reply read ()
  {
    GInputStream *stream =
        g_io_stream_get_input_stream (G_IO_STREAM (connection_.get ()));
    std::string all;
    char buffer[4096];
    gssize n;
    while ((n = g_input_stream_read (stream, buffer, sizeof buffer, nullptr,
                nullptr))
        > 0)
      all.append (buffer, std::size_t (n));
    return parse (all);
  }

  // Until nothing has come for a time, or the connection ends.
  void read_until_quiet (int milliseconds)
  {
    GSocket *socket = g_socket_connection_get_socket (connection_.get ());
    char buffer[4096];
    while (g_socket_condition_timed_wait (socket, G_IO_IN, milliseconds * 1000,
               nullptr, nullptr)
        && g_socket_receive (socket, buffer, sizeof buffer, nullptr, nullptr)
            > 0) {
    }
  }

  // Also while another thread reads.
  void shut_down ()
  {
    g_socket_shutdown (g_socket_connection_get_socket (connection_.get ()),
        TRUE, TRUE, nullptr);
  }

  void close ()
  {
    g_io_stream_close (G_IO_STREAM (connection_.get ()), nullptr, nullptr);
  }

private:
  static Reply parse (std::string all)
  {
    Reply reply;
    // Skip what only says "go on".
    while (all.starts_with ("HTTP/1.1 100")) {
      std::size_t end = all.find ("\r\n\r\n");
      g_assert_true (end != std::string::npos);
      all.erase (0, end + 4);
    }
    std::size_t head = all.find ("\r\n\r\n");
    if (head == std::string::npos)
      return reply;
    g_assert_true (all.starts_with ("HTTP/1."));
    reply.status = atoi (all.c_str () + 9);
    reply.body = all.substr (head + 4);
    std::size_t at = all.find ("\r\n") + 2;
    while (at < head) {
      std::size_t end = all.find ("\r\n", at);
      std::string line = all.substr (at, end - at);
      std::size_t colon = line.find (": ");
      g_assert_true (colon != std::string::npos);
      restream::Owned<char> name (
          g_ascii_strdown (line.substr (0, colon).c_str (), -1));
      std::string &value =
          reply.headers[name.get ()]; // lines of one name are a list
      value += (value.empty () ? "" : ", ") + line.substr (colon + 2);
      at = end + 2;
    }
    return reply;
  }

  restream::Ref<GSocketConnection> connection_;
};

// Runs f in a thread of its own, and the main context until it is done.
inline void
beside_main_loop (const std::function<void ()> &f)
{
  std::atomic<bool> done{false};
  std::thread thread ([&] {
    f ();
    done = true;
    g_main_context_wakeup (nullptr);
  });
  while (!done)
    g_main_context_iteration (nullptr, TRUE);
  thread.join ();
}

// Runs the main context until the condition holds, at most 30 s.
inline void
run_until (const std::function<bool ()> &condition)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  while (!condition ()) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    if (!g_main_context_iteration (nullptr, FALSE))
      g_usleep (1000);
  }
}
