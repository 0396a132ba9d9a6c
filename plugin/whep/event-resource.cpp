// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/event-resource.h"

#include "plugin/whep/request.h"
#include "plugin/whep/respond.h"

namespace restream::whep {

namespace {

// Viewers may come by the hundred.
constexpr unsigned kCountMs = 1000;

std::string
count_data (unsigned viewers)
{
  return "{\"viewercount\":" + std::to_string (viewers) + "}";
}

} // namespace

void
EventResource::post (SoupServerMessage *msg, Session &session)
{
  stream_changed (session.stream); // those that are there learn it before
  Result<std::string> id = core_.events.create (session.secret, body_of (msg));
  if (!id)
    return refuse (msg, id.error ());
  StreamState state = core_.backend.state (session.stream);
  told_[session.stream] = state;
  if (state.active) // E04: never "inactive" at first
    core_.events.queue (session.secret, *id, "active", "{}");
  core_.events.queue (session.secret, *id, "viewercount",
      count_data (state.viewers));
  soup_server_message_set_status (msg, SOUP_STATUS_CREATED, nullptr);
  add_cors (msg);
  set_header (msg, "Location",
      (session.path + "/" + kEventsSegment + "/" + *id).c_str ());
  set_header (msg, "Cache-Control", "no-store");
}

void
EventResource::get (SoupServerMessage *msg, const Session &session,
    const std::string &id)
{
  if (Result<void> served = core_.events.serve (msg, session.secret, id);
      !served)
    refuse (msg, served.error ());
}

void
EventResource::remove (SoupServerMessage *msg, const Session &session,
    const std::string &id)
{
  core_.events.remove (session.secret, id);
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
}

void
EventResource::stream_changed (const std::string &stream)
{
  if (core_.events.size () == 0)
    return told_.clear ();
  StreamState now = core_.backend.state (stream);
  StreamState &told = told_[stream];
  if (now.active != told.active)
    tell (stream, now.active ? "active" : "inactive", "{}");
  told.active = now.active;
  if (now.viewers == told.viewers)
    return;
  recounted_.insert (stream);
  if (!count_timer_.active ())
    count_timer_ = Timer (core_.context.get (), kCountMs, [this] {
      tell_counts ();
      return false;
    });
}

void
EventResource::tell_counts ()
{
  for (const std::string &stream : std::exchange (recounted_, {})) {
    StreamState now = core_.backend.state (stream);
    if (StreamState &told = told_[stream]; told.viewers != now.viewers) {
      told.viewers = now.viewers;
      tell (stream, "viewercount", count_data (now.viewers));
    }
  }
}

void
EventResource::ask_to_reconnect (const std::string &stream)
{
  tell (stream, "reconnect", "{}");
}

void
EventResource::tell (const std::string &stream, std::string_view type,
    const std::string &data)
{
  if (core_.events.size () == 0)
    return;
  core_.sessions.for_each_of (stream, [&] (Session &session) {
    core_.events.queue (session.secret, type, data);
  });
}

} // namespace restream::whep
