// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-rtprestreamsink
 * @title: rtprestreamsink
 * @short_description: serves one RTP stream to any number of WebRTC viewers
 *
 * Takes one stream of RTP, video and audio as they come from #rtprestreamsrc, and
 * sends it to many viewers without decoding or encoding. Viewers join with
 * the #GstRtpRestreamSink::add-viewer action signal, or by WHEP over HTTP when
 * #GstRtpRestreamSink:whep-port is set; that port also serves a page that plays.
 *
 * A viewer starts with the next keyframe. A slow viewer loses packets, counted in
 * #GstRtpRestreamSink:stats; no viewer ever holds up the stream or another viewer. The stream may
 * stop and start again: viewers stay, with continuous sequence numbers and timestamps.
 *
 * All action signals are asynchronous: they reply through the #GstPromise that they are
 * given. The other signals are emitted on a thread of the element's own; their
 * handlers must return soon and must not change the element's state.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 rtprestreamsrc port=5004 name=s rtprestreamsink whep-port=8080 name=k s.video ! k.video s.audio ! k.audio
 * ]|
 * Then `http://localhost:8080/` plays what FFmpeg sends:
 * |[
 * ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine -map 0:v -c:v libx264 -tune zerolatency -profile:v baseline -g 60 -payload_type 102 -f rtp 'udp://127.0.0.1:5004?pkt_size=1200' -map 1:a -c:a libopus -payload_type 111 -f rtp 'udp://127.0.0.1:5005?pkt_size=1200'
 * ]|
 *
 * Since: 0.1
 */

#include "plugin/sink/gstrtprestreamsink.h"

#include "plugin/elements.h"
#include "plugin/sink/engine.h"
#include "plugin/sink/sink-properties.h"
#include "plugin/sink/stream-notices.h"
#include "plugin/sink/viewer-stats.h"
#include "plugin/transport/native/native-transport.h"
#include "plugin/transport/webrtcbin/webrtcbin-transport.h"

GST_DEBUG_CATEGORY_STATIC (rtprestreamsink_debug);
#define GST_CAT_DEFAULT rtprestreamsink_debug

using namespace restream;
using namespace restream::sink;

enum
{
  SIGNAL_ADD_VIEWER,
  SIGNAL_REMOVE_VIEWER,
  SIGNAL_DRAIN,
  SIGNAL_VIEWER_ADDED,
  SIGNAL_VIEWER_STATE_CHANGED,
  SIGNAL_VIEWER_REMOVED,
  LAST_SIGNAL
};

static guint signals[LAST_SIGNAL];

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) video"));
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) audio"));

namespace {

class SignalEmitter final : public RegistryObserver
{
public:
  explicit SignalEmitter (GstRtpRestreamSink *element) : element_ (element) {}
  void viewer_added (const std::string &id) override;
  void viewer_state_changed (const std::string &id,
      transport::ViewerState state) override;
  void viewer_removed (const std::string &id,
      const std::string &reason) override;

private:
  GstRtpRestreamSink *element_;
};

struct Input
{
  GstPad *pad = nullptr; // the element's own
  GstSegment segment; // stream lock of the pad
  bool eos = false; // object lock
};

struct Impl
{
  explicit Impl (GstRtpRestreamSink *element)
      : emitter (element), notices (GST_ELEMENT (element))
  {
  }

  SinkSettings settings; // object lock
  SignalEmitter emitter;
  StreamNotices notices;
  std::array<Input, kMediaCount> inputs;
  // Changed in state changes only, when no pad is active; the lock is for the
  // properties and action signals of other threads.
  std::shared_ptr<Engine> engine;
};

} // namespace

struct _GstRtpRestreamSink
{
  GstElement parent;
  Impl *impl;
};

#define gst_rtp_restream_sink_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstRtpRestreamSink, gst_rtp_restream_sink,
    GST_TYPE_ELEMENT,
    GST_DEBUG_CATEGORY_INIT (rtprestreamsink_debug, "rtprestreamsink", 0,
        "RTP to many WebRTC viewers"));
