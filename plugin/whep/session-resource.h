// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/core.h"

#include <libsoup/soup.h>

#include <string>

namespace restream::whep {

// PATCH and DELETE of a session. PATCHes of one session are done one after the other, so that each meets the entity tag
// that the one before it left. Thread: the server's.
class SessionResource
{
public:
  static constexpr std::size_t kMaxQueued = 16; // PATCHes of one session

  explicit SessionResource (Core &core) : core_ (core) {} // as of Endpoint
  void patch (SoupServerMessage *msg, Session &session);
  void remove (SoupServerMessage *msg, Session &session);

private:
  void next (const std::string &secret);
  // Refuses it, or asks the backend.
  void begin (WaitingRequests::Id id, SoupServerMessage *msg, Session &session);
  void answered (WaitingRequests::Id id, const std::string &secret,
      Result<void> done);
  void updated (WaitingRequests::Id id, const std::string &secret,
      Result<IceReply> reply);
  Session *patched (const std::string &secret);

  Core &core_;
};

} // namespace restream::whep
