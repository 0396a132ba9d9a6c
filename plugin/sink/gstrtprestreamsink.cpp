// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/elements.h"
gboolean gst_element_register_rtprestreamsink (GstPlugin *) { return TRUE; }