GST_ELEMENT_REGISTER_DEFINE (rtprestreamsink, "rtprestreamsink", GST_RANK_NONE,
    GST_TYPE_RTP_RESTREAM_SINK)

namespace {

class ObjectLock
{
public:
  explicit ObjectLock (gpointer object) : object_ (object)
  {
    GST_OBJECT_LOCK (object_);
  }
  ~ObjectLock () { GST_OBJECT_UNLOCK (object_); }
  ObjectLock (const ObjectLock &) = delete;
  ObjectLock &operator= (const ObjectLock &) = delete;

private:
  gpointer object_;
};

std::shared_ptr<Engine>
engine_of (GstRtpRestreamSink *self)
{
  ObjectLock lock (self);
  return self->impl->engine;
}

RegistrySettings
registry_settings_of (GstRtpRestreamSink *self)
{
  ObjectLock lock (self);
  return self->impl->settings.registry;
}

// Thread: the engine's control thread.
void
SignalEmitter::viewer_added (const std::string &id)
{
  GST_INFO_OBJECT (element_, "viewer %s joins", id.c_str ());
  g_signal_emit (element_, signals[SIGNAL_VIEWER_ADDED], 0, id.c_str ());
}

void
SignalEmitter::viewer_state_changed (const std::string &id,
    transport::ViewerState state)
{
  GST_INFO_OBJECT (element_, "viewer %s is %s", id.c_str (),
      transport::name_of (state));
  g_signal_emit (element_, signals[SIGNAL_VIEWER_STATE_CHANGED], 0, id.c_str (),
      transport::name_of (state));
}

void
SignalEmitter::viewer_removed (const std::string &id, const std::string &reason)
{
  GST_INFO_OBJECT (element_, "viewer %s is gone: %s", id.c_str (),
      reason.c_str ());
  g_signal_emit (element_, signals[SIGNAL_VIEWER_REMOVED], 0, id.c_str (),
      reason.c_str ());
}

Media
media_of (GstRtpRestreamSink *self, GstPad *pad)
{
  return self->impl->inputs[index_of (Media::video)].pad == pad ? Media::video
                                                                : Media::audio;
}

GstStructure *
error_reply (const Error &error)
{
  return gst_structure_new ("rtprestream-error", "status", G_TYPE_UINT,
      http_status (error.code), "message", G_TYPE_STRING, error.what.c_str (),
      "retry-after", G_TYPE_UINT, error.retry_after_s, nullptr);
}

void
reply (const Ref<GstPromise> &promise, GstStructure *structure)
{
  if (promise)
    gst_promise_reply (promise.get (), structure);
  else
    gst_structure_free (structure);
}

Result<std::unique_ptr<transport::Transport>>
make_transport (GstRtpRestreamSink *self)
{
  int kind;
  unsigned port, threads;
  transport::InstantStart start;
  {
    ObjectLock lock (self);
    kind = self->impl->settings.transport;
    port = self->impl->settings.udp_port;
    threads = self->impl->settings.io_threads;
    start = self->impl->settings.start;
  }
  if (kind == GST_RTP_RESTREAM_SINK_TRANSPORT_NATIVE)
    return transport::native::NativeTransport::create (
        static_cast<std::uint16_t> (port), threads, start);
  return std::unique_ptr<transport::Transport> (
      new transport::WebrtcbinTransport (start));
}

const Error kNotRunning = {Code::conflict, "the sink is not running"};

} // namespace

