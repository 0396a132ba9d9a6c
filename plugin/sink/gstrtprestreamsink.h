// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_RTP_RESTREAM_SINK (gst_rtp_restream_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstRtpRestreamSink, gst_rtp_restream_sink, GST,
    RTP_RESTREAM_SINK, GstElement)

/**
 * GstRtpRestreamSinkTransport:
 * @GST_RTP_RESTREAM_SINK_TRANSPORT_WEBRTCBIN: a pipeline with GStreamer's webrtcbin for each viewer
 * @GST_RTP_RESTREAM_SINK_TRANSPORT_NATIVE: one UDP port and a fixed number of threads for all viewers
 *
 * Since: 0.1
 */
typedef enum
{
  GST_RTP_RESTREAM_SINK_TRANSPORT_WEBRTCBIN = 1,
  GST_RTP_RESTREAM_SINK_TRANSPORT_NATIVE,
} GstRtpRestreamSinkTransport;

G_END_DECLS
