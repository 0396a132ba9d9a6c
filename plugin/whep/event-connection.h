// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/signal-conn.h"
#include "plugin/whep/peer.h"

#include <libsoup/soup.h>

#include <functional>
#include <string>

namespace restream::whep {

// One answer of the type text/event-stream, under way. Says something every now and then, so that
// proxies and we notice a dead connection. Thread: the server's.
class EventConnection
{
public:
  // Begins the answer. next: what is to be sent, "" = nothing just now. gone: the connection is over; it
  // may destroy this.
  EventConnection (SoupServerMessage *msg, GMainContext *context,
      std::function<std::string ()> next, std::function<void ()> gone);
  // The answer ends, behind what was written.
  ~EventConnection ();
  EventConnection (const EventConnection &) = delete;
  EventConnection &operator= (const EventConnection &) = delete;

  // There is something to be sent.
  void wake ();
  // Writes all that next() has, however fast the client is.
  void flush ();
  bool is_of (SoupServerMessage *msg) const { return msg == msg_.get (); }

private:
  void write (const std::string &text);

  Ref<SoupServerMessage> msg_;
  const std::function<std::string ()> next_;
  const std::function<void ()> gone_;
  bool over_ = false;
  bool writing_ = false; // what was written has not left yet
  SignalConn wrote_, finished_, disconnected_;
  HangUpWatch hang_up_;
  Timer keep_alive_;
};

} // namespace restream::whep
