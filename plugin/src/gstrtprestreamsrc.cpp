// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-rtprestreamsrc
 * @title: rtprestreamsrc
 * @see_also: rtprestreamsink, udpsrc, webrtcbin
 *
 * Receives the video and the audio that FFmpeg sends as RTP to two adjacent UDP
 * ports of this host: video on #GstRtpRestreamSrc:port (V), audio on V + 1.
 *
 * Both ports are bound by this element alone, between the NULL and the READY
 * state, and stay bound until it is back in NULL. With #GstRtpRestreamSrc:port 0
 * a free pair is found. The pair is told by the readable property `port` (with
 * notification) and by an element message `GstRtpRestreamSrcBound` with the
 * fields
 *
 * * #gchararray `address`
 * * #guint `video-port`
 * * #guint `audio-port`
 *
 * RTCP is taken on both ports beside RTP (RFC 5761) and never leaves a media
 * pad. A sender report goes downstream on the pad of the medium that its SSRC
 * belongs to, as a serialized custom event `rtprestream-sender-report` with the
 * fields
 *
 * * #guint `ssrc`
 * * #guint64 `ntp`: NTP time, 32.32 fixed point
 * * #guint `rtptime`: the same instant in RTP time
 * * #guint64 `running-time`: of its arrival, in nanoseconds
 *
 * Packets that are not from this host are dropped, and those of a second sender
 * while the first is active (#GstRtpRestreamSrc:takeover-time). A change of the
 * sender gives new caps and a buffer with the flag DISCONT; the end of a sender
 * is no end of stream.
 *
 * With #GstRtpRestreamSrc:timeout an element message
 * `GstRtpRestreamSrcTimeout` tells once of each silence, and
 * `GstRtpRestreamSrcResumed` of its end, both with the fields
 *
 * * #guint64 `timeout`: in nanoseconds
 * * #gchararray `media`: `video` or `audio`
 *
 * One thread serves both pads. As behind a demuxer, branches that end in sinks
 * with preroll or synchronisation need a `queue` each.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -v rtprestreamsrc port=5004 name=s \
 *     s.video ! queue ! rtph264depay ! avdec_h264 ! autovideosink \
 *     s.audio ! queue ! rtpopusdepay ! opusdec ! autoaudiosink
 * ]|
 * Plays what this sends:
 * |[
 * ffmpeg -re -f lavfi -i testsrc=size=640x360:rate=30 \
 *     -f lavfi -i sine=frequency=440 \
 *     -map 0 -c:v libx264 -preset ultrafast -tune zerolatency -g 60 \
 *       -pix_fmt yuv420p -f rtp "udp://127.0.0.1:5004?pkt_size=1200" \
 *     -map 1 -c:a libopus -ar 48000 -ac 2 \
 *       -f rtp "udp://127.0.0.1:5005?pkt_size=1200"
 * ]|
 *
 * Since: 0.1
 */

#include "plugin/src/gstrtprestreamsrc.h"

#include "plugin/elements.h"
#include "plugin/src/src-properties.h"
#include "plugin/src/streamer.h"

#include <memory>

GST_DEBUG_CATEGORY (rtprestreamsrc_debug);
#define GST_CAT_DEFAULT rtprestreamsrc_debug

using namespace restream;
using src::PortPair;
using src::SrcSettings;
using src::StreamCaps;
using src::Streamer;

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) video"));
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) audio"));

namespace {

struct Impl
{
  Impl (GstElement *element, const std::array<GstPad *, kMediaCount> &pads)
      : streamer (element, pads, tunables)
  {
  }

  SrcSettings settings;
  Streamer::Tunables tunables;
  // Written in state changes under the object lock, read there without.
  std::unique_ptr<PortPair> ports;
  Streamer streamer;
};

} // namespace

