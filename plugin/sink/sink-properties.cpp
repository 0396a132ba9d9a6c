// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/sink-properties.h"

#include "plugin/sink/local-addresses.h"
#include "plugin/whep/bearer.h"
#include "plugin/whep/route.h"

GType
gst_rtp_restream_sink_transport_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
      {GST_RTP_RESTREAM_SINK_TRANSPORT_WEBRTCBIN,
          "A webrtcbin pipeline for each viewer", "webrtcbin"},
      {GST_RTP_RESTREAM_SINK_TRANSPORT_NATIVE,
          "One UDP port and a fixed number of threads for all viewers",
          "native"},
      {0, nullptr, nullptr},
  };
  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        g_enum_register_static ("GstRtpRestreamSinkTransport", values));
  return type;
}

namespace restream::sink {

bool
set_sink_property (SinkSettings &settings, unsigned id, const GValue *value)
{
  auto text = [value] {
    const char *s = g_value_get_string (value);
    return std::string (s ? s : "");
  };
  switch (id) {
    case PROP_TRANSPORT:
      settings.transport = g_value_get_enum (value);
      return true;
    case PROP_UDP_PORT:
      settings.udp_port = g_value_get_uint (value);
      return true;
    case PROP_IO_THREADS:
      settings.io_threads = g_value_get_uint (value);
      return true;
    case PROP_GOP_CACHE_SIZE:
      settings.start.max_bytes = g_value_get_uint (value);
      return true;
    case PROP_GOP_CACHE_TIME:
      settings.start.max_time = g_value_get_uint64 (value);
      return true;
    case PROP_START_BITRATE:
      settings.start.bit_rate = g_value_get_uint (value);
      return true;
    case PROP_WHEP_PORT:
      settings.whep_port = g_value_get_uint (value);
      return true;
    case PROP_WHEP_ADDRESS:
      settings.whep_address = text ();
      return true;
    case PROP_WHEP_TOKEN:
      settings.whep.token = text ();
      return true;
    case PROP_WHEP_RATE_LIMIT:
      settings.whep.requests_per_second = g_value_get_uint (value);
      return true;
    case PROP_WHEP_BASE_PATH:
      settings.whep.base_path = text ();
      return true;
    case PROP_ICE_SERVERS:
      settings.ice_servers = text ();
      return true;
    case PROP_TURN_SECRET:
      settings.whep.ice_servers.turn_secret = text ();
      return true;
    case PROP_TURN_TTL:
      settings.whep.ice_servers.turn_ttl_s = g_value_get_uint (value);
      return true;
    case PROP_MAX_VIEWERS:
      settings.registry.max_viewers = g_value_get_uint (value);
      return true;
    case PROP_INTERFACES:
      settings.interfaces = text ();
      settings.registry.interfaces = split_list (settings.interfaces.c_str ());
      return true;
    case PROP_ANNOUNCED_ADDRESSES:
      settings.announced_addresses = text ();
      settings.registry.announced_addresses =
          split_list (settings.announced_addresses.c_str ());
      return true;
    case PROP_MIN_PORT:
      settings.registry.min_port = g_value_get_uint (value);
      return true;
    case PROP_MAX_PORT:
      settings.registry.max_port = g_value_get_uint (value);
      return true;
    case PROP_DRAIN_TIMEOUT:
      settings.drain_timeout = g_value_get_uint64 (value);
      return true;
    case PROP_VIEWER_TIMEOUT:
      settings.registry.viewer_timeout = g_value_get_uint64 (value);
      return true;
    default:
      return false;
  }
}

bool
get_sink_property (const SinkSettings &settings, unsigned id, GValue *value)
{
  switch (id) {
    case PROP_TRANSPORT:
      g_value_set_enum (value, settings.transport);
      return true;
    case PROP_UDP_PORT:
      g_value_set_uint (value, settings.udp_port);
      return true;
    case PROP_IO_THREADS:
      g_value_set_uint (value, settings.io_threads);
      return true;
    case PROP_GOP_CACHE_SIZE:
      g_value_set_uint (value, settings.start.max_bytes);
      return true;
    case PROP_GOP_CACHE_TIME:
      g_value_set_uint64 (value, settings.start.max_time);
      return true;
    case PROP_START_BITRATE:
      g_value_set_uint (value, settings.start.bit_rate);
      return true;
    case PROP_WHEP_PORT:
      g_value_set_uint (value, settings.whep_port);
      return true;
    case PROP_WHEP_ADDRESS:
      g_value_set_string (value, settings.whep_address.c_str ());
      return true;
    case PROP_WHEP_RATE_LIMIT:
      g_value_set_uint (value, settings.whep.requests_per_second);
      return true;
    case PROP_WHEP_BASE_PATH:
      g_value_set_string (value, settings.whep.base_path.c_str ());
      return true;
    case PROP_TURN_TTL:
      g_value_set_uint (value, settings.whep.ice_servers.turn_ttl_s);
      return true;
    case PROP_MAX_VIEWERS:
      g_value_set_uint (value, settings.registry.max_viewers);
      return true;
    case PROP_INTERFACES:
      g_value_set_string (value, settings.interfaces.c_str ());
      return true;
    case PROP_ANNOUNCED_ADDRESSES:
      g_value_set_string (value, settings.announced_addresses.c_str ());
      return true;
    case PROP_MIN_PORT:
      g_value_set_uint (value, settings.registry.min_port);
      return true;
    case PROP_MAX_PORT:
      g_value_set_uint (value, settings.registry.max_port);
      return true;
    case PROP_DRAIN_TIMEOUT:
      g_value_set_uint64 (value, settings.drain_timeout);
      return true;
    case PROP_VIEWER_TIMEOUT:
      g_value_set_uint64 (value, settings.registry.viewer_timeout);
      return true;
    default:
      return false;
  }
}

Result<WhepSettings>
whep_settings (const SinkSettings &settings)
{
  WhepSettings whep = settings.whep;
  auto wrong = [] (std::string what) {
    return Error{Code::bad_request, std::move (what)};
  };
  if (!whep.token.empty () && !whep::is_bearer_token (whep.token))
    return wrong ("whep-token is no Bearer token: letters, digits and -._~+/ "
                  "are expected");
  if (!whep.base_path.empty ()) {
    whep.base_path = whep::forwarded_prefix (whep.base_path.c_str ());
    if (whep.base_path.empty ())
      return wrong ("whep-base-path is no path such as /video");
  }
  for (const std::string &text : split_list (settings.ice_servers.c_str ())) {
    Result<whep::IceServer> server = whep::parse_ice_server (text);
    if (!server)
      return server.error ().wrap ("ice-servers");
    whep.ice_servers.list.push_back (std::move (*server));
  }
  return whep;
}

void
install_sink_properties (GObjectClass *gobject_class)
{
  const SinkSettings defaults;
  const auto flags = static_cast<GParamFlags> (
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  // Secrets are not to be seen in what shows all properties.
  const auto secret = static_cast<GParamFlags> (
      G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto live = static_cast<GParamFlags> (
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstRtpRestreamSink:transport:
   *
   * What carries the stream to a viewer.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_TRANSPORT,
      g_param_spec_enum ("transport", "Transport",
          "What carries the stream to a viewer",
          GST_TYPE_RTP_RESTREAM_SINK_TRANSPORT, defaults.transport, flags));
  /**
   * GstRtpRestreamSink:udp-port:
   *
   * UDP port of the native transport, for all viewers. The sinks of a process
   * that have the same port share it; 0 takes a free one for this sink alone.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_UDP_PORT,
      g_param_spec_uint ("udp-port", "UDP port",
          "UDP port for all viewers of the native transport (0 = any)", 0,
          65535, 0, flags));
  /**
   * GstRtpRestreamSink:io-threads:
   *
   * Threads of the native transport. Sinks that share a port have those of the first of them.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_IO_THREADS,
      g_param_spec_uint ("io-threads", "I/O threads",
          "Threads of the native transport (0 = as many as cores)", 0, 64, 0,
          flags));
  /**
   * GstRtpRestreamSink:gop-cache-size:
   *
   * The pictures since the last keyframe are kept, so that a viewer who comes in between
   * has a picture at once: it gets them in fast-forward, until it is at the live
   * edge. This bounds what is kept. Where it is too little, or
   * #GstRtpRestreamSink:gop-cache-time, new viewers wait for the next keyframe.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_GOP_CACHE_SIZE,
      g_param_spec_uint ("gop-cache-size", "GOP cache size",
          "Most bytes that are kept since the last keyframe, for new viewers "
          "(0 = they wait for the next one)",
          0, 256 * 1024 * 1024, defaults.start.max_bytes, flags));
  /**
   * GstRtpRestreamSink:gop-cache-time:
   *
   * How long a group of pictures may be that is kept for new viewers, in nanoseconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_GOP_CACHE_TIME,
      g_param_spec_uint64 ("gop-cache-time", "GOP cache time",
          "Longest time since the last keyframe that is kept for new viewers "
          "(in nanoseconds)",
          0, 60 * GST_SECOND, defaults.start.max_time, flags));
  /**
   * GstRtpRestreamSink:start-bitrate:
   *
   * The rate at which a viewer who comes between two keyframes is sent what it has
   * missed, in bits per second, or one and a half times the stream's own rate, where
   * that is more.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_START_BITRATE,
      g_param_spec_uint ("start-bitrate", "Start bitrate",
          "Rate at which new viewers catch up (in bits per second)", 0,
          G_MAXUINT, defaults.start.bit_rate, flags));
  /**
   * GstRtpRestreamSink:whep-port:
   *
   * TCP port of the element's own web server: WHEP at `/whep`, a page that plays at `/`.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_WHEP_PORT,
      g_param_spec_uint ("whep-port", "WHEP port",
          "TCP port to serve WHEP and a player page at (0 = off)", 0, 65535, 0,
          flags));
  /**
   * GstRtpRestreamSink:whep-address:
   *
   * IP address that the web server listens on; `0.0.0.0` or `::` for all.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_WHEP_ADDRESS,
      g_param_spec_string ("whep-address", "WHEP address",
          "IP address to serve WHEP at (0.0.0.0 = all)",
          defaults.whep_address.c_str (), flags));
  /**
   * GstRtpRestreamSink:whep-token:
   *
   * The Bearer token (RFC 6750) that requests to the web server's WHEP endpoint must have.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_WHEP_TOKEN,
      g_param_spec_string ("whep-token", "WHEP token",
          "Bearer token that WHEP requests must have (empty = none)", "",
          secret));
  /**
   * GstRtpRestreamSink:whep-rate-limit:
   *
   * Requests (POST, PATCH, DELETE) of one client address that are answered, by the second; ten seconds' worth at
   * once. Further ones get 429 with Retry-After. Clients on this machine are not counted.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_WHEP_RATE_LIMIT,
      g_param_spec_uint ("whep-rate-limit", "WHEP rate limit",
          "WHEP requests per second of a client address (0 = any number)", 0,
          100000, defaults.whep.requests_per_second, flags));
  /**
   * GstRtpRestreamSink:whep-base-path:
   *
   * What a reverse proxy in front takes off the paths of requests, such as `/video`, if it does not say it
   * itself in `X-Forwarded-Prefix`.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_WHEP_BASE_PATH,
      g_param_spec_string ("whep-base-path", "WHEP base path",
          "Path prefix that a reverse proxy takes off (empty = none)", "",
          flags));
  /**
   * GstRtpRestreamSink:ice-servers:
   *
   * Comma-separated STUN and TURN servers that the web server tells its viewers of, such as
   * `stun:stun.example.org:3478` or `turn:user:password@turn.example.org:3478?transport=udp`. May only be written,
   * since passwords may be in it.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_ICE_SERVERS,
      g_param_spec_string ("ice-servers", "ICE servers",
          "STUN and TURN servers for WHEP viewers, comma-separated (empty = "
          "none)",
          "", secret));
  /**
   * GstRtpRestreamSink:turn-secret:
   *
   * What is shared with the TURN servers that have no user and password of their own (coturn's `use-auth-secret`
   * and `static-auth-secret`): viewers get credentials that run out after #GstRtpRestreamSink:turn-ttl.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_TURN_SECRET,
      g_param_spec_string ("turn-secret", "TURN secret",
          "Secret shared with the TURN servers, to make credentials of", "",
          secret));
  /**
   * GstRtpRestreamSink:turn-ttl:
   *
   * How many seconds credentials made with #GstRtpRestreamSink:turn-secret are valid.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_TURN_TTL,
      g_param_spec_uint ("turn-ttl", "TURN TTL",
          "Validity of TURN credentials in seconds", 60, 30 * 86400,
          defaults.whep.ice_servers.turn_ttl_s, flags));
  /**
   * GstRtpRestreamSink:max-viewers:
   *
   * Further viewers are refused (503 over WHEP).
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_MAX_VIEWERS,
      g_param_spec_uint ("max-viewers", "Max viewers",
          "Most viewers at a time (0 = no bound)", 0, G_MAXUINT, 0, live));
  /**
   * GstRtpRestreamSink:interfaces:
   *
   * Comma-separated names of the network interfaces whose addresses are offered to
   * viewers; empty for all but loopback. Loopback is offered to viewers who ask over loopback.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_INTERFACES,
      g_param_spec_string ("interfaces", "Interfaces",
          "Network interfaces to serve viewers on, comma-separated (empty = "
          "all but loopback)",
          "", live));
  /**
   * GstRtpRestreamSink:announced-addresses:
   *
   * Comma-separated IP addresses at which the machine is reached through a 1:1 NAT;
   * offered to viewers with the local ports.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_ANNOUNCED_ADDRESSES,
      g_param_spec_string ("announced-addresses", "Announced addresses",
          "Public IP addresses that are mapped 1:1 to this machine, "
          "comma-separated (empty = none)",
          "", live));
  /**
   * GstRtpRestreamSink:min-port:
   *
   * Lowest UDP port for viewers; needs #GstRtpRestreamSink:max-port too.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_MIN_PORT,
      g_param_spec_uint ("min-port", "Min port",
          "Lowest UDP port for viewers (0 = any)", 0, 65535, 0, live));
  /**
   * GstRtpRestreamSink:max-port:
   *
   * Highest UDP port for viewers.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_MAX_PORT,
      g_param_spec_uint ("max-port", "Max port",
          "Highest UDP port for viewers (0 = any)", 0, 65535, 0, live));
  /**
   * GstRtpRestreamSink:drain-timeout:
   *
   * How long viewers may take, at the end of the stream, to be sent what is queued and a goodbye.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_DRAIN_TIMEOUT,
      g_param_spec_uint64 ("drain-timeout", "Drain timeout",
          "Bound on saying goodbye at end of stream, in nanoseconds", 0,
          60 * GST_SECOND, defaults.drain_timeout, live));
  /**
   * GstRtpRestreamSink:viewer-timeout:
   *
   * A connected viewer of whom nothing has been heard for so long is removed. Receivers
   * report every few seconds; what is shorter than 10 s may remove viewers that are there.
   * For viewers that are added from now on.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_VIEWER_TIMEOUT,
      g_param_spec_uint64 ("viewer-timeout", "Viewer timeout",
          "Silence of a viewer in nanoseconds after which it is removed (0 = "
          "never)",
          0, 3600 * GST_SECOND, defaults.registry.viewer_timeout, live));
  /**
   * GstRtpRestreamSink:stream-active:
   *
   * Whether media comes in: from the first packet on, until none has come for two seconds. Notified on the
   * element's control thread.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_STREAM_ACTIVE,
      g_param_spec_boolean ("stream-active", "Stream active",
          "Whether media comes in", FALSE,
          static_cast<GParamFlags> (
              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
  /**
   * GstRtpRestreamSink:stats:
   *
   * #GstStructure with `viewers` and `viewers-connected` (uint), `sent-packets`, `sent-bytes` and
   * `dropped-packets` (uint64, of the viewers there are), `video` and `audio` (structures of what came in:
   * `packets`, `bytes`, `invalid`, `join-points`, `restarts`, all uint64), and `per-viewer`: an array of
   * structures with `id` and `state` (string), `age` (uint64, ns), and for each medium of the
   * viewer `video-packets`, `video-bytes`, `video-dropped` (uint64). As the viewer's RTCP tells, 0 until then,
   * `round-trip-us`, `estimate-bps` (what the way to the viewer seems to carry), `nacks` (packets asked for again),
   * `keyframe-requests`, `rejected` (malformed, forged or replayed datagrams) and for each medium
   * `video-retransmitted`, `video-jitter-us` (uint64), `video-lost` (int64, as the viewer reports it).
   * %NULL in the state NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (gobject_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Counters of the stream and of each viewer", GST_TYPE_STRUCTURE,
          static_cast<GParamFlags> (
              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

} // namespace restream::sink
