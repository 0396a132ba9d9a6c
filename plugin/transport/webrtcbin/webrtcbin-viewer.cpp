// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-viewer.h"

#include "common/post.h"
#include "plugin/transport/webrtcbin/dtls-close.h"
#include "plugin/transport/webrtcbin/local-description.h"
#include "plugin/transport/webrtcbin/peer-certificate.h"

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

// How much a viewer may lag before it loses packets.
constexpr GstClockTime kMaxQueueTime = 500 * GST_MSECOND;
constexpr guint64 kMaxQueueBytes = 8 * 1024 * 1024;

constexpr unsigned kNegotiationTimeoutMs = 8000; // offer to answer
constexpr unsigned kGatheringTimeoutMs =
    2000; // then the answer goes with what there is
constexpr unsigned kConnectTimeoutMs = 30000; // answer to DTLS up
// Receiver reports come every few seconds; without any for so long (as in RFC
// 7675) nobody is there.
constexpr gint64 kSilenceTimeoutUs = 30 * G_USEC_PER_SEC;
constexpr unsigned kSilenceCheckMs = 2000;
constexpr unsigned kCloseNotifyTimeoutMs = 500;

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
    : public Viewer,
      public std::enable_shared_from_this<WebrtcbinViewer>
{
public:
  WebrtcbinViewer (ViewerConfig config, ViewerObserver &observer,
      Teardown &teardown)
      : Viewer (std::move (config)), observer_ (&observer), teardown_ (teardown)
  {
  }
  ~WebrtcbinViewer () override { close (); }

  void start () override;
  void push (PacketBatch &batch) override;
  void drain (unsigned timeout_ms) override;
  void close () override;

private:
  struct Feed
  {
    Ref<GstElement> appsrc;
    std::uint8_t payload_type = 0;
    bool joined =
        false; // only the hub's streaming thread of this medium looks at it
  };

  Result<void> build ();
  Result<void> add_feed (const negotiation::MediaPlan &media);
  void configure_ice ();
  void on_offer_set (Error error);
  void on_answer_created (Ref<GstPromise> reply);
  void on_answer_set (Error error);
  void on_gathering_state ();
  void on_connection_state ();
  void send_answer ();
  Result<void> check_peer ();
  void go_live ();
  void set_state (ViewerState state);
  void end (Error reason);
  void finish_drain ();
  GstPromise *promise (void (WebrtcbinViewer::*done) (Ref<GstPromise>));
  GstPromise *promise (void (WebrtcbinViewer::*done) (Error));
  void connect (GObject *object, const char *signal,
      void (WebrtcbinViewer::*handler) ());
  void watch_rtcp ();

  template <typename F> void post_self (F f)
  {
    post (config_.context.get (), weak_from_this (), std::move (f));
  }

  // Owner's context, unless said otherwise.
  ViewerObserver *observer_; // null = closed
  Teardown &teardown_;
  Ref<GstElement> pipeline_;
  Ref<GstElement> webrtcbin_;
  std::array<Feed, kMediaCount> feeds_;
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

template <typename Self> struct Closure
{
  Ref<GMainContext> context;
  std::weak_ptr<Self> self;
  void (Self::*call) ();
};

void
WebrtcbinViewer::connect (GObject *object, const char *signal,
    void (WebrtcbinViewer::*handler) ())
{
  using Handler = Closure<WebrtcbinViewer>;
  // Webrtcbin's threads touch the closure only, which dies with the object's last signal.
  g_signal_connect_data (
      object, signal, G_CALLBACK (+[] (GObject *, GParamSpec *, gpointer data) {
        auto *closure = static_cast<Handler *> (data);
        post (closure->context.get (), closure->self,
            [call = closure->call] (
                WebrtcbinViewer &self) { (self.*call) (); });
      }),
      new Handler{config_.context, weak_from_this (), handler},
      +[] (gpointer data, GClosure *) { delete static_cast<Handler *> (data); },
      static_cast<GConnectFlags> (0));
}

GstPromise *
WebrtcbinViewer::promise (void (WebrtcbinViewer::*done) (Ref<GstPromise>))
{
  struct Reply
  {
    Ref<GMainContext> context;
    std::weak_ptr<WebrtcbinViewer> self;
    void (WebrtcbinViewer::*done) (Ref<GstPromise>);
  };
  return gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto *reply = static_cast<Reply *> (data);
        post (reply->context.get (), reply->self,
            [done = reply->done, kept = Ref<GstPromise>::retain (promise)] (
                WebrtcbinViewer &self) { (self.*done) (kept); });
      },
      new Reply{config_.context, weak_from_this (), done},
      +[] (gpointer data) { delete static_cast<Reply *> (data); });
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

