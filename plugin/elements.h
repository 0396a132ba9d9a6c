// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS
GST_ELEMENT_REGISTER_DECLARE (rtprestreamsrc)
GST_ELEMENT_REGISTER_DECLARE (rtprestreamsink)
G_END_DECLS
