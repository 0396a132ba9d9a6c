// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/viewer.h"

namespace restream::transport {

// A viewer's pipeline: an appsrc for each accepted medium, linked to a webrtcbin
// that is ready to be shown the plan's canonical offer.
struct ViewerPipeline
{
  Ref<GstElement> pipeline;
  Ref<GstElement> webrtcbin;
  std::array<Ref<GstElement>, kMediaCount> appsrcs; // null: not accepted
};

// Makes one in the state NULL, on the ingest's clock and base time.
// Errors: unavailable (a plugin is missing), internal.
Result<ViewerPipeline> make_viewer_pipeline (const ViewerConfig &config);

} // namespace restream::transport
