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
#include "plugin/src/streamer.h"

#include <memory>

GST_DEBUG_CATEGORY (rtprestreamsrc_debug);
#define GST_CAT_DEFAULT rtprestreamsrc_debug

using namespace restream;
using src::PortPair;
using src::StreamCaps;
using src::Streamer;

#define DEFAULT_PORT 0
#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_BUFFER_SIZE 0
#define DEFAULT_TIMEOUT G_GUINT64_CONSTANT (0)
#define DEFAULT_TAKEOVER_TIME 500

enum
{
  PROP_0,
  PROP_PORT,
  PROP_ADDRESS,
  PROP_VIDEO_CAPS,
  PROP_AUDIO_CAPS,
  PROP_BUFFER_SIZE,
  PROP_TIMEOUT,
  PROP_TAKEOVER_TIME,
  PROP_STATS,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate video_template =
    GST_STATIC_PAD_TEMPLATE ("video", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) video"));
static GstStaticPadTemplate audio_template =
    GST_STATIC_PAD_TEMPLATE ("audio", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("application/x-rtp, media = (string) audio"));

namespace {

Ref<GstCaps>
default_caps (Media media)
{
  return Ref<GstCaps>::adopt (
      gst_caps_from_string (StreamCaps::default_caps (media)));
}

// As the application set them. Under the object lock.
struct Settings
{
  PortPair::Options ports{.address = DEFAULT_ADDRESS,
      .port = DEFAULT_PORT,
      .buffer_bytes = DEFAULT_BUFFER_SIZE};
  guint takeover_ms = DEFAULT_TAKEOVER_TIME;
  std::array<Ref<GstCaps>, kMediaCount> caps{default_caps (Media::video),
      default_caps (Media::audio)};
};

struct Impl
{
  Impl (GstElement *element, const std::array<GstPad *, kMediaCount> &pads)
      : streamer (element, pads, tunables)
  {
  }

  Settings settings;
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

static Settings
copy_settings (GstRtpRestreamSrc *self)
{
  GST_OBJECT_LOCK (self);
  Settings settings = self->impl->settings;
  GST_OBJECT_UNLOCK (self);
  return settings;
}

// Posts the error itself.
static bool
make_caps (GstRtpRestreamSrc *self, const Settings &settings,
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
  const Settings settings = copy_settings (self);
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PORT]);
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PORT]);
}

