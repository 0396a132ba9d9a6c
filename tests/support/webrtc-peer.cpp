// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/webrtc-peer.h"

#include "plugin/codec/payload-format.h"

#include <gst/sdp/sdp.h>
#include <openssl/crypto.h>

#include <chrono>
#include <condition_variable>
#include <cstring>

namespace restream {
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
RESTREAM_FREE (GstWebRTCSessionDescription,
    gst_webrtc_session_description_free);
} // namespace restream

namespace restream::test {

namespace {

// Otherwise exit() cleans OpenSSL up under the timers of GStreamer's DTLS, which outlive their connections.
__attribute__ ((constructor)) void
keep_openssl_at_exit ()
{
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);
}

constexpr guint kGatheringTimeoutMs = 20000;
constexpr auto kPendingTimeout = std::chrono::seconds (10);

Ref<GstCaps>
caps_of (const std::string &encoding_name, int payload_type)
{
  const codec::CodecInfo *info = codec::find_codec (encoding_name);
  if (!info)
    return {};
  auto caps = Ref<GstCaps>::adopt (gst_caps_new_simple ("application/x-rtp",
      "media", G_TYPE_STRING, name_of (info->media), "encoding-name",
      G_TYPE_STRING, info->encoding_name, "clock-rate", G_TYPE_INT,
      static_cast<int> (info->clock_rate), "payload", G_TYPE_INT, payload_type,
      nullptr));
  if (info->encoding_params)
    gst_caps_set_simple (caps.get (), "encoding-params", G_TYPE_STRING,
        info->encoding_params, nullptr);
  if (encoding_name == "H264")
    gst_caps_set_simple (caps.get (), "packetization-mode", G_TYPE_STRING, "1",
        "profile-level-id", G_TYPE_STRING, "42e01f", "level-asymmetry-allowed",
        G_TYPE_STRING, "1", nullptr);
  return caps;
}

// An answer whose candidates are TCP only.
std::string
without_udp (const std::string &sdp)
{
  std::string kept;
  for (std::size_t at = 0; at < sdp.size ();) {
    std::size_t end = std::min (sdp.find ('\n', at), sdp.size () - 1) + 1;
    std::string line = sdp.substr (at, end - at);
    if (line.rfind ("a=candidate:", 0) != 0
        || line.find (" udp ") == std::string::npos)
      kept += line;
    at = end;
  }
  return kept;
}

Result<Owned<GstSDPMessage>>
parse_sdp (const std::string &text)
{
  GstSDPMessage *raw = nullptr;
  if (gst_sdp_message_new_from_text (text.c_str (), &raw) != GST_SDP_OK)
    return Error{Code::bad_request, "not SDP"};
  return Owned<GstSDPMessage> (raw);
}

} // namespace

struct WebrtcPeer::Pending
{
  std::mutex mutex;
  std::condition_variable none;
  int count = 0;
};

GstPromise *
WebrtcPeer::promise_to (Reply reply)
{
  struct Call
  {
    Ref<GMainContext> context;
    std::weak_ptr<WebrtcPeer> peer;
    std::shared_ptr<Pending> pending;
    Reply reply;
  };
  {
    std::lock_guard lock (pending_->mutex);
    pending_->count++;
  }
  auto *call =
      new Call{context_, weak_from_this (), pending_, std::move (reply)};
  return gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto *c = static_cast<Call *> (data);
        const bool replied =
            gst_promise_wait (promise) == GST_PROMISE_RESULT_REPLIED;
        const GstStructure *s =
            replied ? gst_promise_get_reply (promise) : nullptr;
        std::string problem = replied ? "" : "no reply";
        if (s && gst_structure_has_field (s, "error")) {
          Owned<GError> error;
          gst_structure_get (s, "error", G_TYPE_ERROR,
              static_cast<GError **> (out (error)), nullptr);
          problem = error ? error->message : "unknown error";
        }
        // A std::function wants what can be copied.
        auto copy = std::make_shared<Owned<GstStructure>> (
            s ? gst_structure_copy (s) : nullptr);
        post (c->context.get (), c->peer,
            [reply = c->reply, problem, copy] (WebrtcPeer &target) {
              if (target.stopped_)
                return;
              if (problem.empty ())
                reply (target, std::move (*copy));
              else
                reply (target, Error{Code::internal, problem});
            });
        {
          std::lock_guard lock (c->pending->mutex);
          c->pending->count--;
          c->pending->none.notify_all ();
        }
        gst_promise_unref (promise);
      },
      call, +[] (gpointer data) { delete static_cast<Call *> (data); });
}

