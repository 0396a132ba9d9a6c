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

// Tells the RTP session of a negotiated webrtcbin the clock rate of each stream before
// its first packet. The funnel that bundles the streams does not, and the session of GStreamer 1.22
// then asks for it while it goes through its sources for the first sender report,
// with its lock released: a report of the viewer's in that moment breaks the walk.
void announce_sources (GstElement *webrtcbin, const ViewerConfig &config);

} // namespace restream::transport
