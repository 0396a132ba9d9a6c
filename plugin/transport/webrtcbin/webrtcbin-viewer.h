// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/teardown.h"
#include "plugin/transport/viewer.h"

namespace restream::transport {

// What webrtcbin can do for a viewer that the plan may promise.
negotiation::TransportCapabilities webrtcbin_capabilities ();

// A viewer on GStreamer's webrtcbin: a pipeline of its own, on the ingest's clock and base time.
// observer and teardown outlive the viewer.
std::shared_ptr<Viewer> make_webrtcbin_viewer (ViewerConfig config,
    ViewerObserver &observer, Teardown &teardown);

// Does once what would hold the first viewer's answer up: loads the plugins and
// makes the DTLS certificate, which takes an RSA key. Thread: one that may wait.
void warm_up_webrtcbin ();

} // namespace restream::transport
