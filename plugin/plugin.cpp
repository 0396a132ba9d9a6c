// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "plugin/elements.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean ok = GST_ELEMENT_REGISTER (rtprestreamsrc, plugin);
  ok &= GST_ELEMENT_REGISTER (rtprestreamsink, plugin);
  return ok;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, rtprestream,
    "FFmpeg's RTP to any number of browsers", plugin_init, VERSION, "LGPL",
    "rtprestream", PACKAGE_ORIGIN)
