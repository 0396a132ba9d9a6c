// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/packet-batch.h"
#include "plugin/transport/teardown.h"
#include "plugin/transport/viewer.h"
#include "plugin/transport/webrtcbin/viewer-feed.h"

namespace restream::transport {

// A viewer that is handed each burst.
class FedViewer : public Viewer
{
public:
  // Never blocks; what does not fit is dropped and counted. input: the stream's part of it.
  // Thread: the hub's streaming threads, one at a time for each medium.
  virtual void push (PacketBatch &batch, FeedInput input) = 0;

protected:
  using Viewer::Viewer;
};

// What webrtcbin can do for a viewer that the plan may promise.
negotiation::TransportCapabilities webrtcbin_capabilities ();

// A viewer on GStreamer's webrtcbin: a pipeline of its own, on the ingest's clock and base time.
// observer and teardown outlive the viewer.
std::shared_ptr<FedViewer> make_webrtcbin_viewer (ViewerConfig config,
    ViewerObserver &observer, Teardown &teardown);

// Does once what would hold the first viewer's answer up: loads the plugins and
// makes the DTLS certificate, which takes an RSA key. Thread: one that may wait.
void warm_up_webrtcbin ();

} // namespace restream::transport
