// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/sink/sink-fixture.h"

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace restream::sinktest {

Viewer::Viewer (test::PeerOptions options)
{
  auto peer = test::WebrtcPeer::create (nullptr, std::move (options),
      {.connected = [this] (std::int64_t) { connected_ = true; },
          .media = [this] (std::int64_t) { media_ = true; },
          .closed = [this] (std::int64_t us) { closed_us_ = us; },
          .failed = [this] (const std::string &why) { problem_ = why; }});
  fail_unless (peer.has_value (), "no viewer: %s",
      peer ? "" : peer.error ().what.c_str ());
  peer_ = *peer;
  living_.emplace ([peer = peer_] { peer->stop (); });
}

Viewer::~Viewer ()
{
  stop ();
}

const std::string &
Viewer::offer ()
{
  if (offer_.empty ()) {
    std::string problem;
    peer_->create_offer ([&] (Result<std::string> made) {
      if (made)
        offer_ = *made;
      else
        problem = made.error ().what;
    });
    wait_until ("an offer",
        [&] { return !offer_.empty () || !problem.empty (); });
    fail_unless (problem.empty (), "no offer: %s", problem.c_str ());
  }
  return offer_;
}

void
Viewer::join (Rig &rig)
{
  join_with (rig, offer ());
}

void
Viewer::join_with (Rig &rig, const std::string &given)
{
  Reply reply = rig.add_viewer (given);
  const GstStructure *s = reply.wait ();
  fail_unless (gst_structure_has_name (s, "rtprestream-viewer"),
      "no viewer but %s: %s", gst_structure_get_name (s),
      reply.text ("message").c_str ());
  id_ = reply.text ("viewer-id");
  answer_ = reply.text ("answer");
  bool set = false;
  std::string problem;
  peer_->set_answer (answer_, [&] (Result<void> done) {
    set = true;
    if (!done)
      problem = done.error ().what;
  });
  wait_until ("the answer is set", [&] { return set; });
  fail_unless (problem.empty (), "the viewer refuses the answer: %s\n%s",
      problem.c_str (), answer_.c_str ());
}

void
Viewer::join_invited (Rig &rig,
    const std::function<std::string (std::string)> &change)
{
  Reply invited = rig.invite_viewer ();
  fail_unless (
      gst_structure_has_name (invited.wait (), "rtprestream-invitation"),
      "no offer: %s", invited.text ("message").c_str ());
  id_ = invited.text ("viewer-id");
  offer_ = invited.text ("offer");
  std::string problem;
  peer_->create_answer (offer_, [&] (Result<std::string> made) {
    if (made)
      answer_ = *made;
    else
      problem = made.error ().what;
  });
  wait_until ("an answer",
      [&] { return !answer_.empty () || !problem.empty (); });
  fail_unless (problem.empty (), "no answer: %s\n%s", problem.c_str (),
      offer_.c_str ());
  Reply answered = rig.answer_viewer (id_, change ? change (answer_) : answer_);
  fail_unless (
      gst_structure_has_name (answered.wait (), "rtprestream-answered"),
      "the answer is refused: %s\n%s", answered.text ("message").c_str (),
      answer_.c_str ());
}

void
Viewer::ask_for_keyframe ()
{
  peer_->ask_for_keyframe ();
}

void
Viewer::stop ()
{
  if (!peer_)
    return;
  last_ = peer_->stats ();
  peer_->stop ();
  living_.reset ();
  peer_.reset ();
}

test::PeerStats
Viewer::stats () const
{
  return peer_ ? peer_->stats () : last_;
}

const test::RtpCounter &
Viewer::counter (Media media)
{
  last_ = stats ();
  return last_.media[index_of (media)];
}

void
Viewer::wait_media ()
{
  wait_until ("media at a viewer",
      [this] { return media_ || !problem_.empty (); });
  fail_unless (problem_.empty (), "viewer: %s", problem_.c_str ());
}

void
Viewer::wait_closed ()
{
  wait_until ("the close at a viewer", [this] { return closed (); });
}

} // namespace restream::sinktest
