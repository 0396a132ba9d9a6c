// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/sink/gstrtprestreamsink.h"
#include "plugin/sink/sink-whep.h"
#include "plugin/sink/viewer-registry.h"
#include "plugin/transport/instant-start.h"

#include <string>

#define GST_TYPE_RTP_RESTREAM_SINK_TRANSPORT \
  (gst_rtp_restream_sink_transport_get_type ())
GType gst_rtp_restream_sink_transport_get_type (void);

namespace restream::sink {

enum SinkProperty : unsigned
{
  PROP_0,
  PROP_TRANSPORT,
  PROP_UDP_PORT,
  PROP_IO_THREADS,
  PROP_GOP_CACHE_SIZE,
  PROP_GOP_CACHE_TIME,
  PROP_START_BITRATE,
  PROP_WHEP_PORT,
  PROP_WHEP_ADDRESS,
  PROP_WHEP_TOKEN,
  PROP_WHEP_RATE_LIMIT,
  PROP_WHEP_BASE_PATH,
  PROP_ICE_SERVERS,
  PROP_TURN_SECRET,
  PROP_TURN_TTL,
  PROP_MAX_VIEWERS,
  PROP_INTERFACES,
  PROP_ANNOUNCED_ADDRESSES,
  PROP_MIN_PORT,
  PROP_MAX_PORT,
  PROP_DRAIN_TIMEOUT,
  PROP_VIEWER_TIMEOUT,
  PROP_STREAM_ACTIVE,
  PROP_STATS,
};

// What the application set. Protected by the element's object lock.
struct SinkSettings
{
  int transport = GST_RTP_RESTREAM_SINK_TRANSPORT_NATIVE;
  unsigned udp_port = 0;
  unsigned io_threads = 0;
  transport::InstantStart start;
  unsigned whep_port = 0;
  std::string whep_address = "127.0.0.1";
  WhepSettings whep; // ice_servers.list is in ice_servers, as given
  std::string ice_servers;
  GstClockTime drain_timeout = 1 * GST_SECOND;
  RegistrySettings registry;
  // As given; registry has the lists.
  std::string interfaces;
  std::string announced_addresses;
};

// Of what is set. Error: bad_request (a token or server that is none).
Result<WhepSettings> whep_settings (const SinkSettings &settings);

void install_sink_properties (GObjectClass *gobject_class);
// false: no such property (among those that are settings).
bool set_sink_property (SinkSettings &settings, unsigned id,
    const GValue *value);
bool get_sink_property (const SinkSettings &settings, unsigned id,
    GValue *value);

} // namespace restream::sink
