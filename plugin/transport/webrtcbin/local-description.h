// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"

#include <gst/sdp/gstsdpmessage.h>

#include <string>
#include <vector>

namespace restream::transport {

// What of webrtcbin's own answer or offer goes into ours: its ICE credentials,
// fingerprint, role, candidates, and its RTX streams' SSRCs.
Result<negotiation::LocalDescription> read_local_description (
    const GstSDPMessage *sdp, const negotiation::Plan &plan);

// Of its sections, in their order.
std::vector<std::string> read_mids (const GstSDPMessage *sdp);

// For each host candidate over UDP a further one with each announced address of
// its family (a 1:1 NAT keeps the port), with a lower priority than its model.
void announce_addresses (std::vector<std::string> &candidates,
    const std::vector<std::string> &addresses);

} // namespace restream::transport
