// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-peer.h"

#include "plugin/transport/webrtcbin/dtls-close.h"
#include "plugin/transport/webrtcbin/local-description.h"
#include "plugin/transport/webrtcbin/peer-certificate.h"
#include "plugin/transport/webrtcbin/rtcp-tap.h"

#include <gst/app/gstappsrc.h>

GST_DEBUG_CATEGORY_STATIC (peer_debug);

namespace restream {
RESTREAM_FREE (GstWebRTCSessionDescription,
    gst_webrtc_session_description_free);
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
} // namespace restream

namespace restream::transport {

namespace {

constexpr unsigned kNegotiationTimeoutMs = 8000; // one description to the other
constexpr unsigned kGatheringTimeoutMs =
    2000; // then it goes with what there is
constexpr unsigned kCloseNotifyTimeoutMs = 500;
constexpr std::chrono::seconds kPendingTimeout{10};

constexpr std::uint8_t kRtcpBye = 203; // RFC 3550 6.6

void
init_peer_debug ()
{
  static gsize once = 0;
  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (peer_debug, "rtprestreampeer", 0,
        "a viewer's webrtcbin");
    g_once_init_leave (&once, 1);
  }
}

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

} // namespace

WebrtcbinPeer::WebrtcbinPeer (const ViewerConfig &config,
    const negotiation::Plan &plan, PeerObserver &observer, Teardown &teardown)
    : config_ (config), observer_ (&observer), teardown_ (teardown)
{
  config_.plan = plan;
  config_.invitation.reset (); // which may own us
}

Result<std::shared_ptr<WebrtcbinPeer>>
WebrtcbinPeer::create (const ViewerConfig &config,
    const negotiation::Plan &plan, PeerObserver &observer, Teardown &teardown)
{
  init_peer_debug ();
  std::shared_ptr<WebrtcbinPeer> peer (
      new WebrtcbinPeer (config, plan, observer, teardown));
  if (Result<void> built = peer->build (); !built)
    return built.error ();
  return peer;
}

Result<void>
WebrtcbinPeer::build ()
{
  Result<ViewerPipeline> made = make_viewer_pipeline (config_);
  if (!made)
    return made.error ();
  pipeline_ = std::move (made->pipeline);
  webrtcbin_ = std::move (made->webrtcbin);
  appsrcs_ = std::move (made->appsrcs);
  watch_bus ();
  on_notify (webrtcbin_.get (), "notify::connection-state", recipient (),
      &WebrtcbinPeer::on_connection_state);
  on_notify (webrtcbin_.get (), "notify::ice-gathering-state", recipient (),
      &WebrtcbinPeer::on_gathering_state);

  if (gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    return Error{Code::internal, "the viewer's pipeline does not start"};
  return {};
}

// Nobody waits at the pipeline's bus. An error ends the viewer.
void
WebrtcbinPeer::watch_bus ()
{
  Ref<GstBus> bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  gst_bus_set_sync_handler (
      bus.get (),
      +[] (GstBus *, GstMessage *message, gpointer data) {
        auto *peer = static_cast<Recipient<WebrtcbinPeer> *> (data);
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
          Owned<GError> error;
          gst_message_parse_error (message, out (error), nullptr);
          peer->tell ([reason = Error::from (error.get ())] (
                          WebrtcbinPeer &self) { self.fail (reason); });
        }
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
          peer->tell ([] (WebrtcbinPeer &self) { self.update_latency (); });
        gst_message_unref (message);
        return GST_BUS_DROP;
      },
      new Recipient (recipient ()), free_recipient<WebrtcbinPeer>);
}

void
WebrtcbinPeer::update_latency ()
{
  if (pipeline_)
    gst_bin_recalculate_latency (GST_BIN (pipeline_.get ()));
}

void
WebrtcbinPeer::start_timeout ()
{
  negotiation_timer_ =
      Timer (config_.context.get (), kNegotiationTimeoutMs, [this] {
        auto keep = shared_from_this (); // who is told may let go of it
        fail ({Code::timeout, "webrtcbin gave no answer in time"});
        return false;
      });
}

