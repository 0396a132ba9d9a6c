// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/core.h"

#include <libsoup/soup.h>

#include <set>
#include <string>
#include <unordered_map>

namespace restream::whep {

// The server-sent-events extension: makes, serves and removes a session's event streams, and tells them
// what happens to the media stream. Thread: the server's.
class EventResource
{
public:
  explicit EventResource (Core &core) : core_ (core) {} // as of Endpoint
  void post (SoupServerMessage *msg, Session &session);
  void get (SoupServerMessage *msg, const Session &session,
      const std::string &id);
  void remove (SoupServerMessage *msg, const Session &session,
      const std::string &id);

  void stream_changed (const std::string &stream);
  void ask_to_reconnect (const std::string &stream);

private:
  void tell (const std::string &stream, std::string_view type,
      const std::string &data);
  void tell_counts ();

  Core &core_;
  std::unordered_map<std::string, StreamState>
      told_; // of each media stream that has event streams
  std::set<std::string> recounted_; // whose number of viewers is to be told
  Timer count_timer_; // collects them
};

} // namespace restream::whep