GstPromise *
WebrtcbinViewer::promise (void (WebrtcbinViewer::*done) (Error))
{
  struct Reply
  {
    Ref<GMainContext> context;
    std::weak_ptr<WebrtcbinViewer> self;
    void (WebrtcbinViewer::*done) (Error);
  };
  return gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto *reply = static_cast<Reply *> (data);
        post (reply->context.get (), reply->self,
            [done = reply->done, error = error_of (promise)] (
                WebrtcbinViewer &self) { (self.*done) (error); });
      },
      new Reply{config_.context, weak_from_this (), done},
      +[] (gpointer data) { delete static_cast<Reply *> (data); });
}

void
WebrtcbinViewer::start ()
{
  Result<void> built = build ();
  if (!built) {
    post_self (
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
    post_self ([] (WebrtcbinViewer &self) {
      self.end (
          {Code::internal, "the plan makes no valid offer for webrtcbin"});
    });
    return;
  }
  Owned<GstWebRTCSessionDescription> description (
      gst_webrtc_session_description_new (GST_WEBRTC_SDP_TYPE_OFFER, sdp));
  g_signal_emit_by_name (webrtcbin_.get (), "set-remote-description",
      description.get (), promise (&WebrtcbinViewer::on_offer_set));
  negotiation_timer_ =
      Timer (config_.context.get (), kNegotiationTimeoutMs, [this] {
        end ({Code::timeout, "webrtcbin gave no answer in time"});
        return false;
      });
}

Result<void>
WebrtcbinViewer::build ()
{
  pipeline_ = Ref<GstElement>::sink (
      gst_pipeline_new (("viewer-" + config_.id).c_str ()));
  gst_pipeline_use_clock (GST_PIPELINE (pipeline_.get ()),
      config_.clock.get ());
  gst_element_set_start_time (pipeline_.get (), GST_CLOCK_TIME_NONE);
  gst_element_set_base_time (pipeline_.get (), config_.base_time);

  // Nobody waits at this bus; an error ends the viewer.
  Ref<GstBus> bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  struct BusOwner
  {
    Ref<GMainContext> context;
    std::weak_ptr<WebrtcbinViewer> self;
  };
  gst_bus_set_sync_handler (
      bus.get (),
      +[] (GstBus *, GstMessage *message, gpointer data) {
        auto *owner = static_cast<BusOwner *> (data);
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
          Owned<GError> error;
          gst_message_parse_error (message, out (error), nullptr);
          post (owner->context.get (), owner->self,
              [reason = Error::from (error.get ())] (
                  WebrtcbinViewer &self) { self.end (reason); });
        }
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
          post (owner->context.get (), owner->self, [] (WebrtcbinViewer &self) {
            if (self.pipeline_)
              gst_bin_recalculate_latency (GST_BIN (self.pipeline_.get ()));
          });
        gst_message_unref (message);
        return GST_BUS_DROP;
      },
      new BusOwner{config_.context, weak_from_this ()},
      +[] (gpointer data) { delete static_cast<BusOwner *> (data); });

  webrtcbin_ =
      Ref<GstElement>::sink (gst_element_factory_make ("webrtcbin", nullptr));
  if (!webrtcbin_)
    return Error{Code::unavailable,
        "GStreamer's webrtcbin is missing: install the plugins-bad and nice "
        "packages"};
  g_object_set (webrtcbin_.get (), "bundle-policy",
      GST_WEBRTC_BUNDLE_POLICY_MAX_BUNDLE, nullptr);
  gst_bin_add (GST_BIN (pipeline_.get ()), webrtcbin_.get ());
  configure_ice ();

  // The bin's children come before negotiation only in part, so its SDES is set where it lives.
  for_each_element (webrtcbin_.get (), "rtpbin", [this] (GstElement *rtpbin) {
    Owned<GstStructure> sdes (
        gst_structure_new ("application/x-rtp-source-sdes", "cname",
            G_TYPE_STRING, config_.cname.c_str (), nullptr));
    g_object_set (rtpbin, "sdes", sdes.get (), nullptr);
  });

  for (const negotiation::Section &section : config_.plan.sections) {
    if (!section.accepted)
      continue;
    if (Result<void> added = add_feed (*section.accepted); !added)
      return added;
  }

  connect (G_OBJECT (webrtcbin_.get ()), "notify::connection-state",
      &WebrtcbinViewer::on_connection_state);
  connect (G_OBJECT (webrtcbin_.get ()), "notify::ice-gathering-state",
      &WebrtcbinViewer::on_gathering_state);

  if (gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    return Error{Code::internal, "the viewer's pipeline does not start"};
  return {};
}

void
WebrtcbinViewer::configure_ice ()
{
  Ref<GObject> ice;
  g_object_get (webrtcbin_.get (), "ice-agent", ice.out (), nullptr);
  // No UPnP: it holds each answer up by 200 ms. No ICE-TCP: 17 descriptors a viewer.
  g_object_set (ice.get (), "ice-tcp", FALSE, nullptr);
  if (config_.max_port)
    g_object_set (ice.get (), "min-rtp-port", config_.min_port, "max-rtp-port",
        config_.max_port, nullptr);
  Ref<GObject> agent;
  g_object_get (ice.get (), "agent", agent.out (), nullptr);
  g_object_set (agent.get (), "upnp", FALSE, "keepalive-conncheck", TRUE,
      nullptr);
  for (const std::string &address : config_.addresses) {
    gboolean added = FALSE;
    g_signal_emit_by_name (ice.get (), "add-local-ip-address", address.c_str (),
        &added);
    if (!added)
      GST_WARNING ("viewer %s: address %s cannot be used for ICE",
          config_.id.c_str (), address.c_str ());
  }
}

Result<void>
WebrtcbinViewer::add_feed (const negotiation::MediaPlan &media)
{
  const negotiation::Codec &codec = media.codec;
  const OutgoingStream &stream = config_.streams[index_of (media.media)];
  Ref<GstCaps> caps = Ref<GstCaps>::adopt (gst_caps_new_simple (
      "application/x-rtp", "media", G_TYPE_STRING, name_of (media.media),
      "encoding-name", G_TYPE_STRING, codec.encoding_name.c_str (),
      "clock-rate", G_TYPE_INT, static_cast<int> (codec.clock_rate), "payload",
      G_TYPE_INT, static_cast<int> (media.payload_type), "ssrc", G_TYPE_UINT,
      stream.ssrc, nullptr));

  Feed &feed = feeds_[index_of (media.media)];
  feed.payload_type = media.payload_type;
  feed.appsrc = Ref<GstElement>::sink (
      gst_element_factory_make ("appsrc", name_of (media.media)));
  if (!feed.appsrc)
    return Error{Code::unavailable,
        "GStreamer's appsrc is missing: install the plugins-base package"};
  g_object_set (feed.appsrc.get (), "caps", caps.get (), "format",
      GST_FORMAT_TIME, "is-live", TRUE, "do-timestamp", FALSE, "block", FALSE,
      "max-bytes", static_cast<guint64> (0), "max-buffers",
      static_cast<guint64> (0), "max-time", static_cast<guint64> (0), nullptr);
  gst_bin_add (GST_BIN (pipeline_.get ()), feed.appsrc.get ());

  GstPadTemplate *pad_template = gst_element_class_get_pad_template (
      GST_ELEMENT_GET_CLASS (webrtcbin_.get ()), "sink_%u");
  Ref<GstPad> sink = Ref<GstPad>::adopt (gst_element_request_pad (
      webrtcbin_.get (), pad_template, nullptr, caps.get ()));
  if (!sink)
    return Error{Code::internal, "webrtcbin gives no pad"};
  Ref<GObject> transceiver;
  g_object_get (sink.get (), "transceiver", transceiver.out (), nullptr);
  g_object_set (transceiver.get (), "direction",
      GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY, "codec-preferences",
      caps.get (), "do-nack", media.rtx_payload_type.has_value (), nullptr);

  Ref<GstPad> src = Ref<GstPad>::adopt (
      gst_element_get_static_pad (feed.appsrc.get (), "src"));
  if (gst_pad_link (src.get (), sink.get ()) != GST_PAD_LINK_OK)
    return Error{Code::internal, "the viewer's pipeline cannot be linked"};
  return {};
}

void
WebrtcbinViewer::on_offer_set (Error error)
{
  if (ended_ || !observer_)
    return;
  if (!error.what.empty ())
    return end (error.wrap ("setting the offer"));
  GST_DEBUG ("viewer %s: offer set", config_.id.c_str ());
  g_signal_emit_by_name (webrtcbin_.get (), "create-answer", nullptr,
      promise (&WebrtcbinViewer::on_answer_created));
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
      answer.get (), promise (&WebrtcbinViewer::on_answer_set));
}

