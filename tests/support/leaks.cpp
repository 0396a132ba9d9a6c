// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/leaks.h"

#include "common/ref.h"

#include <gst/gsttracer.h>

namespace restream::test {

void
excuse_dtls_agent ()
{
  GList *tracers = gst_tracing_get_active_tracers ();
  for (GList *l = tracers; l; l = l->next) {
    if (g_strcmp0 (G_OBJECT_TYPE_NAME (l->data), "GstLeaksTracer") != 0)
      continue;
    Owned<GstStructure> live;
    {
      GstStructure *s = nullptr;
      g_signal_emit_by_name (l->data, "get-live-objects", &s);
      live.reset (s);
    }
    const GValue *list = live
        ? gst_structure_get_value (live.get (), "live-objects-list")
        : nullptr;
    for (guint i = 0; list && i < gst_value_list_get_size (list); i++) {
      const GstStructure *entry =
          gst_value_get_structure (gst_value_list_get_value (list, i));
      const GValue *object = gst_structure_get_value (entry, "object");
      if (object && G_VALUE_HOLDS_OBJECT (object)
          && g_strcmp0 (G_OBJECT_TYPE_NAME (g_value_get_object (object)),
                 "GstDtlsAgent")
              == 0)
        GST_OBJECT_FLAG_SET (g_value_get_object (object),
            GST_OBJECT_FLAG_MAY_BE_LEAKED);
    }
  }
  g_list_free_full (tracers, gst_object_unref);
}

} // namespace restream::test