struct _GstRtpRestreamSrc
{
  GstElement parent;
  Impl *impl;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (GstRtpRestreamSrc, gst_rtp_restream_src,
    GST_TYPE_ELEMENT,
    GST_DEBUG_CATEGORY_INIT (rtprestreamsrc_debug, "rtprestreamsrc", 0,
        "RTP receiver for a pair of loopback ports"))
GST_ELEMENT_REGISTER_DEFINE (rtprestreamsrc, "rtprestreamsrc", GST_RANK_NONE,
    GST_TYPE_RTP_RESTREAM_SRC)

static SrcSettings
copy_settings (GstRtpRestreamSrc *self)
{
  GST_OBJECT_LOCK (self);
  SrcSettings settings = self->impl->settings;
  GST_OBJECT_UNLOCK (self);
  return settings;
}

// Posts the error itself.
static bool
make_caps (GstRtpRestreamSrc *self, const SrcSettings &settings,
    std::array<StreamCaps, kMediaCount> &caps)
{
  for (Media m : kAllMedia) {
    auto made = StreamCaps::from (m, settings.caps[index_of (m)].get ());
    if (!made) {
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
          ("%s", made.error ().what.c_str ()), (nullptr));
      return false;
    }
    caps[index_of (m)] = *std::move (made);
  }
  return true;
}

// NULL→READY
static bool
open_ports (GstRtpRestreamSrc *self)
{
  const SrcSettings settings = copy_settings (self);
  std::array<StreamCaps, kMediaCount> caps;
  if (!make_caps (self, settings, caps))
    return false;

  auto opened = PortPair::open (settings.ports);
  if (!opened) {
    const Error &error = opened.error ();
    if (error.code == Code::bad_request)
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
          ("Cannot receive: %s.", error.what.c_str ()), (nullptr));
    else
      GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ,
          ("Cannot receive: %s.", error.what.c_str ()),
          ("wanted port %u and the next one of %s", settings.ports.port,
              settings.ports.address.c_str ()));
    return false;
  }
  auto ports = std::make_unique<PortPair> (*std::move (opened));
  const guint video = ports->port (Media::video);
  const guint audio = ports->port (Media::audio);
  GST_INFO_OBJECT (self,
      "bound %s, video port %u, audio port %u, receive buffers of %d bytes",
      ports->address ().c_str (), video, audio, ports->buffer_bytes ());

  GST_OBJECT_LOCK (self);
  self->impl->ports = std::move (ports);
  GST_OBJECT_UNLOCK (self);
  g_object_notify (G_OBJECT (self), "port");
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self),
          gst_structure_new ("GstRtpRestreamSrcBound", //
              "address", G_TYPE_STRING, settings.ports.address.c_str (), //
              "video-port", G_TYPE_UINT, video, //
              "audio-port", G_TYPE_UINT, audio, nullptr)));
  return true;
}

// READY→NULL
static void
close_ports (GstRtpRestreamSrc *self)
{
  GST_OBJECT_LOCK (self);
  auto ports = std::move (self->impl->ports);
  GST_OBJECT_UNLOCK (self);
  if (!ports)
    return;
  const guint port = ports->port ();
  ports.reset ();
  GST_INFO_OBJECT (self, "released ports %u and %u", port, port + 1);
  g_object_notify (G_OBJECT (self), "port");
}

static bool
prepare (GstRtpRestreamSrc *self)
{
  const SrcSettings settings = copy_settings (self);
  std::array<StreamCaps, kMediaCount> caps;
  if (!make_caps (self, settings, caps))
    return false;
  if (self->impl->streamer.prepare (*self->impl->ports, std::move (caps)))
    return true;
  GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
      ("Cannot start to receive: out of threads or descriptors."), (nullptr));
  return false;
}

