// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"
#include "plugin/whep/event-connection.h"

#include <libsoup/soup.h>

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace restream::whep {

// The event streams of WHEP's server-sent-events extension: each is of one session, with the types that its
// viewer asked for. What is not fetched just now is kept, up to a bound; the oldest goes first.
// Thread: the server's.
class EventStreams
{
public:
  static constexpr std::size_t kMaxPerSession = 4;
  static constexpr std::size_t kMaxQueued = 64; // of a stream

  // Comma-separated, as the extension's Link announces them.
  static constexpr const char *kTypes = "active,inactive,reconnect,viewercount";

  ~EventStreams () { *alive_ = false; }
  EventStreams (const EventStreams &) = delete;
  EventStreams &operator= (const EventStreams &) = delete;
  EventStreams (Ref<GMainContext> context, std::size_t max_connections)
      : context_ (std::move (context)), max_connections_ (max_connections)
  {
  }

  // request: a JSON array of types, or "" for all. The stream's id, 128 random bits. Errors: bad_request,
  // too_many (of the session).
  Result<std::string> create (const std::string &session,
      std::string_view request);
  bool has (const std::string &session, const std::string &id) const;
  // Answers a GET with the stream, until it or the connection ends. A former GET ends. Error: unavailable.
  Result<void> serve (SoupServerMessage *msg, const std::string &session,
      const std::string &id);
  // The stream is gone, with what was not fetched.
  void remove (const std::string &session, const std::string &id);
  // All of its streams are gone. What is queued still goes to those that fetch.
  void end_session (const std::string &session);

  void end_all ();

  // For those streams of the session that asked for the type. data: one line. A count of viewers
  // replaces an older one that was not fetched.
  void queue (const std::string &session, std::string_view type,
      const std::string &data);
  // For one stream, at its beginning.
  void queue (const std::string &session, const std::string &id,
      std::string_view type, const std::string &data);
  std::size_t size () const { return streams_.size (); }
  std::size_t connection_count () const;

private:
  struct Event
  {
    std::string_view type; // of kAllTypes
    std::string text;
  };
  struct Stream
  {
    std::vector<std::string_view> types; // of kAllTypes
    std::deque<Event> queued;
    std::unique_ptr<EventConnection> connection; // null: nobody fetches
  };
  using Key = std::pair<std::string, std::string>; // session, id

  void add (Stream &stream, std::string_view type, const std::string &data);

  const Ref<GMainContext> context_;
  const std::size_t max_connections_;
  std::map<Key, Stream> streams_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool> (true);
};

} // namespace restream::whep
