// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/teardown.h"
#include "plugin/transport/viewer.h"
#include "plugin/transport/webrtcbin/callbacks.h"
#include "plugin/transport/webrtcbin/viewer-pipeline.h"
#include "plugin/transport/webrtcbin/viewer-rtcp.h"

#include <gst/webrtc/webrtc.h>

namespace restream::transport {

// Who has a peer, and what it is told: nothing before the order that it is about has returned.
class PeerObserver
{
public:
  // Our side of an answer or an offer, with all candidates.
  virtual void peer_described (negotiation::LocalDescription local) = 0;
  // The answer to our offer is taken.
  virtual void peer_accepted () = 0;
  virtual void peer_connection (GstWebRTCPeerConnectionState state) = 0;
  // Our RTCP BYE has gone out.
  virtual void peer_said_bye () = 0;
  virtual void peer_failed (Error reason) = 0;

protected:
  ~PeerObserver () = default;
};

// One viewer's webrtcbin in its pipeline, and its way from one description to the other: an offer answered, or an
// offer made and its answer taken. It is never shown the viewer's own words. Torn down when it goes.
// Thread: the context of the configuration, but for what says otherwise.
class WebrtcbinPeer final : public std::enable_shared_from_this<WebrtcbinPeer>
{
public:
  // plan: what it sends, or offers to. The observer may change, and lives until another one (or null) is set.
  // Errors: unavailable, internal.
  static Result<std::shared_ptr<WebrtcbinPeer>> create (
      const ViewerConfig &config, const negotiation::Plan &plan,
      PeerObserver &observer, Teardown &teardown);
  ~WebrtcbinPeer () { close (false); }
  WebrtcbinPeer (const WebrtcbinPeer &) = delete;
  WebrtcbinPeer &operator= (const WebrtcbinPeer &) = delete;

  void set_observer (PeerObserver *observer) { observer_ = observer; }
  // Who is to read the viewer's RTCP; before answer() or accept().
  void set_rtcp_reader (std::weak_ptr<ViewerRtcp> reader)
  {
    rtcp_reader_ = std::move (reader);
  }
  // Answers the plan. Ends in peer_described or peer_failed, in a bounded time.
  void answer ();
  // Offers the plan. Likewise.
  void offer ();
  // The answer to that, of which plan is what it takes. Ends in peer_accepted or peer_failed.
  void accept (negotiation::Plan plan);
  void add_candidates (const std::vector<std::string> &candidates);
  // Once it is connected: has the viewer the certificate that the plan says?
  Result<void> check_certificate () const;
  // Transports that came after the pipeline's start have no latency yet, and
  // rtpsession makes no sender report without.
  void update_latency ();
  // The end of stream goes behind what is queued; at rtpsession it becomes the BYE.
  void end_streams ();
  // Gives all back, on a thread that may wait; close_notify: first says so to the viewer.
  void close (bool close_notify);

  // Null: not of the plan. Any thread.
  const Ref<GstElement> &appsrc (Media media) const
  {
    return appsrcs_[index_of (media)];
  }
  // When the viewer was heard last (monotonic); 0 = never. Any thread.
  gint64 heard_us () const
  {
    return heard_us_.load (std::memory_order_relaxed);
  }

private:
  WebrtcbinPeer (const ViewerConfig &config, const negotiation::Plan &plan,
      PeerObserver &observer, Teardown &teardown);
  Result<void> build ();
  void watch_bus ();
  void set_remote (GstWebRTCSDPType type, const std::string &text,
      void (WebrtcbinPeer::*done) (Ref<GstPromise>));
  void set_local (const GstPromise *reply, const char *field);
  void on_remote_offer_set (Ref<GstPromise> reply);
  void on_answer_created (Ref<GstPromise> reply);
  void on_offer_created (Ref<GstPromise> reply);
  void on_local_set (Ref<GstPromise> reply);
  void on_remote_answer_set (Ref<GstPromise> reply);
  void on_gathering_state ();
  void on_connection_state ();
  void describe ();
  void watch_rtcp ();
  void start_timeout ();
  void fail (Error reason);

  bool over () const { return !observer_ || !pipeline_ || failed_; }
  Ref<GstPromise> promise_of (void (WebrtcbinPeer::*done) (Ref<GstPromise>))
  {
    return promise_to (recipient (), pending_, done);
  }
  Recipient<WebrtcbinPeer> recipient ()
  {
    return {config_.context, weak_from_this ()};
  }

  ViewerConfig config_; // its plan is what is sent
  negotiation::Plan offered_; // by offer()
  std::vector<std::string> mids_; // webrtcbin's own, of its offer
  PeerObserver *observer_;
  Teardown &teardown_;
  Ref<GstElement> pipeline_;
  Ref<GstElement> webrtcbin_;
  std::array<Ref<GstElement>, kMediaCount> appsrcs_; // fixed once built
  std::weak_ptr<ViewerRtcp> rtcp_reader_;
  Ref<GstPad> rtcp_out_; // takes our RTCP towards the network
  const std::shared_ptr<PendingCalls> pending_ =
      std::make_shared<PendingCalls> ();
  bool gathering_ = false;
  bool failed_ = false;
  Timer negotiation_timer_;
  Timer gathering_timer_;
  std::atomic<gint64> heard_us_{0}; // set by the ICE thread
};

} // namespace restream::transport