void
WebrtcbinPeer::set_remote (GstWebRTCSDPType type, const std::string &text,
    void (WebrtcbinPeer::*done) (Ref<GstPromise>))
{
  GstSDPMessage *sdp = nullptr;
  gst_sdp_message_new (&sdp);
  if (gst_sdp_message_parse_buffer (
          reinterpret_cast<const guint8 *> (text.data ()),
          static_cast<guint> (text.size ()), sdp)
      != GST_SDP_OK) {
    gst_sdp_message_free (sdp);
    return recipient ().tell ([] (WebrtcbinPeer &self) {
      self.fail ({Code::internal, "the plan makes no valid SDP for webrtcbin"});
    });
  }
  Owned<GstWebRTCSessionDescription> description (
      gst_webrtc_session_description_new (type, sdp));
  g_signal_emit_by_name (webrtcbin_.get (), "set-remote-description",
      description.get (), promise_of (done).get ());
  start_timeout ();
}

// What the reply to create-offer or create-answer has in that field.
void
WebrtcbinPeer::set_local (const GstPromise *reply, const char *field)
{
  Owned<GstWebRTCSessionDescription> description;
  const GstStructure *structure =
      gst_promise_get_reply (const_cast<GstPromise *> (reply));
  if (!structure
      || !gst_structure_get (structure, field,
          GST_TYPE_WEBRTC_SESSION_DESCRIPTION,
          static_cast<GstWebRTCSessionDescription **> (out (description)),
          nullptr))
    return fail ({Code::internal, std::string ("webrtcbin made no ") + field});
  g_signal_emit_by_name (webrtcbin_.get (), "set-local-description",
      description.get (), promise_of (&WebrtcbinPeer::on_local_set).get ());
}

void
WebrtcbinPeer::answer ()
{
  if (!over ())
    set_remote (GST_WEBRTC_SDP_TYPE_OFFER,
        negotiation::canonical_offer (config_.plan),
        &WebrtcbinPeer::on_remote_offer_set);
}

void
WebrtcbinPeer::on_remote_offer_set (Ref<GstPromise> reply)
{
  if (over ())
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return fail (error.wrap ("setting the offer"));
  GST_CAT_DEBUG (peer_debug, "viewer %s: offer set", config_.id.c_str ());
  g_signal_emit_by_name (webrtcbin_.get (), "create-answer", nullptr,
      promise_of (&WebrtcbinPeer::on_answer_created).get ());
}

void
WebrtcbinPeer::on_answer_created (Ref<GstPromise> reply)
{
  if (over ())
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return fail (error.wrap ("making the answer"));
  set_local (reply.get (), "answer");
}

void
WebrtcbinPeer::offer ()
{
  if (over ())
    return;
  offered_ = config_.plan;
  g_signal_emit_by_name (webrtcbin_.get (), "create-offer", nullptr,
      promise_of (&WebrtcbinPeer::on_offer_created).get ());
  start_timeout ();
}

void
WebrtcbinPeer::on_offer_created (Ref<GstPromise> reply)
{
  if (over ())
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return fail (error.wrap ("making the offer"));
  set_local (reply.get (), "offer");
}

void
WebrtcbinPeer::on_local_set (Ref<GstPromise> reply)
{
  if (over ())
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return fail (error.wrap ("setting our description"));
  GST_CAT_DEBUG (peer_debug, "viewer %s: description set, gathering candidates",
      config_.id.c_str ());
  gathering_ = true;
  // Webrtcbin 1.22 sometimes never says that gathering is complete.
  gathering_timer_ =
      Timer (config_.context.get (), kGatheringTimeoutMs, [this] {
        auto keep = shared_from_this ();
        describe ();
        return false;
      });
  on_gathering_state ();
}

void
WebrtcbinPeer::on_gathering_state ()
{
  if (over () || !gathering_)
    return;
  GstWebRTCICEGatheringState state = GST_WEBRTC_ICE_GATHERING_STATE_NEW;
  g_object_get (webrtcbin_.get (), "ice-gathering-state", &state, nullptr);
  if (state == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE)
    describe ();
}

void
WebrtcbinPeer::describe ()
{
  if (over () || !gathering_)
    return;
  GST_CAT_DEBUG (peer_debug, "viewer %s: candidates gathered",
      config_.id.c_str ());
  gathering_ = false;
  gathering_timer_.cancel ();
  negotiation_timer_.cancel ();

  Owned<GstWebRTCSessionDescription> description;
  g_object_get (webrtcbin_.get (), "local-description",
      static_cast<GstWebRTCSessionDescription **> (out (description)), nullptr);
  if (!description)
    return fail ({Code::internal, "webrtcbin has no local description"});
  Result<negotiation::LocalDescription> local =
      read_local_description (description->sdp, config_.plan);
  if (!local)
    return fail (local.error ());
  announce_addresses (local->transport.candidates, config_.announced_addresses);
  local->cname = config_.cname;
  local->stream_id = config_.cname;
  local->session_id = static_cast<std::uint64_t> (g_get_real_time ());
  for (negotiation::LocalStream &stream : local->streams)
    stream.ssrc = config_.streams[index_of (stream.media)].ssrc;

  if (offered_.sections.empty ()) { // its transports are there
    watch_rtcp ();
    announce_sources (webrtcbin_.get (), config_);
  } else {
    mids_ = read_mids (description->sdp);
  }
  observer_->peer_described (std::move (*local));
}