static GstStateChangeReturn
gst_rtp_restream_src_change_state (GstElement *element,
    GstStateChange transition)
{
  GstRtpRestreamSrc *self = GST_RTP_RESTREAM_SRC (element);
  Streamer &streamer = self->impl->streamer;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !open_ports (self))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
    streamer.pause ();
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    streamer.request_stop ();

  GstStateChangeReturn ret =
      GST_ELEMENT_CLASS (gst_rtp_restream_src_parent_class)
          ->change_state (element, transition);

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      if (ret == GST_STATE_CHANGE_FAILURE)
        close_ports (self);
      break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (ret == GST_STATE_CHANGE_FAILURE)
        break;
      ret = prepare (self) ? GST_STATE_CHANGE_NO_PREROLL
                           : GST_STATE_CHANGE_FAILURE;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      if (ret != GST_STATE_CHANGE_FAILURE)
        streamer.play ();
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      if (ret != GST_STATE_CHANGE_FAILURE)
        ret = GST_STATE_CHANGE_NO_PREROLL;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      streamer.join (); // the pads are flushing: no push lasts
      break;
    case GST_STATE_CHANGE_READY_TO_NULL:
      close_ports (self);
      break;
    default:
      break;
  }
  return ret;
}

static gboolean
gst_rtp_restream_src_set_clock (GstElement *element, GstClock *clock)
{
  GST_RTP_RESTREAM_SRC (element)->impl->streamer.set_clock (clock);
  return GST_ELEMENT_CLASS (gst_rtp_restream_src_parent_class)
      ->set_clock (element, clock);
}

static gboolean
gst_rtp_restream_src_send_event (GstElement *element, GstEvent *event)
{
  Streamer &streamer = GST_RTP_RESTREAM_SRC (element)->impl->streamer;
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_EOS:
      gst_event_unref (event);
      return streamer.send_eos ();
    case GST_EVENT_FLUSH_START:
    case GST_EVENT_FLUSH_STOP:
      return streamer.send_flush (event);
    default:
      if (gst_event_type_get_flags (GST_EVENT_TYPE (event))
          & GST_EVENT_TYPE_DOWNSTREAM)
        return streamer.send_downstream (event);
      return GST_ELEMENT_CLASS (gst_rtp_restream_src_parent_class)
          ->send_event (element, event);
  }
}

static gboolean
gst_rtp_restream_src_pad_event (GstPad *, GstObject *, GstEvent *event)
{
  // Nothing that a plain RTP sender could be told, a keyframe least of all.
  const bool taken = GST_EVENT_TYPE (event) == GST_EVENT_LATENCY
      || GST_EVENT_TYPE (event) == GST_EVENT_QOS
      || GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE;
  gst_event_unref (event);
  return taken;
}

static gboolean
gst_rtp_restream_src_pad_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstRtpRestreamSrc *self = GST_RTP_RESTREAM_SRC (parent);
  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_LATENCY:
      gst_query_set_latency (query, TRUE, 0, 0);
      return TRUE;
    case GST_QUERY_CAPS: {
      const Media media =
          gst_pad_get_element_private (pad) ? Media::audio : Media::video;
      auto caps = self->impl->streamer.current_caps (media);
      if (!caps)
        caps = copy_settings (self).caps[index_of (media)];
      GstCaps *filter;
      gst_query_parse_caps (query, &filter);
      if (filter)
        caps = Ref<GstCaps>::adopt (gst_caps_intersect_full (filter,
            caps.get (), GST_CAPS_INTERSECT_FIRST));
      gst_query_set_caps_result (query, caps.get ());
      return TRUE;
    }
    default:
      return gst_pad_query_default (pad, parent, query);
  }
}

