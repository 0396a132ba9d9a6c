// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"
#include "common/signal-conn.h"
#include "plugin/whep/peer.h"

#include <libsoup/soup.h>

#include <functional>
#include <memory>
#include <unordered_map>

namespace restream::whep {

// The requests that wait for what the backend says: paused until they are answered, bounded in time,
// and noticed when their client gives up. Thread: the server's.
class WaitingRequests
{
public:
  using Id = guint64;

  WaitingRequests (Ref<GMainContext> context, unsigned timeout_ms)
      : context_ (std::move (context)), timeout_ms_ (timeout_ms)
  {
  }
  WaitingRequests (const WaitingRequests &) = delete;
  WaitingRequests &operator= (const WaitingRequests &) = delete;

  // Pauses the message. From now on it may be answered here at any time: 504 after the timeout.
  Id add (SoupServerMessage *msg);
  // The message, to be filled and sent; null: it is too late, nobody waits any more.
  SoupServerMessage *take (Id id);
  // Sends what was filled in. undelivered: called once if the client has gone before it had all of it.
  void send (Id id, std::function<void ()> undelivered = {});
  // The same, but it still waits.
  SoupServerMessage *find (Id id) const;
  // take (), refuse () and send (). false: too late.
  bool refuse (Id id, const Error &error);
  void refuse_all (const Error &error);
  std::size_t size () const { return requests_.size (); }

private:
  struct Request
  {
    WaitingRequests *owner;
    Id id;
    Ref<SoupServerMessage> msg;
    bool taken = false;
    bool delivered = false;
    std::function<void ()> undelivered;
    SignalConn wrote, finished, disconnected;
    HangUpWatch hang_up;
    Timer timeout;
  };

  void give_up (Id id, const Error &error);
  void finished (Id id);

  const Ref<GMainContext> context_;
  const unsigned timeout_ms_;
  Id next_id_ = 1;
  std::unordered_map<Id, std::unique_ptr<Request>> requests_;
};

} // namespace restream::whep