static bool
prepare (GstRtpRestreamSrc *self)
{
  const Settings settings = copy_settings (self);
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
set_caps (GstRtpRestreamSrc *self, Media media, const GValue *value)
{
  const auto *caps = static_cast<GstCaps *> (g_value_get_boxed (value));
  auto copy =
      caps ? Ref<GstCaps>::adopt (gst_caps_copy (caps)) : default_caps (media);
  GST_OBJECT_LOCK (self);
  std::swap (self->impl->settings.caps[index_of (media)], copy);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_rtp_restream_src_set_property (GObject *object, guint id,
    const GValue *value, GParamSpec *pspec)
{
  GstRtpRestreamSrc *self = GST_RTP_RESTREAM_SRC (object);
  Impl &impl = *self->impl;
  switch (id) {
    case PROP_PORT:
      GST_OBJECT_LOCK (self);
      impl.settings.ports.port =
          static_cast<std::uint16_t> (g_value_get_uint (value));
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_ADDRESS: {
      const char *address = g_value_get_string (value);
      std::string copy = address ? address : DEFAULT_ADDRESS;
      GST_OBJECT_LOCK (self);
      impl.settings.ports.address.swap (copy);
      GST_OBJECT_UNLOCK (self);
      break;
    }
    case PROP_VIDEO_CAPS:
      set_caps (self, Media::video, value);
      break;
    case PROP_AUDIO_CAPS:
      set_caps (self, Media::audio, value);
      break;
    case PROP_BUFFER_SIZE:
      GST_OBJECT_LOCK (self);
      impl.settings.ports.buffer_bytes =
          static_cast<int> (g_value_get_uint (value));
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_TIMEOUT:
      impl.tunables.timeout_ns = g_value_get_uint64 (value);
      impl.streamer.wake ();
      break;
    case PROP_TAKEOVER_TIME:
      impl.tunables.takeover_us = std::int64_t{g_value_get_uint (value)} * 1000;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
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
    case PROP_PORT:
      GST_OBJECT_LOCK (self);
      g_value_set_uint (value,
          impl.ports ? impl.ports->port () : impl.settings.ports.port);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_ADDRESS:
      g_value_set_string (value, copy_settings (self).ports.address.c_str ());
      break;
    case PROP_VIDEO_CAPS:
    case PROP_AUDIO_CAPS: {
      const Media media = id == PROP_VIDEO_CAPS ? Media::video : Media::audio;
      g_value_set_boxed (value,
          copy_settings (self).caps[index_of (media)].get ());
      break;
    }
    case PROP_BUFFER_SIZE:
      g_value_set_uint (value,
          static_cast<guint> (copy_settings (self).ports.buffer_bytes));
      break;
    case PROP_TIMEOUT:
      g_value_set_uint64 (value, impl.tunables.timeout_ns);
      break;
    case PROP_TAKEOVER_TIME:
      g_value_set_uint (value,
          static_cast<guint> (impl.tunables.takeover_us / 1000));
      break;
    case PROP_STATS:
      g_value_take_boxed (value, create_stats (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static void
gst_rtp_restream_src_finalize (GObject *object)
{
  delete GST_RTP_RESTREAM_SRC (object)->impl;
  G_OBJECT_CLASS (gst_rtp_restream_src_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  const auto ready = static_cast<GParamFlags> (
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto playing = static_cast<GParamFlags> (
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstRtpRestreamSrc:port:
   *
   * The video's UDP port V; the audio's is V + 1, so V = 65535 is refused. With
   * 0 a free pair is found. Reads as the real one while bound (READY and above).
   * A change takes effect with the next change from NULL to READY.
   *
   * Since: 0.1
   */
  properties[PROP_PORT] = g_param_spec_uint ("port", "Port",
      "UDP port of the video, at most 65534; the audio's is the next one "
      "(0 = find a free pair; reads as the real one once bound)",
      0, 65535, DEFAULT_PORT, ready);
  /**
   * GstRtpRestreamSrc:address:
   *
   * The numeric loopback address to bind, IPv4 or IPv6. Any other address is
   * refused in the change from NULL to READY.
   *
   * Since: 0.1
   */
  properties[PROP_ADDRESS] = g_param_spec_string ("address", "Address",
      "Numeric loopback address to receive on, such as 127.0.0.1 or ::1",
      DEFAULT_ADDRESS, ready);
  /**
   * GstRtpRestreamSrc:video-caps:
   *
   * What is known of the video beforehand: at least encoding-name and
   * clock-rate. Without a payload type the sender's first packet sets it; with
   * one, others are dropped. Missing fields are completed from the stream.
   *
   * Since: 0.1
   */
  properties[PROP_VIDEO_CAPS] = g_param_spec_boxed ("video-caps", "Video caps",
      "Caps of the video's RTP stream; what they leave out is learnt from it "
      "(NULL = H264 with a clock rate of 90000 Hz)",
      GST_TYPE_CAPS, ready);
  /**
   * GstRtpRestreamSrc:audio-caps:
   *
   * The same for the audio.
   *
   * Since: 0.1
   */
  properties[PROP_AUDIO_CAPS] = g_param_spec_boxed ("audio-caps", "Audio caps",
      "Caps of the audio's RTP stream; what they leave out is learnt from it "
      "(NULL = OPUS with a clock rate of 48000 Hz and two channels)",
      GST_TYPE_CAPS, ready);
  /**
   * GstRtpRestreamSrc:buffer-size:
   *
   * The kernel's receive buffer of each port. Without CAP_NET_ADMIN the kernel
   * grants at most net.core.rmem_max; the field buffer-size of
   * #GstRtpRestreamSrc:stats tells what was granted.
   *
   * Since: 0.1
   */
  properties[PROP_BUFFER_SIZE] =
      g_param_spec_uint ("buffer-size", "Buffer size",
          "Kernel receive buffer of each port in bytes, as far as the system "
          "allows (0 = 8 MiB)",
          0, G_MAXINT / 2, DEFAULT_BUFFER_SIZE, ready);
  /**
   * GstRtpRestreamSrc:timeout:
   *
   * Post an element message `GstRtpRestreamSrcTimeout` when a medium is silent
   * for this time, and `GstRtpRestreamSrcResumed` when it comes back.
   *
   * Since: 0.1
   */
  properties[PROP_TIMEOUT] = g_param_spec_uint64 ("timeout", "Timeout",
      "Silence of a medium in nanoseconds after which a message is posted "
      "(0 = never)",
      0, G_MAXINT64, DEFAULT_TIMEOUT, playing);
  /**
   * GstRtpRestreamSrc:takeover-time:
   *
   * How long a sender must have been silent before packets of another SSRC are
   * taken in its place. An RTCP BYE of the sender makes the wait unnecessary.
   *
   * Since: 0.1
   */
  properties[PROP_TAKEOVER_TIME] = g_param_spec_uint ("takeover-time",
      "Takeover time",
      "Silence of a sender in milliseconds after which another may take over "
      "(0 = at once)",
      0, 3600000, DEFAULT_TAKEOVER_TIME, playing);
  /**
   * GstRtpRestreamSrc:stats:
   *
   * A structure `rtprestreamsrc-stats` with the #guint `buffer-size` in bytes,
   * and for each medium a structure `video` or `audio` with the fields
   *
   * * #guint64 `packets`, `bytes`: RTP taken in
   * * #guint64 `sender-reports`, `byes`: RTCP taken in
   * * #guint64 `takeovers`: how often another sender took over
   * * #guint `ssrc`: the sender, once there is one
   * * #GstStructure `last-sender-report`, once there is one: #guint `ssrc`,
   *   #guint64 `ntp`, #guint `rtptime`, #guint `packets`, #guint `octets`,
   *   #guint64 `running-time` of its arrival in nanoseconds
   * * #GstStructure `dropped`: datagrams by reason, each #guint64: `malformed`,
   *   `malformed-rtcp`, `not-loopback`, `other-ssrc`, `other-payload`, `stale`
   *   (came while not playing), `overflow` (the receive buffer was full)
   *
   * The counters begin with the element's creation, `overflow` with the
   * binding of the ports.
   *
   * Since: 0.1
   */
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "Counters of both media", GST_TYPE_STRUCTURE,
      static_cast<GParamFlags> (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  g_object_class_install_properties (klass, N_PROPERTIES, properties);
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
  install_properties (object_class);
  install_signals (object_class);

  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_rtp_restream_src_change_state);
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