static void
gst_rtp_restream_src_set_property (GObject *object, guint id,
    const GValue *value, GParamSpec *pspec)
{
  GstRtpRestreamSrc *self = GST_RTP_RESTREAM_SRC (object);
  Impl &impl = *self->impl;
  switch (id) {
    case src::PROP_TIMEOUT:
      impl.tunables.timeout_ns = g_value_get_uint64 (value);
      impl.streamer.wake ();
      return;
    case src::PROP_TAKEOVER_TIME:
      impl.tunables.takeover_us = std::int64_t{g_value_get_uint (value)} * 1000;
      return;
    default:
      break;
  }
  GST_OBJECT_LOCK (self);
  const bool known = src::set_src_property (impl.settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static GstStructure *
create_stats (GstRtpRestreamSrc *self)
{
  GstStructure *stats = gst_structure_new_empty ("rtprestreamsrc-stats");
  self->impl->streamer.add_stats (stats);
  GST_OBJECT_LOCK (self);
  const int buffer = self->impl->ports ? self->impl->ports->buffer_bytes () : 0;
  GST_OBJECT_UNLOCK (self);
  gst_structure_set (stats, "buffer-size", G_TYPE_UINT,
      static_cast<guint> (buffer), nullptr);
  return stats;
}

static void
gst_rtp_restream_src_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  GstRtpRestreamSrc *self = GST_RTP_RESTREAM_SRC (object);
  Impl &impl = *self->impl;
  switch (id) {
    case src::PROP_TIMEOUT:
      g_value_set_uint64 (value, impl.tunables.timeout_ns);
      return;
    case src::PROP_TAKEOVER_TIME:
      g_value_set_uint (value,
          static_cast<guint> (impl.tunables.takeover_us / 1000));
      return;
    case src::PROP_STATS:
      g_value_take_boxed (value, create_stats (self));
      return;
    default:
      break;
  }
  GST_OBJECT_LOCK (self);
  const bool known = src::get_src_property (impl.settings, id, value);
  if (id == src::PROP_PORT && impl.ports)
    g_value_set_uint (value, impl.ports->port ());
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_rtp_restream_src_finalize (GObject *object)
{
  delete GST_RTP_RESTREAM_SRC (object)->impl;
  G_OBJECT_CLASS (gst_rtp_restream_src_parent_class)->finalize (object);
}

static void
expect_sender (GstElement *element)
{
  GST_RTP_RESTREAM_SRC (element)->impl->streamer.expect_sender ();
}

static void
install_signals (GObjectClass *object_class)
{
  /**
   * GstRtpRestreamSrc::expect-sender:
   * @object: the #GstRtpRestreamSrc
   *
   * Tells that the program that sends has ended, so that the next one is let in at once and not after
   * #GstRtpRestreamSrc:takeover-time. Any thread.
   *
   * Since: 0.1
   */
  g_signal_new_class_handler ("expect-sender", G_TYPE_FROM_CLASS (object_class),
      static_cast<GSignalFlags> (G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
      G_CALLBACK (expect_sender), nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
}

static void
gst_rtp_restream_src_class_init (GstRtpRestreamSrcClass *klass)
{
  auto *object_class = G_OBJECT_CLASS (klass);
  auto *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = gst_rtp_restream_src_set_property;
  object_class->get_property = gst_rtp_restream_src_get_property;
  object_class->finalize = gst_rtp_restream_src_finalize;
  src::install_src_properties (object_class);
  install_signals (object_class);

  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_rtp_restream_src_change_state);
  element_class->set_clock = GST_DEBUG_FUNCPTR (gst_rtp_restream_src_set_clock);
  element_class->send_event =
      GST_DEBUG_FUNCPTR (gst_rtp_restream_src_send_event);
  gst_element_class_add_static_pad_template (element_class, &video_template);
  gst_element_class_add_static_pad_template (element_class, &audio_template);
  gst_element_class_set_static_metadata (element_class,
      "RTP receiver for restreaming", "Source/Network",
      "Receives FFmpeg's video and audio RTP on a pair of loopback ports",
      "The rtprestream authors");
}

static GstPad *
add_pad (GstRtpRestreamSrc *self, GstStaticPadTemplate *pad_template, Media m)
{
  GstPad *pad = gst_pad_new_from_static_template (pad_template, name_of (m));
  gst_pad_set_element_private (pad, GSIZE_TO_POINTER (index_of (m)));
  gst_pad_set_event_function (pad,
      GST_DEBUG_FUNCPTR (gst_rtp_restream_src_pad_event));
  gst_pad_set_query_function (pad,
      GST_DEBUG_FUNCPTR (gst_rtp_restream_src_pad_query));
  gst_pad_use_fixed_caps (pad);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  return pad;
}

static void
gst_rtp_restream_src_init (GstRtpRestreamSrc *self)
{
  GstPad *video = add_pad (self, &video_template, Media::video);
  GstPad *audio = add_pad (self, &audio_template, Media::audio);
  self->impl = new Impl (GST_ELEMENT (self), {video, audio});
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SOURCE);
}
