// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/route.h"

#include <glib.h>

#include <vector>

namespace restream::whep {

namespace {

constexpr std::size_t kMaxPath = 2048;

std::optional<std::string>
unescape (std::string_view segment)
{
  g_autofree char *text = g_uri_unescape_segment (segment.data (),
      segment.data () + segment.size (), nullptr);
  if (!text || !g_utf8_validate (text, -1, nullptr))
    return std::nullopt;
  return std::string (text);
}

std::vector<std::string_view>
split (std::string_view rest)
{
  std::vector<std::string_view> segments;
  while (!rest.empty ()) {
    rest.remove_prefix (1); // the slash
    std::size_t end = std::min (rest.find ('/'), rest.size ());
    segments.push_back (rest.substr (0, end));
    rest.remove_prefix (end);
  }
  if (!segments.empty () && segments.back ().empty ())
    segments.pop_back ();
  return segments;
}

} // namespace

std::optional<Route>
parse_route (std::string_view rest, bool named_streams, bool raw)
{
  if (rest.size () > kMaxPath || (!rest.empty () && rest.front () != '/'))
    return std::nullopt;
  std::vector<std::string_view> segments = split (rest);
  std::size_t depth = named_streams ? 1 : 0;
  if (segments.size () < depth || segments.size () > depth + 3)
    return std::nullopt;
  Route route;
  if (named_streams) {
    std::optional<std::string> stream =
        raw ? unescape (segments[0]) : std::string (segments[0]);
    // Dot segments cannot be told apart from steps in a path, escaped or not.
    if (!stream || stream->empty () || *stream == "." || *stream == "..")
      return std::nullopt;
    route.stream = std::move (*stream);
  }
  if (segments.size () > depth) {
    route.session = segments[depth];
    if (route.session.empty ())
      return std::nullopt;
    route.kind = Route::Kind::session;
  }
  if (segments.size () > depth + 1) {
    if (segments[depth + 1] != kEventsSegment)
      return std::nullopt;
    route.kind = Route::Kind::events;
  }
  if (segments.size () > depth + 2) {
    route.event_stream = segments[depth + 2];
    if (route.event_stream.empty ())
      return std::nullopt;
    route.kind = Route::Kind::event_stream;
  }
  return route;
}

std::string
forwarded_prefix (const char *header)
{
  std::string_view text = header ? header : "";
  while (text.ends_with ('/'))
    text.remove_suffix (1);
  if (text.empty () || text.size () > 256 || text.front () != '/')
    return "";
  for (std::size_t i = 0; i < text.size (); i++) {
    char c = text[i];
    bool plain =
        g_ascii_isalnum (c) || c == '-' || c == '_' || c == '.' || c == '~';
    // Two slashes would name a host.
    if (!plain && !(c == '/' && (i == 0 || text[i - 1] != '/')))
      return "";
  }
  return std::string (text);
}

} // namespace restream::whep
