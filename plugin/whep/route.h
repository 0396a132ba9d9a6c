// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restream::whep {

// What a request's path below an endpoint's prefix means.
struct Route
{
  enum class Kind
  {
    endpoint = 1,
    session,
    events, // where streams of a session's events are made
    event_stream
  };
  Kind kind = Kind::endpoint;
  std::string stream; // unescaped; "" without named streams
  std::string session; // its secret; "" = the endpoint itself
  std::string event_stream; // the id of one
};

// Below a session's URL.
inline constexpr const char *kEventsSegment = "events";

// rest: the path after the prefix, percent-encoded if raw. Nothing for a path
// that cannot exist: too deep, too long, malformed escapes, NUL or no UTF-8.
// A single trailing slash does not count.
std::optional<Route> parse_route (std::string_view rest, bool named_streams,
    bool raw);

// The prefix that a reverse proxy took off (X-Forwarded-Prefix), as it goes in
// front of a path; "" if there is none or it is not a plain absolute path.
std::string forwarded_prefix (const char *header);

} // namespace restream::whep