static void
gst_rtp_restream_sink_add_viewer (GstRtpRestreamSink *self, const gchar *offer,
    const GstStructure *options, GstPromise *promise)
{
  auto kept = Ref<GstPromise>::retain (promise);
  std::shared_ptr<Engine> engine = engine_of (self);
  if (!engine)
    return reply (kept, error_reply (kNotRunning));
  gboolean loopback = FALSE;
  if (options)
    gst_structure_get_boolean (options, "loopback", &loopback);
  engine->post (
      [raw = engine.get (), kept, offer = std::string (offer ? offer : ""),
          loopback, settings = registry_settings_of (self)] {
        raw->registry ().add (offer, loopback, settings,
            [kept] (Result<AddedViewer> added) {
              if (added)
                reply (kept,
                    gst_structure_new ("rtprestream-viewer", "viewer-id",
                        G_TYPE_STRING, added->id.c_str (), "answer",
                        G_TYPE_STRING, added->answer.c_str (), nullptr));
              else
                reply (kept, error_reply (added.error ()));
            });
      });
}

static void
gst_rtp_restream_sink_remove_viewer (GstRtpRestreamSink *self, const gchar *id,
    GstPromise *promise)
{
  auto kept = Ref<GstPromise>::retain (promise);
  std::shared_ptr<Engine> engine = engine_of (self);
  if (!engine)
    return reply (kept, error_reply (kNotRunning));
  engine->post ([raw = engine.get (), kept, id = std::string (id ? id : "")] {
    if (raw->registry ().remove (id, "removed"))
      reply (kept, gst_structure_new_empty ("rtprestream-removed"));
    else
      reply (kept, error_reply ({Code::not_found, "no such viewer"}));
  });
}

static void
gst_rtp_restream_sink_drain (GstRtpRestreamSink *self, guint64 timeout,
    GstPromise *promise)
{
  auto kept = Ref<GstPromise>::retain (promise);
  std::shared_ptr<Engine> engine = engine_of (self);
  if (!engine)
    return reply (kept, gst_structure_new_empty ("rtprestream-drained"));
  engine->post ([raw = engine.get (), kept, timeout] {
    raw->registry ().drain (
        static_cast<unsigned> (MIN (timeout / GST_MSECOND, 60000)), [kept] {
          reply (kept, gst_structure_new_empty ("rtprestream-drained"));
        });
  });
}

static GstFlowReturn
gst_rtp_restream_sink_chain_list (GstPad *pad, GstObject *parent,
    GstBufferList *list)
{
  auto *self = GST_RTP_RESTREAM_SINK (parent);
  Media media = media_of (self, pad);
  Input &input = self->impl->inputs[index_of (media)];
  auto owned = Ref<GstBufferList>::adopt (list);
  if (gst_buffer_list_length (list) == 0)
    return GST_FLOW_OK;

  GstClockTime arrival = GST_CLOCK_TIME_NONE;
  GstBuffer *first = gst_buffer_list_get (list, 0);
  if (input.segment.format == GST_FORMAT_TIME
      && GST_BUFFER_PTS_IS_VALID (first))
    arrival = gst_segment_to_running_time (&input.segment, GST_FORMAT_TIME,
        GST_BUFFER_PTS (first));
  if (!GST_CLOCK_TIME_IS_VALID (arrival))
    arrival = gst_element_get_current_running_time (GST_ELEMENT (self));
  if (!GST_CLOCK_TIME_IS_VALID (arrival))
    arrival = 0;
  // The engine lives as long as the pads are active.
  self->impl->engine->hub ().push (media, std::move (owned), arrival);
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_rtp_restream_sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstBufferList *list = gst_buffer_list_new_sized (1);
  gst_buffer_list_add (list, buffer);
  return gst_rtp_restream_sink_chain_list (pad, parent, list);
}

// All that is linked has ended: say goodbye to the viewers, then tell the pipeline.
static void
gst_rtp_restream_sink_end (GstRtpRestreamSink *self, guint32 seqnum)
{
  GstClockTime timeout;
  {
    ObjectLock lock (self);
    timeout = self->impl->settings.drain_timeout;
  }
  std::shared_ptr<Engine> engine = engine_of (self);
  auto kept = Ref<GstElement>::retain (GST_ELEMENT (self));
  engine->post ([raw = engine.get (), kept, timeout, seqnum] {
    raw->registry ().drain (
        static_cast<unsigned> (MIN (timeout / GST_MSECOND, 60000)),
        [kept, seqnum] {
          GstMessage *message = gst_message_new_eos (GST_OBJECT (kept.get ()));
          gst_message_set_seqnum (message, seqnum);
          gst_element_post_message (kept.get (), message);
        });
  });
}