void
WebrtcbinViewer::on_answer_set (Error error)
{
  if (ended_ || !observer_)
    return;
  if (!error.what.empty ())
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
  observer_->viewer_answered (*this,
      negotiation::make_answer (config_.plan, *local));
}

// Notes when the viewer was heard last, and when our BYE has gone out.
void
WebrtcbinViewer::watch_rtcp ()
{
  using Owner = Closure<WebrtcbinViewer>;
  auto probe = [this] (GstPad *pad, GstPadProbeCallback callback) {
    gst_pad_add_probe (
        pad,
        static_cast<GstPadProbeType> (
            GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
        callback, new Owner{config_.context, weak_from_this (), nullptr},
        +[] (gpointer data) { delete static_cast<Owner *> (data); });
  };
  for_each_element (webrtcbin_.get (), "nicesrc", [&] (GstElement *nicesrc) {
    Ref<GstPad> pad =
        Ref<GstPad>::adopt (gst_element_get_static_pad (nicesrc, "src"));
    probe (
        pad.get (), +[] (GstPad *, GstPadProbeInfo *, gpointer data) {
          if (auto self = static_cast<Owner *> (data)->self.lock ())
            self->heard_us_.store (g_get_monotonic_time (),
                std::memory_order_relaxed);
          return GST_PAD_PROBE_OK;
        });
  });
  for_each_element (webrtcbin_.get (), "rtpbin", [&] (GstElement *rtpbin) {
    Ref<GstPad> pad = Ref<GstPad>::adopt (
        gst_element_get_static_pad (rtpbin, "send_rtcp_src_0"));
    if (!pad)
      return;
    probe (
        pad.get (), +[] (GstPad *, GstPadProbeInfo *info, gpointer data) {
          if ((GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER)
              && has_rtcp_bye (GST_PAD_PROBE_INFO_BUFFER (info))) {
            auto *owner = static_cast<Owner *> (data);
            post (owner->context.get (), owner->self,
                [] (WebrtcbinViewer &self) { self.finish_drain (); });
          }
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
    silence_timer_ = Timer (config_.context.get (), kSilenceCheckMs, [this] {
      if (g_get_monotonic_time () - heard_us_.load (std::memory_order_relaxed)
          < kSilenceTimeoutUs)
        return true;
      end ({Code::timeout, "nothing heard from the viewer for 30 s"});
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
WebrtcbinViewer::push (PacketBatch &batch)
{
  if (!feeding_.load (std::memory_order_acquire))
    return;
  Feed &feed = feeds_[index_of (batch.media ())];
  if (!feed.appsrc)
    return;
  auto *appsrc = GST_APP_SRC (feed.appsrc.get ());
  MediaCounters &counters = own_counters (batch.media ());

  if (gst_app_src_get_current_level_time (appsrc) > kMaxQueueTime
      || gst_app_src_get_current_level_bytes (appsrc) > kMaxQueueBytes) {
    if (feed.joined)
      GST_INFO ("viewer %s is too slow for the %s: it loses packets until the "
                "next keyframe",
          config_.id.c_str (), name_of (batch.media ()));
    counters.dropped.fetch_add (batch.size (), std::memory_order_relaxed);
    feed.joined = false; // after a hole only a keyframe helps
    return;
  }
  unsigned packets = batch.size ();
  std::size_t bytes = batch.bytes ();
  Ref<GstBufferList> list;
  if (feed.joined) {
    list = batch.list (feed.payload_type);
  } else {
    if (!batch.join_index ())
      return;
    feed.joined = true;
    list = batch.list_from_join (feed.payload_type);
    packets = gst_buffer_list_length (list.get ());
    bytes = gst_buffer_list_calculate_size (list.get ());
  }
  if (gst_app_src_push_buffer_list (appsrc, list.release ()) != GST_FLOW_OK) {
    counters.dropped.fetch_add (packets, std::memory_order_relaxed);
    return;
  }
  counters.packets.fetch_add (packets, std::memory_order_relaxed);
  counters.bytes.fetch_add (bytes, std::memory_order_relaxed);
}

void
WebrtcbinViewer::drain (unsigned timeout_ms)
{
  if (draining_ || !observer_)
    return;
  draining_ = true;
  feeding_ = false;
  if (ended_ || !verified_) {
    post_self ([] (WebrtcbinViewer &self) { self.finish_drain (); });
    return;
  }
  // The end of stream travels behind what is queued; at rtpsession it becomes the BYE.
  for (Feed &feed : feeds_) {
    if (feed.appsrc)
      gst_app_src_end_of_stream (GST_APP_SRC (feed.appsrc.get ()));
  }
  drain_timer_ = Timer (config_.context.get (), timeout_ms, [this] {
    finish_drain ();
    return false;
  });
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
  teardown_.run ([pipeline = std::move (pipeline_),
                     webrtcbin = std::move (webrtcbin_), verified = verified_] {
    if (verified)
      send_close_notify (webrtcbin.get (), kCloseNotifyTimeoutMs);
    gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  });
}

} // namespace

negotiation::TransportCapabilities
webrtcbin_capabilities ()
{
  return {.rtx = true, .feedback = {"nack", "nack pli"}, .extensions = {}};
}

std::shared_ptr<Viewer>
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
