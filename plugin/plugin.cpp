// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include <openssl/crypto.h>

#include "plugin/elements.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  // At exit OpenSSL would free its state while webrtcbin's and the pools' threads,
  // which hold parts of it, are still ending: a double free. The process's end frees
  // all the same. Without effect if the application has used OpenSSL before.
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);

  gboolean ok = GST_ELEMENT_REGISTER (rtprestreamsrc, plugin);
  ok &= GST_ELEMENT_REGISTER (rtprestreamsink, plugin);
  return ok;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, rtprestream,
    "FFmpeg's RTP to any number of browsers", plugin_init, VERSION, "LGPL",
    "rtprestream", PACKAGE_ORIGIN)
