// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/event-streams.h"

#include "common/random.h"

#include <json-glib/json-glib.h>

#include <algorithm>
#include <array>

namespace restream::whep {

namespace {

constexpr std::array<std::string_view, 4> kAllTypes = {"active", "inactive",
    "reconnect", "viewercount"};
constexpr std::size_t kMaxRequestBytes = 4096;

Result<std::vector<std::string_view>>
read_types (std::string_view request)
{
  if (request.empty ())
    return std::vector<std::string_view> (kAllTypes.begin (), kAllTypes.end ());
  if (request.size () > kMaxRequestBytes)
    return Error{Code::too_large,
        "the list of event types has more than "
            + std::to_string (kMaxRequestBytes) + " bytes"};
  auto parser = Ref<JsonParser>::adopt (json_parser_new ());
  JsonNode *root = nullptr;
  if (json_parser_load_from_data (parser.get (), request.data (),
          gssize (request.size ()), nullptr))
    root = json_parser_get_root (parser.get ());
  if (!root || !JSON_NODE_HOLDS_ARRAY (root))
    return Error{Code::bad_request, "a JSON array of event types is expected"};
  JsonArray *array = json_node_get_array (root);
  std::vector<std::string_view> types;
  for (guint i = 0; i < json_array_get_length (array); i++) {
    JsonNode *node = json_array_get_element (array, i);
    const char *name = JSON_NODE_HOLDS_VALUE (node)
            && json_node_get_value_type (node) == G_TYPE_STRING
        ? json_node_get_string (node)
        : nullptr;
    auto known = std::find (kAllTypes.begin (), kAllTypes.end (),
        std::string_view (name ? name : ""));
    if (known == kAllTypes.end ())
      return Error{Code::bad_request,
          std::string ("there are no events of the type ")
              + (name ? "\"" + std::string (name) + "\"" : "given")
              + ", but of " + EventStreams::kTypes};
    if (std::find (types.begin (), types.end (), *known) == types.end ())
      types.push_back (*known);
  }
  return types;
}

} // namespace

Result<std::string>
EventStreams::create (const std::string &session, std::string_view request)
{
  Result<std::vector<std::string_view>> types = read_types (request);
  if (!types)
    return types.error ();
  auto first = streams_.lower_bound ({session, ""});
  std::size_t count = 0;
  for (auto it = first; it != streams_.end () && it->first.first == session;
       ++it)
    count++;
  if (count >= kMaxPerSession)
    return Error{Code::too_many,
        "the session has " + std::to_string (kMaxPerSession)
            + " event streams already",
        5};
  std::string id = random_token (16);
  streams_[{session, id}].types = std::move (*types);
  return id;
}

bool
EventStreams::has (const std::string &session, const std::string &id) const
{
  return streams_.contains ({session, id});
}

Result<void>
EventStreams::serve (SoupServerMessage *msg, const std::string &session,
    const std::string &id)
{
  Stream &stream = streams_[{session, id}];
  if (!stream.connection && connection_count () >= max_connections_)
    return Error{Code::unavailable, "too many event streams are open", 30};
  auto next = [&stream] {
    std::string text;
    for (const Event &event : stream.queued)
      text += event.text;
    stream.queued.clear ();
    return text;
  };
  // The connection is not destroyed in its own call.
  auto gone = [this, session, id, msg] {
    post (context_.get (), [this, session, id, msg, alive = alive_] {
      if (!*alive)
        return;
      auto found = streams_.find ({session, id});
      if (found != streams_.end () && found->second.connection
          && found->second.connection->is_of (msg))
        found->second.connection.reset ();
    });
  };
  stream.connection.reset ();
  stream.connection = std::make_unique<EventConnection> (msg, context_.get (),
      std::move (next), std::move (gone));
  return {};
}

void
EventStreams::remove (const std::string &session, const std::string &id)
{
  auto found = streams_.find ({session, id});
  if (found == streams_.end ())
    return;
  streams_.erase (found);
}

void
EventStreams::end_session (const std::string &session)
{
  auto it = streams_.lower_bound ({session, ""});
  while (it != streams_.end () && it->first.first == session) {
    if (it->second.connection)
      it->second.connection->flush ();
    it = streams_.erase (it);
  }
}

void
EventStreams::end_all ()
{
  while (!streams_.empty ())
    end_session (std::string (streams_.begin ()->first.first));
}

void
EventStreams::add (Stream &stream, std::string_view type,
    const std::string &data)
{
  auto wanted = std::find (stream.types.begin (), stream.types.end (), type);
  if (wanted == stream.types.end ())
    return;
  if (type == "viewercount")
    std::erase_if (stream.queued,
        [&] (const Event &older) { return older.type == type; });
  if (stream.queued.size () == kMaxQueued)
    stream.queued.pop_front ();
  stream.queued.push_back (
      {*wanted, "event: " + std::string (type) + "\ndata: " + data + "\n\n"});
  if (stream.connection)
    stream.connection->wake ();
}

void
EventStreams::queue (const std::string &session, std::string_view type,
    const std::string &data)
{
  for (auto it = streams_.lower_bound ({session, ""});
       it != streams_.end () && it->first.first == session; ++it)
    add (it->second, type, data);
}

void
EventStreams::queue (const std::string &session, const std::string &id,
    std::string_view type, const std::string &data)
{
  if (auto found = streams_.find ({session, id}); found != streams_.end ())
    add (found->second, type, data);
}

std::size_t
EventStreams::connection_count () const
{
  return std::size_t (std::count_if (streams_.begin (), streams_.end (),
      [] (const auto &entry) { return entry.second.connection != nullptr; }));
}

} // namespace restream::whep