// Those of rtprestreamsrc; others' events are not for us.
static void
handle_sender_report (Hub &hub, Media media, const GstStructure *report)
{
  guint ssrc, rtp_time;
  guint64 ntp;
  if (report && gst_structure_has_name (report, "rtprestream-sender-report")
      && gst_structure_get (report, "ssrc", G_TYPE_UINT, &ssrc, "ntp",
          G_TYPE_UINT64, &ntp, "rtptime", G_TYPE_UINT, &rtp_time, nullptr))
    hub.report (media, ssrc, ntp, rtp_time);
}

static gboolean
gst_rtp_restream_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  auto *self = GST_RTP_RESTREAM_SINK (parent);
  Media media = media_of (self, pad);
  Input &input = self->impl->inputs[index_of (media)];
  gboolean ok = TRUE;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS: {
      GstCaps *caps;
      gst_event_parse_caps (event, &caps);
      ok = self->impl->engine->hub ().set_caps (media, caps);
      if (!ok)
        GST_WARNING_OBJECT (pad,
            "caps are no RTP of this medium: %" GST_PTR_FORMAT, caps);
      break;
    }
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment (event, &input.segment);
      break;
    case GST_EVENT_STREAM_START: {
      ObjectLock lock (self);
      input.eos = false;
      break;
    }
    case GST_EVENT_FLUSH_STOP: {
      gst_segment_init (&input.segment, GST_FORMAT_UNDEFINED);
      ObjectLock lock (self);
      input.eos = false;
      break;
    }
    case GST_EVENT_EOS: {
      std::array<bool, kMediaCount> linked;
      for (Media m : kAllMedia)
        linked[index_of (m)] =
            gst_pad_is_linked (self->impl->inputs[index_of (m)].pad);
      bool all = true;
      {
        // Marked and judged at once: the two media may end on two threads.
        ObjectLock lock (self);
        input.eos = true;
        for (Media m : kAllMedia)
          all &= self->impl->inputs[index_of (m)].eos || !linked[index_of (m)];
      }
      if (all)
        gst_rtp_restream_sink_end (self, gst_event_get_seqnum (event));
      break;
    }
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      handle_sender_report (self->impl->engine->hub (), media,
          gst_event_get_structure (event));
      break;
    default:
      break;
  }
  gst_event_unref (event);
  return ok;
}

// Here and not in change_state, before the state lock is taken: a thread that
// has it may be waiting for the very handler.
static GstStateChangeReturn
gst_rtp_restream_sink_set_state (GstElement *element, GstState state)
{
  auto *self = GST_RTP_RESTREAM_SINK (element);
  if (std::shared_ptr<Engine> engine = engine_of (self);
      engine && engine->on_control_thread ()) {
    GST_ELEMENT_ERROR (self, CORE, STATE_CHANGE,
        ("The state cannot be changed in a handler of the element's signals."),
        (nullptr));
    return GST_STATE_CHANGE_FAILURE;
  }
  return GST_ELEMENT_CLASS (parent_class)->set_state (element, state);
}

