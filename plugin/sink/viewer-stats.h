// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/sink/hub.h"
#include "plugin/sink/viewer-registry.h"

namespace restream::sink {

// The sink's `stats`: see its documentation for the fields. Any thread.
Owned<GstStructure> make_stats (const Hub &hub,
    const transport::ViewerList &viewers);

} // namespace restream::sink