WebrtcPeer::WebrtcPeer (GMainContext *context, PeerOptions options,
    PeerEvents events)
    : context_ (Ref<GMainContext>::retain (context)),
      options_ (std::move (options)), events_ (std::move (events)),
      pending_ (std::make_shared<Pending> ())
{
  media_of_pt_.fill (kNone);
  if (options_.video_codec != "H264")
    stats_.media[index_of (Media::video)] = RtpCounter ();
}

WebrtcPeer::~WebrtcPeer ()
{
  stop ();
}

Result<std::shared_ptr<WebrtcPeer>>
WebrtcPeer::create (GMainContext *context, PeerOptions options,
    PeerEvents events)
{
  std::shared_ptr<WebrtcPeer> peer (
      new WebrtcPeer (context, std::move (options), std::move (events)));
  if (auto started = peer->start (); !started)
    return started.error ();
  return peer;
}

Result<void>
WebrtcPeer::start ()
{
  pipeline_ = Ref<GstElement>::sink (gst_pipeline_new (options_.name.c_str ()));
  webrtc_ =
      Ref<GstElement>::sink (gst_element_factory_make ("webrtcbin", nullptr));
  if (!webrtc_)
    return Error{Code::internal, "no webrtcbin"};
  g_object_set (webrtc_.get (), "bundle-policy",
      GST_WEBRTC_BUNDLE_POLICY_MAX_BUNDLE, "latency", options_.latency_ms,
      nullptr);
  gst_bin_add (GST_BIN (pipeline_.get ()), webrtc_.get ());
  // Made beforehand: an element added while the pipeline goes down would stay up.
  for (auto &sink : sinks_) {
    sink =
        Ref<GstElement>::sink (gst_element_factory_make ("fakesink", nullptr));
    if (!sink)
      return Error{Code::internal, "no fakesink"};
    g_object_set (sink.get (), "sync", FALSE, "async", FALSE, nullptr);
    gst_bin_add (GST_BIN (pipeline_.get ()), sink.get ());
  }

  Ref<GObject> ice, agent;
  g_object_get (webrtc_.get (), "ice-agent", ice.out (), nullptr);
  g_object_get (ice.get (), "agent", agent.out (), nullptr);
  g_object_set (agent.get (), "upnp", FALSE, "ice-tcp",
      static_cast<gboolean> (options_.tcp_only), nullptr);
  gboolean added = FALSE;
  g_signal_emit_by_name (ice.get (), "add-local-ip-address", "127.0.0.1",
      &added);
  if (!added)
    return Error{Code::internal, "loopback address refused"};

  auto rtpbin = Ref<GstElement>::adopt (
      gst_bin_get_by_name (GST_BIN (webrtc_.get ()), "rtpbin"));
  if (!rtpbin)
    return Error{Code::internal, "webrtcbin has no rtpbin"};
  conns_.emplace_back (rtpbin.get (), "pad-added",
      G_CALLBACK (+[] (GstElement *, GstPad *pad, WebrtcPeer *self) {
        self->rtpbin_pad_added (pad);
      }),
      this);
  conns_.emplace_back (rtpbin.get (), "on-bye-ssrc",
      G_CALLBACK (+[] (GstElement *, guint, guint, WebrtcPeer *self) {
        std::lock_guard lock (self->mutex_);
        if (!self->stats_.bye_us)
          self->stats_.bye_us = g_get_monotonic_time ();
      }),
      this);
  conns_.emplace_back (webrtc_.get (), "pad-added",
      G_CALLBACK (+[] (GstElement *, GstPad *pad, WebrtcPeer *self) {
        self->pad_added (pad);
      }),
      this);
  conns_.emplace_back (webrtc_.get (), "notify::ice-gathering-state",
      G_CALLBACK (+[] (GObject *, GParamSpec *, WebrtcPeer *self) {
        post (self->context_.get (), self->weak_from_this (),
            [] (WebrtcPeer &peer) { peer.gathering_changed (); });
      }),
      this);
  conns_.emplace_back (webrtc_.get (), "notify::ice-connection-state",
      G_CALLBACK (+[] (GObject *object, GParamSpec *, WebrtcPeer *self) {
        GstWebRTCICEConnectionState state;
        g_object_get (object, "ice-connection-state", &state, nullptr);
        if (state == GST_WEBRTC_ICE_CONNECTION_STATE_FAILED)
          post (self->context_.get (), self->weak_from_this (),
              [] (WebrtcPeer &peer) { peer.fail ("ICE failed"); });
      }),
      this);

  // Messages are looked at where they are posted: no source, no descriptor.
  auto bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  gst_bus_set_sync_handler (
      bus.get (),
      +[] (GstBus *, GstMessage *message, gpointer data) -> GstBusSyncReply {
        auto *self = static_cast<WebrtcPeer *> (data);
        if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
          Owned<GError> error;
          Owned<char> debug;
          gst_message_parse_error (message, out (error), out (debug));
          std::string why =
              std::string (GST_OBJECT_NAME (GST_MESSAGE_SRC (message))) + ": "
              + error->message + " (" + (debug ? debug.get () : "") + ")";
          post (self->context_.get (), self->weak_from_this (),
              [why] (WebrtcPeer &peer) { peer.fail (why); });
        }
        gst_message_unref (message);
        return GST_BUS_DROP;
      },
      this, nullptr);

  if (gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    return Error{Code::internal, "the pipeline does not start"};

  for (Media media : kAllMedia) {
    if (!(media == Media::video ? options_.video : options_.audio))
      continue;
    const bool is_video = media == Media::video;
    Ref<GstCaps> caps = caps_of (is_video ? options_.video_codec
                                          : options_.audio_codec,
        is_video ? options_.video_payload_type : options_.audio_payload_type);
    if (!caps)
      return Error{Code::internal, "unknown codec"};
    Ref<GstWebRTCRTPTransceiver> transceiver;
    g_signal_emit_by_name (webrtc_.get (), "add-transceiver",
        GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_RECVONLY, caps.get (),
        transceiver.out ());
    if (!transceiver)
      return Error{Code::internal, "no transceiver"};
    g_object_set (transceiver.get (), "do-nack", TRUE, nullptr);
  }
  return {};
}

