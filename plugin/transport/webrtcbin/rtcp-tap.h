// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/webrtcbin/viewer-rtcp.h"

#include "common/ref.h"

namespace restream::transport {

// Has the reader read what comes into a webrtcbin's rtpbin, once that is negotiated: decrypted RTCP, on the thread that it
// comes on. false: it has no place for it.
[[nodiscard]] bool tap_rtcp (GstElement *rtpbin,
    std::weak_ptr<ViewerRtcp> reader);

} // namespace restream::transport
