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
#include "plugin/sink/sink-actions.h"
#include "plugin/sink/sink-properties.h"
#include "plugin/sink/sink-signals.h"
#include "plugin/sink/stream-notices.h"
#include "plugin/sink/viewer-stats.h"
#include "plugin/transport/native/native-transport.h"
#include "plugin/transport/webrtcbin/webrtcbin-transport.h"

GST_DEBUG_CATEGORY_STATIC (rtprestreamsink_debug);
#define GST_CAT_DEFAULT rtprestreamsink_debug

using namespace restream;
using namespace restream::sink;

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) video"));
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) audio"));

namespace {

class SignalEmitter final : public EngineObserver
{
public:
  explicit SignalEmitter (GstRtpRestreamSink *element) : element_ (element) {}
  void viewer_added (const std::string &id) override;
  void viewer_state_changed (const std::string &id,
      transport::ViewerState state) override;
  void viewer_removed (const std::string &id,
      const std::string &reason) override;
  void activity_changed () override;

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
  emit_viewer_added (element_, id);
}

void
SignalEmitter::viewer_state_changed (const std::string &id,
    transport::ViewerState state)
{
  GST_INFO_OBJECT (element_, "viewer %s is %s", id.c_str (),
      transport::name_of (state));
  emit_viewer_state_changed (element_, id, transport::name_of (state));
}

void
SignalEmitter::viewer_removed (const std::string &id, const std::string &reason)
{
  GST_INFO_OBJECT (element_, "viewer %s is gone: %s", id.c_str (),
      reason.c_str ());
  emit_viewer_removed (element_, id, reason);
}

void
SignalEmitter::activity_changed ()
{
  g_object_notify (G_OBJECT (element_), "stream-active");
}

Media
media_of (GstRtpRestreamSink *self, GstPad *pad)
{
  return self->impl->inputs[index_of (Media::video)].pad == pad ? Media::video
                                                                : Media::audio;
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

} // namespace

static void
gst_rtp_restream_sink_add_viewer (GstRtpRestreamSink *self, const gchar *offer,
    const GstStructure *options, GstPromise *promise)
{
  add_viewer (engine_of (self), registry_settings_of (self), offer, options,
      promise);
}

static void
gst_rtp_restream_sink_invite_viewer (GstRtpRestreamSink *self,
    const GstStructure *options, GstPromise *promise)
{
  invite_viewer (engine_of (self), registry_settings_of (self), options,
      promise);
}

static void
gst_rtp_restream_sink_answer_viewer (GstRtpRestreamSink *self, const gchar *id,
    const gchar *answer, GstPromise *promise)
{
  answer_viewer (engine_of (self), id, answer, promise);
}

static void
gst_rtp_restream_sink_update_ice (GstRtpRestreamSink *self, const gchar *id,
    const gchar *fragment, GstPromise *promise)
{
  update_ice (engine_of (self), id, fragment, promise);
}

static void
gst_rtp_restream_sink_remove_viewer (GstRtpRestreamSink *self, const gchar *id,
    GstPromise *promise)
{
  remove_viewer (engine_of (self), id, promise);
}

static void
gst_rtp_restream_sink_drain (GstRtpRestreamSink *self, guint64 timeout,
    GstPromise *promise)
{
  drain (engine_of (self), timeout, promise);
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
      Result<WhepSettings> whep = WhepSettings ();
      {
        ObjectLock lock (self);
        port = impl->settings.whep_port;
        address = impl->settings.whep_address;
        whep = whep_settings (impl->settings);
      }
      if (port) {
        if (Result<void> served = whep
                ? engine->serve (address, port, std::move (*whep),
                    [self] { return registry_settings_of (self); })
                : whep.error ();
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
  if (id == PROP_STREAM_ACTIVE) {
    std::shared_ptr<Engine> engine = engine_of (self);
    g_value_set_boolean (value, engine && engine->active ());
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
gst_rtp_restream_sink_class_init (GstRtpRestreamSinkClass *klass)
{
  auto *gobject_class = G_OBJECT_CLASS (klass);
  auto *element_class = GST_ELEMENT_CLASS (klass);

  gobject_class->set_property = gst_rtp_restream_sink_set_property;
  gobject_class->get_property = gst_rtp_restream_sink_get_property;
  gobject_class->finalize = gst_rtp_restream_sink_finalize;
  install_sink_properties (gobject_class);
  install_sink_signals (gobject_class,
      {.add_viewer = G_CALLBACK (gst_rtp_restream_sink_add_viewer),
          .invite_viewer = G_CALLBACK (gst_rtp_restream_sink_invite_viewer),
          .answer_viewer = G_CALLBACK (gst_rtp_restream_sink_answer_viewer),
          .update_ice = G_CALLBACK (gst_rtp_restream_sink_update_ice),
          .remove_viewer = G_CALLBACK (gst_rtp_restream_sink_remove_viewer),
          .drain = G_CALLBACK (gst_rtp_restream_sink_drain)});

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
