// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-viewer.h"

#include "common/post.h"
#include "plugin/transport/webrtcbin/viewer-rtcp.h"
#include "plugin/transport/webrtcbin/webrtcbin-invitation.h"

GST_DEBUG_CATEGORY_STATIC (viewer_debug);
#define GST_CAT_DEFAULT viewer_debug

namespace restream::transport {

namespace {

constexpr unsigned kConnectTimeoutMs = 30000; // answer to DTLS up
constexpr unsigned kSilenceCheckMs = 2000;

class WebrtcbinViewer final
    : public FedViewer,
      private PeerObserver,
      public std::enable_shared_from_this<WebrtcbinViewer>
{
public:
  WebrtcbinViewer (ViewerConfig config, ViewerObserver &observer,
      Teardown &teardown)
      : FedViewer (std::move (config)), observer_ (&observer),
        teardown_ (teardown),
        rtcp_ (config_,
            {&own_counters (Media::video), &own_counters (Media::audio)},
            own_link ())
  {
  }
  ~WebrtcbinViewer () override { close (); }

  void start () override;
  void push (PacketBatch &batch, FeedInput input) override;
  void drain (unsigned timeout_ms) override;
  void close () override;
  void add_candidates (const std::vector<std::string> &candidates) override;

private:
  Result<void> begin ();
  FeedSettings feed_settings (const negotiation::MediaPlan &plan) const;
  void peer_described (negotiation::LocalDescription local) override;
  void peer_accepted () override;
  void peer_connection (GstWebRTCPeerConnectionState state) override;
  void peer_said_bye () override { finish_drain (); }
  void peer_failed (Error reason) override { end (std::move (reason)); }
  void answered (std::string sdp);
  void go_live ();
  void set_state (ViewerState state);
  void end (Error reason);
  void finish_drain ();

  void tell_self (std::function<void (WebrtcbinViewer &)> f)
  {
    post (config_.context.get (), weak_from_this (), std::move (f));
  }

  // Owner's context, unless said otherwise.
  ViewerObserver *observer_; // null = closed
  Teardown &teardown_;
  std::shared_ptr<WebrtcbinPeer> peer_; // from begin() to close()
  std::array<ViewerFeed, kMediaCount> feeds_;
  bool verified_ = false;
  bool ended_ = false;
  bool draining_ = false;
  Timer connect_timer_;
  Timer silence_timer_;
  Timer drain_timer_;

  std::atomic<bool> feeding_{false}; // set here, read on the streaming threads
  ViewerRtcp rtcp_; // read on webrtcbin's
};

void
WebrtcbinViewer::start ()
{
  if (Result<void> begun = begin (); !begun)
    return tell_self (
        [error = begun.error ()] (WebrtcbinViewer &self) { self.end (error); });
  set_state (ViewerState::connecting);
}

Result<void>
WebrtcbinViewer::begin ()
{
  auto *invitation =
      static_cast<WebrtcbinInvitation *> (config_.invitation.get ());
  Result<std::shared_ptr<WebrtcbinPeer>> peer = invitation
      ? invitation->take (*this)
      : WebrtcbinPeer::create (config_, config_.plan, *this, teardown_);
  if (!peer)
    return peer.error ();
  peer_ = std::move (*peer);
  for (Media media : kAllMedia) {
    if (const negotiation::MediaPlan *plan = config_.plan.find (media))
      feeds_[index_of (media)] =
          ViewerFeed (peer_->appsrc (media), feed_settings (*plan));
  }
  // Of the same life as the viewer.
  peer_->set_rtcp_reader (
      std::shared_ptr<ViewerRtcp> (shared_from_this (), &rtcp_));
  if (invitation)
    peer_->accept (config_.plan);
  else
    peer_->answer ();
  return {};
}

FeedSettings
WebrtcbinViewer::feed_settings (const negotiation::MediaPlan &plan) const
{
  const ExtensionIds ids = extension_ids (plan);
  FeedSettings settings{.payload_type = plan.payload_type,
      .red_payload_type = plan.red_payload_type,
      .capture_time_id = ids.capture_time};
  // The picture is held back for the sound.
  if (plan.media == Media::video && config_.plan.find (Media::audio))
    settings.playout_delay_id = ids.playout_delay;
  return settings;
}

void
WebrtcbinViewer::peer_described (negotiation::LocalDescription local)
{
  answered (negotiation::make_answer (config_.plan, local));
}

void
WebrtcbinViewer::peer_accepted ()
{
  answered ("");
}

void
WebrtcbinViewer::answered (std::string sdp)
{
  if (ended_ || !observer_)
    return;
  if (!verified_)
    connect_timer_ = Timer (config_.context.get (), kConnectTimeoutMs, [this] {
      end ({Code::timeout,
          "no connection within 30 s of the answer: is UDP open between the "
          "two?"});
      return false;
    });
  observer_->viewer_answered (*this, std::move (sdp));
}

void
WebrtcbinViewer::peer_connection (GstWebRTCPeerConnectionState state)
{
  if (ended_ || !observer_)
    return;
  switch (state) {
    case GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED:
      go_live ();
      break;
    case GST_WEBRTC_PEER_CONNECTION_STATE_DISCONNECTED:
      set_state (ViewerState::disconnected);
      break;
    case GST_WEBRTC_PEER_CONNECTION_STATE_FAILED:
      end ({Code::unavailable, "the connection failed"});
      break;
    case GST_WEBRTC_PEER_CONNECTION_STATE_CLOSED:
      end ({Code::not_found, "closed by the viewer"});
      break;
    case GST_WEBRTC_PEER_CONNECTION_STATE_NEW:
    case GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTING:
      break;
  }
}

void
WebrtcbinViewer::go_live ()
{
  connect_timer_.cancel ();
  if (!verified_) {
    if (Result<void> peer = peer_->check_certificate (); !peer)
      return end (peer.error ());
    verified_ = true;
    GST_DEBUG ("viewer %s: certificate matches its offer", config_.id.c_str ());
    peer_->update_latency ();
    const gint64 live_us = g_get_monotonic_time ();
    // Receiver reports come every few seconds; without any, nobody is there.
    if (config_.silence_timeout)
      silence_timer_ =
          Timer (config_.context.get (), kSilenceCheckMs, [this, live_us] {
            // The ICE thread may write meanwhile: then it is negative.
            const gint64 silent_us = MAX (0,
                g_get_monotonic_time () - MAX (live_us, peer_->heard_us ()));
            if (static_cast<GstClockTime> (silent_us) * GST_USECOND
                < config_.silence_timeout)
              return true;
            end ({Code::timeout,
                "nothing heard from the viewer for "
                    + std::to_string (silent_us / G_USEC_PER_SEC) + " s"});
            return false;
          });
  }
  set_state (ViewerState::connected);
  if (!draining_)
    feeding_.store (true, std::memory_order_release);
}

void
WebrtcbinViewer::set_state (ViewerState state)
{
  if (state_.exchange (state) != state && observer_)
    observer_->viewer_state_changed (*this, state);
}

void
WebrtcbinViewer::end (Error reason)
{
  if (ended_ || !observer_)
    return;
  ended_ = true;
  feeding_ = false;
  if (draining_) // what a drain waits for has come another way
    finish_drain ();
  else
    observer_->viewer_ended (*this, std::move (reason));
}

void
WebrtcbinViewer::push (PacketBatch &batch, FeedInput input)
{
  if (!feeding_.load (std::memory_order_acquire))
    return;
  const Media media = batch.media ();
  if (media == Media::video)
    input.again = rtcp_.take_keyframe_request ();
  else
    input.redundant = rtcp_.is_losing (media, g_get_monotonic_time ());
  feeds_[index_of (media)].push (batch, input, own_counters (media),
      config_.id);
}

void
WebrtcbinViewer::drain (unsigned timeout_ms)
{
  if (draining_ || !observer_)
    return;
  draining_ = true;
  feeding_ = false;
  if (ended_ || !verified_) {
    tell_self ([] (WebrtcbinViewer &self) { self.finish_drain (); });
    return;
  }
  peer_->end_streams ();
  drain_timer_ = Timer (config_.context.get (), timeout_ms, [this] {
    finish_drain ();
    return false;
  });
}

// ICE restarts are beyond webrtcbin 1.22 ("FIXME: deal with ICE restarts").
void
WebrtcbinViewer::add_candidates (const std::vector<std::string> &candidates)
{
  if (peer_ && !ended_)
    peer_->add_candidates (candidates);
}

void
WebrtcbinViewer::finish_drain ()
{
  if (!draining_ || !observer_)
    return;
  drain_timer_.cancel ();
  // close() sends the close_notify; what the observer waits for is its order.
  observer_->viewer_drained (*this);
}

void
WebrtcbinViewer::close ()
{
  if (!observer_)
    return;
  observer_ = nullptr;
  feeding_ = false;
  state_ = ViewerState::closed;
  for (Timer *timer : {&connect_timer_, &silence_timer_, &drain_timer_})
    timer->cancel ();
  if (peer_)
    peer_->close (verified_);
  peer_.reset ();
}

} // namespace

negotiation::TransportCapabilities
webrtcbin_capabilities ()
{
  return {.rtx = true,
      .red = true,
      .feedback = {"nack", "nack pli", "ccm fir", "goog-remb"},
      .extensions = {kCaptureTimeUri, kPlayoutDelayUri},
      .fixed_payload_types = true};
}

std::shared_ptr<FedViewer>
make_webrtcbin_viewer (ViewerConfig config, ViewerObserver &observer,
    Teardown &teardown)
{
  static gsize once = 0;
  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (viewer_debug, "rtprestreamviewer", 0,
        "viewers on webrtcbin");
    g_once_init_leave (&once, 1);
  }
  return std::make_shared<WebrtcbinViewer> (std::move (config), observer,
      teardown);
}

void
warm_up_webrtcbin ()
{
  // The DTLS elements share the certificate of the first of them.
  for (const char *factory : {"webrtcbin", "dtlsdec"})
    Ref<GstElement>::sink (gst_element_factory_make (factory, nullptr))
        .reset ();
}

} // namespace restream::transport
