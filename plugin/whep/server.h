// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/backend.h"
#include "plugin/whep/http-server.h"
#include "plugin/whep/ice-servers.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>
#include <vector>

namespace restream::whep {

inline constexpr std::size_t kMaxBodyBytes = 128 * 1024;

struct ServerOptions
{
  // Where the endpoint is mounted: "/whep", or "/api/v3/whep" and "/whep" for the daemon.
  std::vector<std::string> prefixes = {"/whep"};
  // false: the endpoint is the prefix itself and a session is prefix/{secret}.
  // true: the endpoint is prefix/{stream}, a session prefix/{stream}/{secret};
  // the stream name is one percent-encoded path segment ("a/b" is "a%2Fb"), which
  // needs a SoupServer with raw-paths, as new_http_server () makes it.
  bool named_streams = false;
  unsigned max_sessions = 10000; // over it: 503 with Retry-After
  unsigned max_pending =
      256; // requests that wait for their answer; over it: the same
  unsigned answer_timeout_ms =
      10000; // then 504, and the late viewer is removed
  // POST, PATCH and DELETE, of each client address; 0 = any number. Ten seconds' worth at once;
  // over it: 429 with Retry-After. Clients on this machine are not counted.
  unsigned requests_per_second = 20;
  unsigned max_event_connections = 1000;
  // In front of the paths that clients are told, where a proxy does not say it by X-Forwarded-Prefix.
  std::string base_path;
  IceServers ice_servers;
};

// WHEP (draft-ietf-wish-whep-03) on a SoupServer that somebody else listens with.
// Owns the session URLs: each is a secret of 128 random bits, never logged.
//
// The Location of a session, and what its Links name, are paths from the root. Behind a reverse proxy that
// takes a prefix off, either the proxy says so by X-Forwarded-Prefix or base_path does.
//
// Thread: the GMainContext that was thread-default at construction. Must not be
// destroyed from inside a call of its backend.
class Server
{
public:
  Server (SoupServer *server, Backend &backend, ServerOptions options);
  // Takes its handlers off the SoupServer; pending requests are answered 503. The
  // viewers are left to the backend, also one that it answers for after this.
  ~Server ();
  Server (const Server &) = delete;
  Server &operator= (const Server &) = delete;

  // The viewer has gone by itself: its URL is 404 from now on.
  void viewer_removed (const std::string &stream, const std::string &viewer_id);
  // The stream begins, ends, or has another number of viewers: its event streams are told.
  void stream_changed (const std::string &stream);
  // The stream is about to end its viewers, who had better come again.
  void ask_to_reconnect (const std::string &stream);
  std::size_t session_count () const;
  std::size_t pending_count () const;
  // Event streams that are being fetched.
  std::size_t event_connection_count () const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace restream::whep