static GstStateChangeReturn
gst_rtp_restream_sink_change_state (GstElement *element,
    GstStateChange transition)
{
  auto *self = GST_RTP_RESTREAM_SINK (element);
  Impl *impl = self->impl;

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY: {
      auto transport = make_transport (self);
      if (!transport) {
        GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ_WRITE,
            ("%s", transport.error ().what.c_str ()), (nullptr));
        return GST_STATE_CHANGE_FAILURE;
      }
      auto engine = std::make_shared<Engine> (impl->emitter, impl->notices,
          std::move (*transport));
      engine->hub ().set_is_linked ([impl] (Media media) {
        return gst_pad_is_linked (impl->inputs[index_of (media)].pad);
      });
      unsigned port;
      std::string address;
      {
        ObjectLock lock (self);
        port = impl->settings.whep_port;
        address = impl->settings.whep_address;
      }
      if (port) {
        if (Result<void> served = engine->serve (address, port,
                [self] { return registry_settings_of (self); });
            !served) {
          GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ_WRITE,
              ("%s", served.error ().what.c_str ()), (nullptr));
          return GST_STATE_CHANGE_FAILURE;
        }
        GST_INFO_OBJECT (self, "WHEP at http://%s:%u/whep", address.c_str (),
            port);
      }
      ObjectLock lock (self);
      impl->engine = std::move (engine);
      break;
    }
    case GST_STATE_CHANGE_READY_TO_PAUSED: {
      for (Input &input : impl->inputs) {
        gst_segment_init (&input.segment, GST_FORMAT_UNDEFINED);
        ObjectLock lock (self);
        input.eos = false;
      }
      impl->engine->run ([impl] { impl->engine->registry ().open (); });
      break;
    }
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING: {
      auto clock = Ref<GstClock>::adopt (gst_element_get_clock (element));
      GstClockTime base_time = gst_element_get_base_time (element);
      if (!clock) // not in a pipeline: then the system's, as a pipeline would choose
        clock = Ref<GstClock>::adopt (gst_system_clock_obtain ());
      impl->engine->run (
          [&] { impl->engine->registry ().set_clock (clock, base_time); });
      break;
    }
    default:
      break;
  }

  GstStateChangeReturn ret =
      GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (ret == GST_STATE_CHANGE_FAILURE)
    return ret;

  switch (transition) {
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      // The pads are inactive: nobody pushes any more.
      impl->engine->run ([impl] {
        impl->engine->registry ().close_all ("the stream was stopped");
      });
      impl->engine->registry ().wait_torn_down ();
      break;
    case GST_STATE_CHANGE_READY_TO_NULL: {
      std::shared_ptr<Engine> engine;
      {
        ObjectLock lock (self);
        engine = std::move (impl->engine);
        impl->engine = nullptr;
      }
      break;
    }
    default:
      break;
  }
  return ret;
}

