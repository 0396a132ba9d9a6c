// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/waiting.h"

#include "plugin/whep/respond.h"

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

WaitingRequests::Id
WaitingRequests::add (SoupServerMessage *msg)
{
  Id id = next_id_++;
  Request &request =
      *(requests_[id] = std::unique_ptr<Request> (new Request{this, id}));
  request.msg = Ref<SoupServerMessage>::retain (msg);
  request.wrote = SignalConn (msg, "wrote-body",
      G_CALLBACK (
          +[] (SoupServerMessage *, Request *r) { r->delivered = true; }),
      &request);
  auto end = G_CALLBACK (
      +[] (SoupServerMessage *, Request *r) { r->owner->finished (r->id); });
  request.finished = SignalConn (msg, "finished", end, &request);
  request.disconnected = SignalConn (msg, "disconnected", end, &request);
  request.hang_up = HangUpWatch (msg, [this, id] {
    give_up (id, {Code::unavailable, "the client has closed the connection"});
  });
  request.timeout = Timer (context_.get (), timeout_ms_, [this, id] {
    give_up (id, {Code::timeout, "the stream did not answer in time"});
    return false;
  });
  soup_server_message_pause (msg);
  return id;
}

SoupServerMessage *
WaitingRequests::find (Id id) const
{
  auto found = requests_.find (id);
  return found == requests_.end () || found->second->taken
      ? nullptr
      : found->second->msg.get ();
}

SoupServerMessage *
WaitingRequests::take (Id id)
{
  if (!find (id))
    return nullptr;
  Request &request = *requests_.find (id)->second;
  request.taken = true;
  request.hang_up.cancel ();
  request.timeout.cancel ();
  return request.msg.get ();
}

void
WaitingRequests::send (Id id, std::function<void ()> undelivered)
{
  auto found = requests_.find (id);
  if (found == requests_.end ()) { // its connection died while it was filled
    if (undelivered)
      undelivered ();
    return;
  }
  auto msg = found->second->msg;
  if (undelivered)
    found->second->undelivered = std::move (undelivered);
  else
    requests_.erase (found);
  soup_server_message_unpause (msg.get ());
}

bool
WaitingRequests::refuse (Id id, const Error &error)
{
  SoupServerMessage *msg = take (id);
  if (!msg)
    return false;
  whep::refuse (msg, error);
  send (id);
  return true;
}

void
WaitingRequests::refuse_all (const Error &error)
{
  std::unordered_map<Id, std::unique_ptr<Request>> all;
  all.swap (requests_);
  for (auto &[id, request] : all) {
    if (request->taken)
      continue; // its answer is on its way
    whep::refuse (request->msg.get (), error);
    soup_server_message_unpause (request->msg.get ());
  }
}

// What the backend may still say for it is too late from now on.
void
WaitingRequests::give_up (Id id, const Error &error)
{
  GST_INFO ("request %" G_GUINT64_FORMAT " ends without an answer: %s", id,
      error.what.c_str ());
  refuse (id, error);
}

// The message has left libsoup: answered, or its connection is dead.
void
WaitingRequests::finished (Id id)
{
  auto found = requests_.find (id);
  if (found == requests_.end ())
    return;
  std::unique_ptr<Request> request = std::move (found->second);
  requests_.erase (found);
  if (!request->delivered && request->undelivered)
    request->undelivered ();
}

} // namespace restream::whep
