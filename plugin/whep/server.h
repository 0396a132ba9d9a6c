// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/backend.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>
#include <vector>

namespace restream::whep
{

inline constexpr std::size_t kMaxBodyBytes = 128 * 1024;

struct ServerOptions
{
  // Where the endpoint is mounted: "/whep", or "/api/v3/whep" and "/whep" for the daemon.
  std::vector<std::string> prefixes = { "/whep" };
  // false: the endpoint is the prefix itself and a session is prefix/{secret}.
  // true: the endpoint is prefix/{stream}, a session prefix/{stream}/{secret};
  // the stream name is one percent-encoded path segment.
  bool named_streams = false;
  unsigned max_sessions = 10000; // over it: 503 with Retry-After
};

// WHEP (draft-ietf-wish-whep-03) on a SoupServer that somebody else listens with.
// Owns the session URLs: each is a secret of 128 random bits, never logged.
// Thread: the GMainContext that was thread-default at construction.
class Server
{
public:
  Server (SoupServer *server, Backend &backend, ServerOptions options);
  ~Server (); // takes its handlers off the SoupServer; pending requests are answered 503
  Server (const Server &) = delete;
  Server &operator= (const Server &) = delete;

  // The viewer has gone by itself: its URL is 404 from now on.
  void viewer_removed (const std::string &stream, const std::string &viewer_id);
  std::size_t session_count () const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace restream::whep