void
WebrtcPeer::create_offer (std::function<void (Result<std::string>)> callback)
{
  offer_callback_ = std::move (callback);
  describe ("create-offer", "offer");
}

void
WebrtcPeer::create_answer (const std::string &text,
    std::function<void (Result<std::string>)> callback)
{
  auto sdp = parse_sdp (text);
  if (!sdp)
    return callback (sdp.error ().wrap ("offer"));
  note_payload_types (sdp->get ());
  offer_callback_ = std::move (callback);
  Owned<GstWebRTCSessionDescription> offer (gst_webrtc_session_description_new (
      GST_WEBRTC_SDP_TYPE_OFFER, sdp->release ()));
  g_signal_emit_by_name (webrtc_.get (), "set-remote-description", offer.get (),
      promise_to ([] (WebrtcPeer &peer, Result<Owned<GstStructure>> reply) {
        if (!reply)
          return peer.finish_offer (
              reply.error ().wrap ("set-remote-description"));
        peer.describe ("create-answer", "answer");
      }));
}

// Has webrtcbin describe its side; ends in finish_offer ().
void
WebrtcPeer::describe (const char *action, const char *field)
{
  gathering_timeout_ = Timer (context_.get (), kGatheringTimeoutMs, [this] {
    finish_offer (Error{Code::timeout, "ICE gathering did not end"});
    return false;
  });
  g_signal_emit_by_name (webrtc_.get (), action, nullptr,
      promise_to ([action, field] (WebrtcPeer &peer,
                      Result<Owned<GstStructure>> reply) {
        if (!reply)
          return peer.finish_offer (reply.error ().wrap (action));
        Owned<GstWebRTCSessionDescription> made;
        gst_structure_get (reply->get (), field,
            GST_TYPE_WEBRTC_SESSION_DESCRIPTION,
            static_cast<GstWebRTCSessionDescription **> (out (made)), nullptr);
        if (!made)
          return peer.finish_offer (
              Error{Code::internal, std::string (action) + ": nothing made"});
        const bool answers = made->type == GST_WEBRTC_SDP_TYPE_ANSWER;
        g_signal_emit_by_name (peer.webrtc_.get (), "set-local-description",
            made.get (),
            peer.promise_to (
                [answers] (WebrtcPeer &p, Result<Owned<GstStructure>> set) {
                  if (!set)
                    return p.finish_offer (
                        set.error ().wrap ("set-local-description"));
                  if (!answers)
                    return;
                  if (Result<void> watched = p.watch_dtls (); !watched)
                    return p.finish_offer (watched.error ());
                  p.gathering_changed ();
                }));
      }));
}

void
WebrtcPeer::gathering_changed ()
{
  if (stopped_ || !offer_callback_)
    return;
  GstWebRTCICEGatheringState state;
  g_object_get (webrtc_.get (), "ice-gathering-state", &state, nullptr);
  if (state != GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE)
    return;
  Owned<GstWebRTCSessionDescription> local;
  g_object_get (webrtc_.get (), "local-description",
      static_cast<GstWebRTCSessionDescription **> (out (local)), nullptr);
  if (!local)
    return;
  Owned<char> text (gst_sdp_message_as_text (local->sdp));
  finish_offer (std::string (text.get ()));
}

