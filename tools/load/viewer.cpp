// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/viewer.h"

#include "common/random.h"
#include "tools/load/offer.h"

#include <memory>
#include <utility>

namespace restream::load {

namespace {

std::string
describe (const HttpReply &reply)
{
  std::string text = "POST: " + reply.status_text;
  if (reply.status >= 300 && reply.status < 400)
    return text + ": redirections are not followed";
  const std::string problem = problem_text (reply);
  return problem.empty () ? text : text + ": " + problem;
}

} // namespace

Viewer::Viewer (unsigned id, bool full, ViewerWorld &world, Worker &worker)
    : id_ (id), full_ (full), world_ (world), worker_ (worker),
      cancellable_ (Ref<GCancellable>::adopt (g_cancellable_new ()))
{
}

Viewer::~Viewer ()
{
  g_cancellable_cancel (cancellable_.get ());
}

void
Viewer::join ()
{
  state_ = State::posting;
  posted_us_ = g_get_monotonic_time ();
  auto peer =
      Peer::create ({.id = id_, .full = full_, .identity = world_.identity});
  if (!peer)
    return fail (peer.error ().what);
  peer_ = std::move (*peer);
  const std::string offer = make_offer ({
      .ufrag = peer_->credentials ().ufrag,
      .pwd = peer_->credentials ().pwd,
      .fingerprint = world_.identity->fingerprint (),
      .addresses = world_.addresses,
      .port = peer_->port (),
      .session_id = std::uint64_t{random_u32 ()} << 32 | random_u32 (),
  });
  posted_us_ = g_get_monotonic_time ();
  world_.http->post_offer (world_.url, offer, cancellable_,
      [this] (Result<HttpReply> reply) { handle_reply (std::move (reply)); });
}

void
Viewer::handle_reply (Result<HttpReply> reply)
{
  if (state_ != State::posting)
    return;
  if (!reply)
    return fail ("POST: " + reply.error ().what);
  session_url_ = reply->location;
  if (reply->status != SOUP_STATUS_CREATED) {
    session_url_.clear ();
    return fail (describe (*reply));
  }
  answered_us_ = reply->headers_us;
  if (reply->content_type != "application/sdp")
    return fail ("POST: the reply is not application/sdp");
  Result<Answer> answer = read_answer (reply->body);
  if (!answer)
    return fail (answer.error ().what);
  state_ = State::connecting;
  // std::function wants what can be copied.
  auto peer = std::make_shared<std::unique_ptr<Peer>> (std::move (peer_));
  worker_.post ([peer, answer = std::move (*answer)] (Worker &worker) {
    worker.add (std::move (*peer), answer);
  });
}

void
Viewer::peer_playing (const PeerTimes &times)
{
  times_ = times;
  if (state_ != State::connecting)
    return;
  played_ = true;
  state_ = State::playing;
  world_.changed ();
}

void
Viewer::peer_ended (const PeerTimes &times, const std::string &reason)
{
  times_ = times;
  if (state_ == State::connecting || state_ == State::playing)
    fail (played_ ? "while playing: " + reason : reason);
}

void
Viewer::expire (const std::string &after)
{
  std::string stage = "no media";
  if (state_ == State::posting)
    stage = "no reply to the POST";
  fail (stage + " after " + after);
}

void
Viewer::fail (std::string reason)
{
  g_cancellable_cancel (cancellable_.get ());
  if (state_ == State::connecting || state_ == State::playing)
    worker_.post ([id = id_] (Worker &worker) { worker.remove (id); });
  peer_.reset ();
  state_ = State::failed;
  reason_ = std::move (reason);
  send_delete ();
  world_.changed ();
}

void
Viewer::leave ()
{
  if (state_ == State::failed || state_ == State::left)
    return;
  g_cancellable_cancel (cancellable_.get ());
  if (state_ == State::connecting || state_ == State::playing)
    worker_.post ([id = id_] (Worker &worker) { worker.remove (id); });
  peer_.reset ();
  state_ = State::left;
  send_delete ();
}

void
Viewer::send_delete ()
{
  if (session_url_.empty ())
    return;
  deleting_ = true;
  // Not to be cancelled but by its client's end.
  cancellable_ = Ref<GCancellable>::adopt (g_cancellable_new ());
  world_.http->remove (std::exchange (session_url_, {}), cancellable_,
      [this] (Result<HttpReply> reply) {
        deleting_ = false;
        // 404: the server has ended it before.
        if (!reply)
          delete_problem_ = reply.error ().what;
        else if (!SOUP_STATUS_IS_SUCCESSFUL (reply->status)
            && reply->status != SOUP_STATUS_NOT_FOUND)
          delete_problem_ = reply->status_text;
        world_.changed ();
      });
}

} // namespace restream::load
