// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_RTP_RESTREAM_SRC (gst_rtp_restream_src_get_type ())
G_DECLARE_FINAL_TYPE (GstRtpRestreamSrc, gst_rtp_restream_src, GST,
    RTP_RESTREAM_SRC, GstElement)

G_END_DECLS