void
WebrtcPeer::finish_offer (Result<std::string> offer)
{
  gathering_timeout_.cancel ();
  if (auto callback = std::exchange (offer_callback_, nullptr);
      callback && !stopped_)
    callback (std::move (offer));
}

// What comes on which of them.
void
WebrtcPeer::note_payload_types (const GstSDPMessage *sdp)
{
  std::lock_guard lock (mutex_);
  for (guint i = 0; i < gst_sdp_message_medias_len (sdp); i++) {
    const GstSDPMedia *m = gst_sdp_message_get_media (sdp, i);
    const char *kind = gst_sdp_media_get_media (m);
    for (guint f = 0; f < gst_sdp_media_formats_len (m); f++) {
      const guint64 pt =
          g_ascii_strtoull (gst_sdp_media_get_format (m, f), nullptr, 10);
      auto caps = Ref<GstCaps>::adopt (
          gst_sdp_media_get_caps_from_media (m, static_cast<gint> (pt)));
      const char *codec = caps && !gst_caps_is_empty (caps.get ())
          ? gst_structure_get_string (gst_caps_get_structure (caps.get (), 0),
              "encoding-name")
          : nullptr;
      if (pt >= media_of_pt_.size () || !codec)
        continue;
      media_of_pt_[pt] = g_ascii_strcasecmp (codec, "rtx") == 0
          ? kRtx
          : static_cast<int> (index_of (
              strcmp (kind, "video") == 0 ? Media::video : Media::audio));
    }
  }
}

Result<void>
WebrtcPeer::watch_dtls ()
{
  Ref<GstWebRTCRTPTransceiver> transceiver;
  g_signal_emit_by_name (webrtc_.get (), "get-transceiver", 0,
      transceiver.out ());
  Ref<GstWebRTCRTPReceiver> receiver;
  g_object_get (transceiver.get (), "receiver", receiver.out (), nullptr);
  g_object_get (receiver.get (), "transport", dtls_.out (), nullptr);
  if (!dtls_)
    return Error{Code::internal, "no DTLS transport"};
  conns_.emplace_back (dtls_.get (), "notify::state",
      G_CALLBACK (+[] (GObject *, GParamSpec *, WebrtcPeer *self) {
        const gint64 now = g_get_monotonic_time ();
        post (self->context_.get (), self->weak_from_this (),
            [now] (WebrtcPeer &p) { p.dtls_changed (now); });
      }),
      this);
  return {};
}

void
WebrtcPeer::set_answer (const std::string &text,
    std::function<void (Result<void>)> callback)
{
  auto sdp = parse_sdp (options_.tcp_only ? without_udp (text) : text);
  if (!sdp)
    return callback (sdp.error ().wrap ("answer"));
  note_payload_types (sdp->get ());
  Owned<GstWebRTCSessionDescription> answer (
      gst_webrtc_session_description_new (GST_WEBRTC_SDP_TYPE_ANSWER,
          sdp->release ()));
  g_signal_emit_by_name (webrtc_.get (), "set-remote-description",
      answer.get (),
      promise_to (
          [callback] (WebrtcPeer &peer, Result<Owned<GstStructure>> reply) {
            if (!reply)
              return callback (reply.error ().wrap ("set-remote-description"));
            Result<void> watched = peer.watch_dtls ();
            callback (watched);
            if (watched)
              peer.dtls_changed (g_get_monotonic_time ());
          }));
}

void
WebrtcPeer::dtls_changed (std::int64_t us)
{
  if (stopped_)
    return;
  GstWebRTCDTLSTransportState state;
  g_object_get (dtls_.get (), "state", &state, nullptr);
  // A notification for each state, but the state may have gone on meanwhile.
  if (!connected_
      && (state == GST_WEBRTC_DTLS_TRANSPORT_STATE_CONNECTED
          || state == GST_WEBRTC_DTLS_TRANSPORT_STATE_CLOSED)) {
    connected_ = true;
    if (events_.connected)
      events_.connected (us);
  }
  if (stopped_)
    return;
  if (!closed_ && state == GST_WEBRTC_DTLS_TRANSPORT_STATE_CLOSED) {
    closed_ = true;
    if (events_.closed)
      events_.closed (us);
  } else if (state == GST_WEBRTC_DTLS_TRANSPORT_STATE_FAILED) {
    fail ("DTLS failed");
  }
}

void
WebrtcPeer::fail (const std::string &why)
{
  // After the server's close, webrtcbin's own elements may complain: no failure.
  if (!stopped_ && !closed_ && events_.failed)
    events_.failed (why);
}

