// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

#include <functional>

namespace restream::transport {

// Calls f for each element of a bin, deep, that this factory made.
void for_each_element (GstElement *bin, const char *factory,
    const std::function<void (GstElement *)> &f);

// Sends the DTLS close_notify of each transport of a webrtcbin and waits until it
// has left the DTLS encoder, timeout_ms at most. Webrtcbin 1.22 would just fall silent,
// and its peer would find out by a consent time-out.
// Thread: one that may wait.
void send_close_notify (GstElement *webrtcbin, unsigned timeout_ms);

} // namespace restream::transport
