// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/backend.h"
#include "plugin/whep/event-streams.h"
#include "plugin/whep/server.h"
#include "plugin/whep/sessions.h"
#include "plugin/whep/waiting.h"

#include <memory>
#include <string>

namespace restream::whep {

// What the resources of a server share. Thread: the server's.
struct Core : std::enable_shared_from_this<Core>
{
  Core (Backend &served, ServerOptions chosen, Ref<GMainContext> own)
      : backend (served), options (std::move (chosen)), context (own),
        waiting (own, options.answer_timeout_ms),
        events (own, options.max_event_connections)
  {
  }

  bool is_full () const
  {
    return waiting.size () >= options.max_pending
        || sessions.size () + waiting.size () >= options.max_sessions;
  }
  // Of a 201 and its like: the extensions, and the ICE servers.
  void add_links (SoupServerMessage *msg, const Session &session,
      bool extensions) const;
  // The session is no more: its streams of events end, and what waits for it is refused.
  void forget_session (Session &session);
  // The same, and the backend removes the viewer. Not from inside a call of the backend.
  void end_session (const std::string &secret);

  Backend &backend;
  const ServerOptions options;
  const Ref<GMainContext> context;
  WaitingRequests waiting;
  SessionTable sessions;
  EventStreams events;
};

} // namespace restream::whep