static void
gst_rtp_restream_sink_set_property (GObject *object, guint id,
    const GValue *value, GParamSpec *pspec)
{
  ObjectLock lock (object);
  if (!set_sink_property (GST_RTP_RESTREAM_SINK (object)->impl->settings, id,
          value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_rtp_restream_sink_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  auto *self = GST_RTP_RESTREAM_SINK (object);
  if (id == PROP_STATS) {
    if (std::shared_ptr<Engine> engine = engine_of (self))
      g_value_take_boxed (value,
          make_stats (engine->hub (), *engine->registry ().snapshot ())
              .release ());
    return;
  }
  ObjectLock lock (self);
  if (!get_sink_property (self->impl->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_rtp_restream_sink_finalize (GObject *object)
{
  delete GST_RTP_RESTREAM_SINK (object)->impl;
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_signals (GObjectClass *gobject_class)
{
  GType type = G_TYPE_FROM_CLASS (gobject_class);
  const auto action =
      static_cast<GSignalFlags> (G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);

  /**
   * GstRtpRestreamSink::add-viewer:
   * @object: the #GstRtpRestreamSink
   * @offer: the viewer's SDP offer
   * @options: (nullable): `loopback` (boolean): offer loopback candidates too
   * @promise: replies `rtprestream-viewer` with `viewer-id` and `answer` (strings), or
   *   `rtprestream-error` with `status` (uint, as of HTTP: 400 a bad offer, 406 no common codec, 409 no stream (yet), 413 too
   *   large, 503 too many viewers, 504 no answer in time, …), `message` (string) and `retry-after` (uint, seconds; 0 = no advice)
   *
   * Adds a viewer. The offer must be complete; the answer has all candidates.
   *
   * Since: 0.1
   */
  signals[SIGNAL_ADD_VIEWER] = g_signal_new_class_handler ("add-viewer", type,
      action, G_CALLBACK (gst_rtp_restream_sink_add_viewer), nullptr, nullptr,
      nullptr, G_TYPE_NONE, 3, G_TYPE_STRING, GST_TYPE_STRUCTURE,
      GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::remove-viewer:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: from #GstRtpRestreamSink::add-viewer
   * @promise: (nullable): replies `rtprestream-removed`, or `rtprestream-error` with status 404
   *
   * Closes a viewer's connection at once.
   *
   * Since: 0.1
   */
  signals[SIGNAL_REMOVE_VIEWER] = g_signal_new_class_handler ("remove-viewer",
      type, action, G_CALLBACK (gst_rtp_restream_sink_remove_viewer), nullptr,
      nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::drain:
   * @object: the #GstRtpRestreamSink
   * @timeout: bound in nanoseconds, 60 s at most
   * @promise: (nullable): replies `rtprestream-drained` when the last viewer is gone
   *
   * Refuses new viewers (409), sends each viewer what is queued, an RTCP BYE and the DTLS
   * close_notify, and closes it. New viewers are welcome again after READY.
   *
   * Since: 0.1
   */
  signals[SIGNAL_DRAIN] = g_signal_new_class_handler ("drain", type, action,
      G_CALLBACK (gst_rtp_restream_sink_drain), nullptr, nullptr, nullptr,
      G_TYPE_NONE, 2, G_TYPE_UINT64, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::viewer-added:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the new viewer
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_ADDED] =
      g_signal_new ("viewer-added", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 1, G_TYPE_STRING);
  /**
   * GstRtpRestreamSink::viewer-state-changed:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the viewer
   * @state: `connecting`, `connected` or `disconnected` (which may be connected again)
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_STATE_CHANGED] =
      g_signal_new ("viewer-state-changed", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  /**
   * GstRtpRestreamSink::viewer-removed:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the viewer
   * @reason: why, for people
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_REMOVED] =
      g_signal_new ("viewer-removed", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
gst_rtp_restream_sink_class_init (GstRtpRestreamSinkClass *klass)
{
  auto *gobject_class = G_OBJECT_CLASS (klass);
  auto *element_class = GST_ELEMENT_CLASS (klass);

  gobject_class->set_property = gst_rtp_restream_sink_set_property;
  gobject_class->get_property = gst_rtp_restream_sink_get_property;
  gobject_class->finalize = gst_rtp_restream_sink_finalize;
  install_sink_properties (gobject_class);
  install_signals (gobject_class);

  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_set_static_metadata (element_class, "RTP restream sink",
      "Sink/Network",
      "Serves one RTP stream to any number of WebRTC viewers (WHEP)",
      "The rtprestream authors");
  element_class->set_state =
      GST_DEBUG_FUNCPTR (gst_rtp_restream_sink_set_state);
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_rtp_restream_sink_change_state);
  gst_type_mark_as_plugin_api (GST_TYPE_RTP_RESTREAM_SINK_TRANSPORT,
      static_cast<GstPluginAPIFlags> (0));
}

static void
gst_rtp_restream_sink_init (GstRtpRestreamSink *self)
{
  self->impl = new Impl (self);
  GstStaticPadTemplate *templates[] = {&video_template, &audio_template};
  for (Media media : kAllMedia) {
    GstPad *pad = gst_pad_new_from_static_template (templates[index_of (media)],
        name_of (media));
    gst_pad_set_chain_function (pad,
        GST_DEBUG_FUNCPTR (gst_rtp_restream_sink_chain));
    gst_pad_set_chain_list_function (pad,
        GST_DEBUG_FUNCPTR (gst_rtp_restream_sink_chain_list));
    gst_pad_set_event_function (pad,
        GST_DEBUG_FUNCPTR (gst_rtp_restream_sink_event));
    self->impl->inputs[index_of (media)].pad = pad;
    gst_segment_init (&self->impl->inputs[index_of (media)].segment,
        GST_FORMAT_UNDEFINED);
    gst_element_add_pad (GST_ELEMENT (self), pad);
  }
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SINK);
}
