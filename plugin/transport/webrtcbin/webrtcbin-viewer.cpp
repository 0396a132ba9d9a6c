// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-viewer.h"

#include "common/post.h"
#include "plugin/transport/webrtcbin/callbacks.h"
#include "plugin/transport/webrtcbin/dtls-close.h"
#include "plugin/transport/webrtcbin/local-description.h"
#include "plugin/transport/webrtcbin/peer-certificate.h"
#include "plugin/transport/webrtcbin/viewer-feed.h"
#include "plugin/transport/webrtcbin/viewer-pipeline.h"

#include <gst/app/gstappsrc.h>
#include <gst/webrtc/webrtc.h>

GST_DEBUG_CATEGORY_STATIC (viewer_debug);
#define GST_CAT_DEFAULT viewer_debug

namespace restream {
RESTREAM_FREE (GstWebRTCSessionDescription,
    gst_webrtc_session_description_free);
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
} // namespace restream

namespace restream::transport {

namespace {

constexpr unsigned kNegotiationTimeoutMs = 8000; // offer to answer
constexpr unsigned kGatheringTimeoutMs =
    2000; // then the answer goes with what there is
constexpr unsigned kConnectTimeoutMs = 30000; // answer to DTLS up
constexpr unsigned kSilenceCheckMs = 2000;
constexpr unsigned kCloseNotifyTimeoutMs = 500;
constexpr std::chrono::seconds kPendingTimeout{10};

constexpr std::uint8_t kRtcpBye = 203; // RFC 3550 6.6

bool
has_rtcp_bye (GstBuffer *buffer)
{
  GstMapInfo map;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return false;
  bool found = false;
  for (gsize at = 0; at + 4 <= map.size && !found;) {
    found = map.data[at + 1] == kRtcpBye;
    at += 4 * (1u + (map.data[at + 2] << 8 | map.data[at + 3]));
  }
  gst_buffer_unmap (buffer, &map);
  return found;
}

class WebrtcbinViewer final
    : public FedViewer,
      public std::enable_shared_from_this<WebrtcbinViewer>
{
public:
  WebrtcbinViewer (ViewerConfig config, ViewerObserver &observer,
      Teardown &teardown)
      : FedViewer (std::move (config)), observer_ (&observer),
        teardown_ (teardown)
  {
  }
  ~WebrtcbinViewer () override { close (); }

  void start () override;
  void push (PacketBatch &batch, const GroupCache *group) override;
  void drain (unsigned timeout_ms) override;
  void close () override;
  void add_candidates (const std::vector<std::string> &candidates) override;

private:
  Result<void> build ();
  void watch_bus ();
  void on_offer_set (Ref<GstPromise> reply);
  void on_answer_created (Ref<GstPromise> reply);
  void on_answer_set (Ref<GstPromise> reply);
  void on_gathering_state ();
  void on_connection_state ();
  void send_answer ();
  Result<void> check_peer ();
  void go_live ();
  void set_state (ViewerState state);
  void end (Error reason);
  void finish_drain ();
  void watch_rtcp ();

  Recipient<WebrtcbinViewer> recipient ()
  {
    return {config_.context, weak_from_this ()};
  }

  // Owner's context, unless said otherwise.
  ViewerObserver *observer_; // null = closed
  Teardown &teardown_;
  Ref<GstElement> pipeline_;
  Ref<GstElement> webrtcbin_;
  Ref<GstPad> rtcp_out_; // takes our RTCP towards the network
  const std::shared_ptr<PendingCalls> pending_ =
      std::make_shared<PendingCalls> ();
  std::array<ViewerFeed, kMediaCount> feeds_;
  bool answer_set_ = false;
  bool answered_ = false;
  bool verified_ = false;
  bool ended_ = false;
  bool draining_ = false;
  Timer negotiation_timer_;
  Timer gathering_timer_;
  Timer connect_timer_;
  Timer silence_timer_;
  Timer drain_timer_;

  std::atomic<bool> feeding_{false}; // set here, read on the streaming threads
  std::atomic<gint64> heard_us_{0}; // set by the ICE thread, read here
};

// The error that a promise of webrtcbin carries; an empty text for none.
Error
error_of (GstPromise *promise)
{
  if (gst_promise_wait (promise) != GST_PROMISE_RESULT_REPLIED)
    return {Code::internal, "webrtcbin gave no reply"};
  const GstStructure *reply = gst_promise_get_reply (promise);
  Owned<GError> error;
  if (reply && gst_structure_has_field (reply, "error")) {
    gst_structure_get (reply, "error", G_TYPE_ERROR,
        static_cast<GError **> (out (error)), nullptr);
    return Error::from (error.get ());
  }
  return {};
}

// Before 1.24 a live source that is paused just when it has a buffer list at
// hand complains with a critical. One that is flushing has none.
void
flush (const Ref<GstElement> &appsrc)
{
  gst_element_send_event (appsrc.get (), gst_event_new_flush_start ());
  Ref<GstPad> pad =
      Ref<GstPad>::adopt (gst_element_get_static_pad (appsrc.get (), "src"));
  GST_PAD_STREAM_LOCK (pad.get ()); // its task is through with what it had
  GST_PAD_STREAM_UNLOCK (pad.get ());
}

void
WebrtcbinViewer::start ()
{
  Result<void> built = build ();
  if (!built) {
    recipient ().tell (
        [error = built.error ()] (WebrtcbinViewer &self) { self.end (error); });
    return;
  }
  set_state (ViewerState::connecting);

  GstSDPMessage *sdp = nullptr;
  std::string offer = negotiation::canonical_offer (config_.plan);
  gst_sdp_message_new (&sdp);
  if (gst_sdp_message_parse_buffer (
          reinterpret_cast<const guint8 *> (offer.data ()),
          static_cast<guint> (offer.size ()), sdp)
      != GST_SDP_OK) {
    gst_sdp_message_free (sdp);
    recipient ().tell ([] (WebrtcbinViewer &self) {
      self.end (
          {Code::internal, "the plan makes no valid offer for webrtcbin"});
    });
    return;
  }
  Owned<GstWebRTCSessionDescription> description (
      gst_webrtc_session_description_new (GST_WEBRTC_SDP_TYPE_OFFER, sdp));
  g_signal_emit_by_name (webrtcbin_.get (), "set-remote-description",
      description.get (),
      promise_to (recipient (), pending_, &WebrtcbinViewer::on_offer_set)
          .get ());
  negotiation_timer_ =
      Timer (config_.context.get (), kNegotiationTimeoutMs, [this] {
        end ({Code::timeout, "webrtcbin gave no answer in time"});
        return false;
      });
}

Result<void>
WebrtcbinViewer::build ()
{
  Result<ViewerPipeline> made = make_viewer_pipeline (config_);
  if (!made)
    return made.error ();
  pipeline_ = std::move (made->pipeline);
  webrtcbin_ = std::move (made->webrtcbin);
  for (Media media : kAllMedia) {
    if (const negotiation::MediaPlan *plan = config_.plan.find (media))
      feeds_[index_of (media)] = ViewerFeed (
          std::move (made->appsrcs[index_of (media)]), plan->payload_type);
  }
  watch_bus ();
  on_notify (webrtcbin_.get (), "notify::connection-state", recipient (),
      &WebrtcbinViewer::on_connection_state);
  on_notify (webrtcbin_.get (), "notify::ice-gathering-state", recipient (),
      &WebrtcbinViewer::on_gathering_state);

  if (gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    return Error{Code::internal, "the viewer's pipeline does not start"};
  return {};
}

// Nobody waits at the pipeline's bus. An error ends the viewer.
void
WebrtcbinViewer::watch_bus ()
{
  Ref<GstBus> bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  gst_bus_set_sync_handler (
      bus.get (),
      +[] (GstBus *, GstMessage *message, gpointer data) {
        auto *viewer = static_cast<Recipient<WebrtcbinViewer> *> (data);
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
          Owned<GError> error;
          gst_message_parse_error (message, out (error), nullptr);
          viewer->tell ([reason = Error::from (error.get ())] (
                            WebrtcbinViewer &self) { self.end (reason); });
        }
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
          viewer->tell ([] (WebrtcbinViewer &self) {
            if (self.pipeline_)
              gst_bin_recalculate_latency (GST_BIN (self.pipeline_.get ()));
          });
        gst_message_unref (message);
        return GST_BUS_DROP;
      },
      new Recipient (recipient ()), free_recipient<WebrtcbinViewer>);
}

void
WebrtcbinViewer::on_offer_set (Ref<GstPromise> reply)
{
  if (ended_ || !observer_)
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return end (error.wrap ("setting the offer"));
  GST_DEBUG ("viewer %s: offer set", config_.id.c_str ());
  g_signal_emit_by_name (webrtcbin_.get (), "create-answer", nullptr,
      promise_to (recipient (), pending_, &WebrtcbinViewer::on_answer_created)
          .get ());
}

void
WebrtcbinViewer::on_answer_created (Ref<GstPromise> reply)
{
  if (ended_ || !observer_)
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return end (error.wrap ("making the answer"));
  Owned<GstWebRTCSessionDescription> answer;
  const GstStructure *structure = gst_promise_get_reply (reply.get ());
  if (!structure
      || !gst_structure_get (structure, "answer",
          GST_TYPE_WEBRTC_SESSION_DESCRIPTION,
          static_cast<GstWebRTCSessionDescription **> (out (answer)), nullptr))
    return end ({Code::internal, "webrtcbin made no answer"});
  g_signal_emit_by_name (webrtcbin_.get (), "set-local-description",
      answer.get (),
      promise_to (recipient (), pending_, &WebrtcbinViewer::on_answer_set)
          .get ());
}

void
WebrtcbinViewer::on_answer_set (Ref<GstPromise> reply)
{
  if (ended_ || !observer_)
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return end (error.wrap ("setting the answer"));
  GST_DEBUG ("viewer %s: answer set, gathering candidates",
      config_.id.c_str ());
  answer_set_ = true;
  // Webrtcbin 1.22 sometimes never says that gathering is complete.
  gathering_timer_ =
      Timer (config_.context.get (), kGatheringTimeoutMs, [this] {
        send_answer ();
        return false;
      });
  on_gathering_state ();
}

void
WebrtcbinViewer::on_gathering_state ()
{
  if (ended_ || !observer_ || !answer_set_ || answered_)
    return;
  GstWebRTCICEGatheringState state = GST_WEBRTC_ICE_GATHERING_STATE_NEW;
  g_object_get (webrtcbin_.get (), "ice-gathering-state", &state, nullptr);
  if (state == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE)
    send_answer ();
}

void
WebrtcbinViewer::send_answer ()
{
  if (ended_ || !observer_ || answered_)
    return;
  GST_DEBUG ("viewer %s: candidates gathered", config_.id.c_str ());
  answered_ = true;
  gathering_timer_.cancel ();
  negotiation_timer_.cancel ();

  Owned<GstWebRTCSessionDescription> description;
  g_object_get (webrtcbin_.get (), "local-description",
      static_cast<GstWebRTCSessionDescription **> (out (description)), nullptr);
  if (!description)
    return end ({Code::internal, "webrtcbin has no local description"});
  Result<negotiation::LocalDescription> local =
      read_local_description (description->sdp, config_.plan);
  if (!local)
    return end (local.error ());
  announce_addresses (local->transport.candidates, config_.announced_addresses);
  local->cname = config_.cname;
  local->stream_id = config_.cname;
  local->session_id = static_cast<std::uint64_t> (g_get_real_time ());
  for (negotiation::LocalStream &stream : local->streams)
    stream.ssrc = config_.streams[index_of (stream.media)].ssrc;

  connect_timer_ = Timer (config_.context.get (), kConnectTimeoutMs, [this] {
    end ({Code::timeout,
        "no connection within 30 s of the answer: is UDP open between the "
        "two?"});
    return false;
  });
  watch_rtcp ();
  announce_sources (webrtcbin_.get (), config_);
  observer_->viewer_answered (*this,
      negotiation::make_answer (config_.plan, *local));
}

// Notes when the viewer was heard last, and when our BYE has gone out.
void
WebrtcbinViewer::watch_rtcp ()
{
  using Self = Recipient<WebrtcbinViewer>;
  auto probe = [this] (GstPad *pad, GstPadProbeCallback callback) {
    gst_pad_add_probe (pad,
        static_cast<GstPadProbeType> (
            GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
        callback, new Self (recipient ()), free_recipient<WebrtcbinViewer>);
  };
  for_each_element (webrtcbin_.get (), "nicesrc", [&] (GstElement *nicesrc) {
    Ref<GstPad> pad =
        Ref<GstPad>::adopt (gst_element_get_static_pad (nicesrc, "src"));
    probe (
        pad.get (), +[] (GstPad *, GstPadProbeInfo *, gpointer data) {
          if (auto self = static_cast<Self *> (data)->object.lock ())
            self->heard_us_.store (g_get_monotonic_time (),
                std::memory_order_relaxed);
          return GST_PAD_PROBE_OK;
        });
  });
  for_each_element (webrtcbin_.get (), "rtpbin", [&] (GstElement *rtpbin) {
    Ref<GstPad> pad = Ref<GstPad>::adopt (
        gst_element_get_static_pad (rtpbin, "send_rtcp_src_0"));
    // On the far side, where the probe runs inside the pad's stream lock: who gets
    // that lock after the probe knows that the packet is sent.
    if (pad)
      rtcp_out_ = Ref<GstPad>::adopt (gst_pad_get_peer (pad.get ()));
    if (!rtcp_out_)
      return;
    probe (
        rtcp_out_.get (), +[] (GstPad *, GstPadProbeInfo *info, gpointer data) {
          if ((GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
              && has_rtcp_bye (GST_PAD_PROBE_INFO_BUFFER (info)))
            static_cast<Self *> (data)->tell (
                [] (WebrtcbinViewer &self) { self.finish_drain (); });
          return GST_PAD_PROBE_OK;
        });
  });
}

void
WebrtcbinViewer::on_connection_state ()
{
  if (ended_ || !observer_)
    return;
  GstWebRTCPeerConnectionState state = GST_WEBRTC_PEER_CONNECTION_STATE_NEW;
  g_object_get (webrtcbin_.get (), "connection-state", &state, nullptr);
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

Result<void>
WebrtcbinViewer::check_peer ()
{
  unsigned transports = 0;
  Result<void> checked;
  for_each_element (webrtcbin_.get (), "dtlsdec", [&] (GstElement *decoder) {
    Owned<char> pem;
    g_object_get (decoder, "peer-pem", static_cast<char **> (out (pem)),
        nullptr);
    transports++;
    if (!checked)
      return;
    checked = pem
        ? check_peer_certificate (pem.get (), config_.plan.fingerprints)
        : Error{Code::forbidden, "the viewer showed no DTLS certificate"};
  });
  if (transports == 0)
    return Error{Code::internal, "webrtcbin has no DTLS transport"};
  return checked;
}

void
WebrtcbinViewer::go_live ()
{
  connect_timer_.cancel ();
  if (!verified_) {
    if (Result<void> peer = check_peer (); !peer)
      return end (peer.error ());
    verified_ = true;
    GST_DEBUG ("viewer %s: certificate matches its offer", config_.id.c_str ());
    // Transports that came after the pipeline's start have no latency yet, and
    // rtpsession makes no sender report without.
    gst_bin_recalculate_latency (GST_BIN (pipeline_.get ()));
    heard_us_ = g_get_monotonic_time ();
    // Receiver reports come every few seconds; without any, nobody is there.
    if (config_.silence_timeout)
      silence_timer_ = Timer (config_.context.get (), kSilenceCheckMs, [this] {
        // The ICE thread may write meanwhile: then it is negative.
        const gint64 silent_us = MAX (0,
            g_get_monotonic_time ()
                - heard_us_.load (std::memory_order_relaxed));
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
WebrtcbinViewer::push (PacketBatch &batch, const GroupCache *group)
{
  if (feeding_.load (std::memory_order_acquire))
    feeds_[index_of (batch.media ())].push (batch, group,
        own_counters (batch.media ()), config_.id);
}

void
WebrtcbinViewer::drain (unsigned timeout_ms)
{
  if (draining_ || !observer_)
    return;
  draining_ = true;
  feeding_ = false;
  if (ended_ || !verified_) {
    recipient ().tell ([] (WebrtcbinViewer &self) { self.finish_drain (); });
    return;
  }
  // The end of stream travels behind what is queued; at rtpsession it becomes the BYE.
  for (const ViewerFeed &feed : feeds_) {
    if (feed.appsrc ())
      gst_app_src_end_of_stream (GST_APP_SRC (feed.appsrc ().get ()));
  }
  drain_timer_ = Timer (config_.context.get (), timeout_ms, [this] {
    finish_drain ();
    return false;
  });
}

// ICE restarts are beyond webrtcbin 1.22 ("FIXME: deal with ICE restarts").
void
WebrtcbinViewer::add_candidates (const std::vector<std::string> &candidates)
{
  if (!webrtcbin_ || ended_)
    return;
  for (const std::string &candidate : candidates)
    g_signal_emit_by_name (webrtcbin_.get (), "add-ice-candidate", 0u,
        ("candidate:" + candidate).c_str ());
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
  for (Timer *timer : {&negotiation_timer_, &gathering_timer_, &connect_timer_,
           &silence_timer_, &drain_timer_})
    timer->cancel ();
  if (!pipeline_)
    return;
  std::vector<Ref<GstElement>> sources; // the hub may still look at our own
  for (const ViewerFeed &feed : feeds_) {
    if (feed.appsrc ())
      sources.push_back (feed.appsrc ());
  }
  teardown_.run ([pipeline = std::move (pipeline_),
                     webrtcbin = std::move (webrtcbin_), pending = pending_,
                     rtcp_out = std::move (rtcp_out_),
                     sources = std::move (sources), verified = verified_] {
    if (!pending->wait_none (kPendingTimeout))
      GST_WARNING_OBJECT (webrtcbin.get (), "no reply: it may leave a thread");
    if (rtcp_out && verified) { // the BYE may still be on its way through
      GST_PAD_STREAM_LOCK (rtcp_out.get ());
      GST_PAD_STREAM_UNLOCK (rtcp_out.get ());
    }
    if (verified)
      send_close_notify (webrtcbin.get (), kCloseNotifyTimeoutMs);
    for (const Ref<GstElement> &appsrc : sources)
      flush (appsrc);
    gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  });
}

} // namespace

negotiation::TransportCapabilities
webrtcbin_capabilities ()
{
  return {.rtx = true, .feedback = {"nack", "nack pli"}, .extensions = {}};
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
