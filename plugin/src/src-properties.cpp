// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/src-properties.h"

#include "plugin/src/stream-caps.h"

namespace restream::src {

namespace {

constexpr char kDefaultAddress[] = "127.0.0.1";
constexpr guint kDefaultTakeoverMs = 500; // as Streamer::Tunables has it

Ref<GstCaps>
default_caps (Media media)
{
  return Ref<GstCaps>::adopt (
      gst_caps_from_string (StreamCaps::default_caps (media)));
}

Ref<GstCaps>
caps_of (Media media, const GValue *value)
{
  const auto *caps = static_cast<GstCaps *> (g_value_get_boxed (value));
  return caps ? Ref<GstCaps>::adopt (gst_caps_copy (caps))
              : default_caps (media);
}

} // namespace

SrcSettings::SrcSettings ()
    : ports{.address = kDefaultAddress, .port = 0, .buffer_bytes = 0},
      caps{default_caps (Media::video), default_caps (Media::audio)}
{
}

bool
set_src_property (SrcSettings &settings, unsigned id, const GValue *value)
{
  switch (id) {
    case PROP_PORT:
      settings.ports.port =
          static_cast<std::uint16_t> (g_value_get_uint (value));
      return true;
    case PROP_ADDRESS: {
      const char *address = g_value_get_string (value);
      settings.ports.address = address ? address : kDefaultAddress;
      return true;
    }
    case PROP_VIDEO_CAPS:
      settings.caps[index_of (Media::video)] = caps_of (Media::video, value);
      return true;
    case PROP_AUDIO_CAPS:
      settings.caps[index_of (Media::audio)] = caps_of (Media::audio, value);
      return true;
    case PROP_BUFFER_SIZE:
      settings.ports.buffer_bytes = static_cast<int> (g_value_get_uint (value));
      return true;
    default:
      return false;
  }
}

bool
get_src_property (const SrcSettings &settings, unsigned id, GValue *value)
{
  switch (id) {
    case PROP_PORT:
      g_value_set_uint (value, settings.ports.port);
      return true;
    case PROP_ADDRESS:
      g_value_set_string (value, settings.ports.address.c_str ());
      return true;
    case PROP_VIDEO_CAPS:
      g_value_set_boxed (value, settings.caps[index_of (Media::video)].get ());
      return true;
    case PROP_AUDIO_CAPS:
      g_value_set_boxed (value, settings.caps[index_of (Media::audio)].get ());
      return true;
    case PROP_BUFFER_SIZE:
      g_value_set_uint (value,
          static_cast<guint> (settings.ports.buffer_bytes));
      return true;
    default:
      return false;
  }
}

void
install_src_properties (GObjectClass *klass)
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
  g_object_class_install_property (klass, PROP_PORT,
      g_param_spec_uint ("port", "Port",
          "UDP port of the video, at most 65534; the audio's is the next one "
          "(0 = find a free pair; reads as the real one once bound)",
          0, 65535, 0, ready));
  /**
   * GstRtpRestreamSrc:address:
   *
   * The numeric loopback address to bind, IPv4 or IPv6. Any other address is
   * refused in the change from NULL to READY.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_ADDRESS,
      g_param_spec_string ("address", "Address",
          "Numeric loopback address to receive on, such as 127.0.0.1 or ::1",
          kDefaultAddress, ready));
  /**
   * GstRtpRestreamSrc:video-caps:
   *
   * What is known of the video beforehand: at least encoding-name and
   * clock-rate. Without a payload type the sender's first packet sets it; with
   * one, others are dropped. Missing fields are completed from the stream.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_VIDEO_CAPS,
      g_param_spec_boxed ("video-caps", "Video caps",
          "Caps of the video's RTP stream; what they leave out is learnt from "
          "it "
          "(NULL = H264 with a clock rate of 90000 Hz)",
          GST_TYPE_CAPS, ready));
  /**
   * GstRtpRestreamSrc:audio-caps:
   *
   * The same for the audio.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_AUDIO_CAPS,
      g_param_spec_boxed ("audio-caps", "Audio caps",
          "Caps of the audio's RTP stream; what they leave out is learnt from "
          "it "
          "(NULL = OPUS with a clock rate of 48000 Hz and two channels)",
          GST_TYPE_CAPS, ready));
  /**
   * GstRtpRestreamSrc:buffer-size:
   *
   * The kernel's receive buffer of each port. Without CAP_NET_ADMIN the kernel
   * grants at most net.core.rmem_max; the field buffer-size of
   * #GstRtpRestreamSrc:stats tells what was granted.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_BUFFER_SIZE,
      g_param_spec_uint ("buffer-size", "Buffer size",
          "Kernel receive buffer of each port in bytes, as far as the system "
          "allows (0 = 8 MiB)",
          0, G_MAXINT / 2, 0, ready));
  /**
   * GstRtpRestreamSrc:timeout:
   *
   * Post an element message `GstRtpRestreamSrcTimeout` when a medium is silent
   * for this time, and `GstRtpRestreamSrcResumed` when it comes back.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_TIMEOUT,
      g_param_spec_uint64 ("timeout", "Timeout",
          "Silence of a medium in nanoseconds after which a message is posted "
          "(0 = never)",
          0, G_MAXINT64, 0, playing));
  /**
   * GstRtpRestreamSrc:takeover-time:
   *
   * How long a sender must have been silent before packets of another SSRC are
   * taken in its place. An RTCP BYE of the sender makes the wait unnecessary.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_TAKEOVER_TIME,
      g_param_spec_uint ("takeover-time", "Takeover time",
          "Silence of a sender in milliseconds after which another may take "
          "over "
          "(0 = at once)",
          0, 3600000, kDefaultTakeoverMs, playing));
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
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Counters of both media",
          GST_TYPE_STRUCTURE,
          static_cast<GParamFlags> (
              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

} // namespace restream::src
