// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib-object.h>

#include <string>

namespace restream::sink {

// The class handlers of the action signals.
struct SinkActions
{
  GCallback add_viewer, invite_viewer, answer_viewer, update_ice, remove_viewer,
      drain;
};

void install_sink_signals (GObjectClass *gobject_class,
    const SinkActions &actions);

void emit_viewer_added (gpointer element, const std::string &id);
void emit_viewer_state_changed (gpointer element, const std::string &id,
    const char *state);
void emit_viewer_removed (gpointer element, const std::string &id,
    const std::string &reason);

} // namespace restream::sink