void
WebrtcPeer::pad_added (GstPad *pad)
{
  if (GST_PAD_DIRECTION (pad) != GST_PAD_SRC)
    return;
  auto caps = Ref<GstCaps>::adopt (gst_pad_get_current_caps (pad));
  const char *media = caps ? gst_structure_get_string (
                          gst_caps_get_structure (caps.get (), 0), "media")
                           : nullptr;
  GstElement *sink =
      sinks_[index_of (
                 g_strcmp0 (media, "video") == 0 ? Media::video : Media::audio)]
          .get ();
  auto target = Ref<GstPad>::adopt (gst_element_get_static_pad (sink, "sink"));
  gst_pad_add_probe (
      pad,
      static_cast<GstPadProbeType> (
          GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      +[] (GstPad *, GstPadProbeInfo *info, gpointer data) {
        static_cast<WebrtcPeer *> (data)->count_delivered (
            info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST
                ? gst_buffer_list_length (GST_PAD_PROBE_INFO_BUFFER_LIST (info))
                : 1);
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
  if (gst_pad_link (pad, target.get ()) != GST_PAD_LINK_OK)
    post (context_.get (), weak_from_this (),
        [] (WebrtcPeer &peer) { peer.fail ("two pads of one medium"); });
}

void
WebrtcPeer::rtpbin_pad_added (GstPad *pad)
{
  if (!g_str_has_prefix (GST_PAD_NAME (pad), "recv_rtp_sink_"))
    return;
  gst_pad_add_probe (
      pad,
      static_cast<GstPadProbeType> (
          GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      +[] (GstPad *, GstPadProbeInfo *info, gpointer data) {
        auto *self = static_cast<WebrtcPeer *> (data);
        if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
          GstBufferList *list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);
          for (guint i = 0; i < gst_buffer_list_length (list); i++)
            self->count (gst_buffer_list_get (list, i));
        } else {
          self->count (GST_PAD_PROBE_INFO_BUFFER (info));
        }
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
}

void
WebrtcPeer::count (GstBuffer *buffer)
{
  GstMapInfo map;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  const gint64 now = g_get_monotonic_time ();
  bool all_there = false;
  {
    std::lock_guard lock (mutex_);
    const int media = map.size >= 2 ? media_of_pt_[map.data[1] & 0x7f] : kNone;
    if (media == kRtx)
      stats_.retransmissions++;
    else if (media < 0
        || !stats_.media[static_cast<std::size_t> (media)].add (map.data,
            map.size, now))
      stats_.other_packets++;
    if (!media_told_) {
      all_there =
          (!options_.video || stats_.media[index_of (Media::video)].first_us ())
          && (!options_.audio
              || stats_.media[index_of (Media::audio)].first_us ());
      media_told_ = all_there;
    }
  }
  gst_buffer_unmap (buffer, &map);
  if (all_there)
    post (context_.get (), weak_from_this (), [now] (WebrtcPeer &peer) {
      if (!peer.stopped_ && peer.events_.media)
        peer.events_.media (now);
    });
}

void
WebrtcPeer::count_delivered (guint packets)
{
  std::lock_guard lock (mutex_);
  stats_.delivered += packets;
}

void
WebrtcPeer::ask_for_keyframe ()
{
  auto pad = Ref<GstPad>::adopt (gst_element_get_static_pad (
      sinks_[index_of (Media::video)].get (), "sink"));
  gst_pad_push_event (pad.get (),
      gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM,
          gst_structure_new ("GstForceKeyUnit", "all-headers", G_TYPE_BOOLEAN,
              TRUE, nullptr)));
}

PeerStats
WebrtcPeer::stats () const
{
  std::lock_guard lock (mutex_);
  return stats_;
}

void
WebrtcPeer::stop ()
{
  if (std::exchange (stopped_, true) || !pipeline_)
    return;
  gathering_timeout_.cancel ();
  conns_.clear ();
  // webrtcbin starts elements of its own while it works on a description; one
  // that it starts while the pipeline goes to NULL would run for ever.
  {
    std::unique_lock lock (pending_->mutex);
    if (!pending_->none.wait_for (lock, kPendingTimeout,
            [this] { return pending_->count == 0; }))
      g_warning ("%s: webrtcbin does not reply", options_.name.c_str ());
  }
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
  auto bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  gst_bus_set_sync_handler (bus.get (), nullptr, nullptr, nullptr);
  dtls_.reset ();
  webrtc_.reset ();
  for (auto &sink : sinks_)
    sink.reset ();
  pipeline_.reset ();
}

} // namespace restream::test
