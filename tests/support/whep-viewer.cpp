// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/whep-viewer.h"

namespace restream::test {

WhepViewer::WhepViewer (GMainContext *context, WhepClient &client,
    ViewerOptions options, EventCallback events)
    : context_ (Ref<GMainContext>::retain (context)), client_ (client),
      options_ (std::move (options)), events_ (std::move (events))
{
}

void
WhepViewer::tell (Event event)
{
  post (context_.get (), weak_from_this (),
      [event] (WhepViewer &self) { self.events_ (self, event); });
}

void
WhepViewer::fail (const std::string &why)
{
  if (leaving_)
    return;
  if (result_.problem.empty ())
    result_.problem = why;
  tell (Event::failed);
}

void
WhepViewer::join ()
{
  std::weak_ptr<WhepViewer> weak = weak_from_this ();
  // The peer's owner may be gone when its event arrives.
  auto stamp = [weak] (std::int64_t ViewerResult::*field, Event event) {
    return [weak, field, event] (std::int64_t us) {
      if (auto self = weak.lock (); self && !self->leaving_) {
        self->result_.*field = us;
        self->tell (event);
      }
    };
  };
  auto peer = WebrtcPeer::create (context_.get (),
      {.name = options_.name,
          .video = options_.video,
          .audio = options_.audio,
          .tcp_only = options_.tcp_only,
          .latency_ms = options_.latency_ms},
      {.connected = stamp (&ViewerResult::connected_us, Event::connected),
          .media = stamp (&ViewerResult::media_us, Event::media),
          .closed = stamp (&ViewerResult::closed_us, Event::closed),
          .failed = [weak] (const std::string &why) {
            if (auto self = weak.lock ())
              self->fail (why);
          }});
  if (!peer)
    return fail (peer.error ().what);
  peer_ = *peer;
  peer_->create_offer ([weak] (Result<std::string> offer) {
    if (auto self = weak.lock (); self && !self->leaving_)
      self->offer_made (std::move (offer));
  });
}

void
WhepViewer::offer_made (Result<std::string> offer)
{
  if (!offer)
    return fail (offer.error ().what);
  posting_ = true;
  result_.posted_us = g_get_monotonic_time ();
  // Kept until the reply: a session that is not known cannot be deleted.
  client_.post_offer (options_.url, *offer,
      [self = shared_from_this ()] (
          Result<HttpReply> reply) { self->answered (std::move (reply)); });
}

void
WhepViewer::answered (Result<HttpReply> reply)
{
  posting_ = false;
  result_.answered_us = g_get_monotonic_time ();
  if (reply) {
    result_.status = reply->status;
    if (reply->status == 201)
      session_url_ = reply->location;
  }
  if (leaving_)
    return peer_down ();
  if (!reply)
    return fail (reply.error ().wrap ("POST").what);
  if (reply->status != 201) {
    result_.problem = problem_text (*reply);
    tell (Event::refused);
    return;
  }
  if (session_url_.empty ())
    return fail ("201 without a Location");
  tell (Event::answered);
  peer_->set_answer (reply->body,
      [weak = weak_from_this ()] (Result<void> set) {
        if (auto self = weak.lock (); self && !set)
          self->fail (set.error ().what);
      });
}

void
WhepViewer::leave ()
{
  if (std::exchange (leaving_, true))
    return;
  if (!posting_)
    peer_down ();
}

void
WhepViewer::peer_down ()
{
  if (peer_) {
    result_.stats = peer_->stats ();
    peer_->stop ();
    peer_.reset ();
  }
  auto done = [self = shared_from_this ()] (Result<HttpReply> reply) {
    if (reply)
      self->result_.delete_status = reply->status;
    self->left_ = true;
    self->tell (Event::left);
  };
  if (session_url_.empty () || options_.vanish)
    done (Error{Code::not_found, "no session to delete"});
  else
    client_.remove (session_url_, done);
}

ViewerResult
WhepViewer::result () const
{
  ViewerResult result = result_;
  if (peer_)
    result.stats = peer_->stats ();
  return result;
}

} // namespace restream::test