void
WebrtcbinPeer::accept (negotiation::Plan plan)
{
  if (over ())
    return;
  config_.plan = std::move (plan);
  set_remote (GST_WEBRTC_SDP_TYPE_ANSWER,
      negotiation::canonical_answer (config_.plan, offered_, mids_),
      &WebrtcbinPeer::on_remote_answer_set);
}

void
WebrtcbinPeer::on_remote_answer_set (Ref<GstPromise> reply)
{
  if (over ())
    return;
  if (Error error = error_of (reply.get ()); !error.what.empty ())
    return fail (error.wrap ("setting the answer"));
  GST_CAT_DEBUG (peer_debug, "viewer %s: answer set", config_.id.c_str ());
  negotiation_timer_.cancel ();
  watch_rtcp ();
  announce_sources (webrtcbin_.get (), config_);
  observer_->peer_accepted ();
}

// Notes when the viewer was heard last, and when our BYE has gone out.
void
WebrtcbinPeer::watch_rtcp ()
{
  using Self = Recipient<WebrtcbinPeer>;
  auto probe = [this] (GstPad *pad, GstPadProbeCallback callback) {
    gst_pad_add_probe (pad,
        static_cast<GstPadProbeType> (
            GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
        callback, new Self (recipient ()), free_recipient<WebrtcbinPeer>);
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
    if (!tap_rtcp (rtpbin, rtcp_reader_))
      GST_CAT_WARNING (peer_debug, "viewer %s: its RTCP cannot be read",
          config_.id.c_str ());
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
            static_cast<Self *> (data)->tell ([] (WebrtcbinPeer &self) {
              if (self.observer_)
                self.observer_->peer_said_bye ();
            });
          return GST_PAD_PROBE_OK;
        });
  });
}

void
WebrtcbinPeer::on_connection_state ()
{
  if (over ())
    return;
  GstWebRTCPeerConnectionState state = GST_WEBRTC_PEER_CONNECTION_STATE_NEW;
  g_object_get (webrtcbin_.get (), "connection-state", &state, nullptr);
  observer_->peer_connection (state);
}

Result<void>
WebrtcbinPeer::check_certificate () const
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
WebrtcbinPeer::add_candidates (const std::vector<std::string> &candidates)
{
  if (over ())
    return;
  for (const std::string &candidate : candidates)
    g_signal_emit_by_name (webrtcbin_.get (), "add-ice-candidate", 0u,
        ("candidate:" + candidate).c_str ());
}

// Also of a medium that was offered and not taken: the BYE comes when all have ended.
void
WebrtcbinPeer::end_streams ()
{
  for (const Ref<GstElement> &appsrc : appsrcs_) {
    if (appsrc)
      gst_app_src_end_of_stream (GST_APP_SRC (appsrc.get ()));
  }
}

void
WebrtcbinPeer::fail (Error reason)
{
  if (over ())
    return;
  failed_ = true;
  observer_->peer_failed (std::move (reason));
}

void
WebrtcbinPeer::close (bool close_notify)
{
  observer_ = nullptr;
  negotiation_timer_.cancel ();
  gathering_timer_.cancel ();
  if (!pipeline_)
    return;
  teardown_.run ([pipeline = std::move (pipeline_),
                     webrtcbin = std::move (webrtcbin_), pending = pending_,
                     rtcp_out = std::move (rtcp_out_), appsrcs = appsrcs_,
                     close_notify] {
    if (!pending->wait_none (kPendingTimeout))
      GST_CAT_WARNING_OBJECT (peer_debug, webrtcbin.get (),
          "no reply: it may leave a thread");
    if (rtcp_out && close_notify) { // the BYE may still be on its way through
      GST_PAD_STREAM_LOCK (rtcp_out.get ());
      GST_PAD_STREAM_UNLOCK (rtcp_out.get ());
    }
    if (close_notify)
      send_close_notify (webrtcbin.get (), kCloseNotifyTimeoutMs);
    for (const Ref<GstElement> &appsrc : appsrcs) {
      if (appsrc)
        flush (appsrc);
    }
    gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  });
}

} // namespace restream::transport
