// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"

#include <string_view>
#include <vector>

namespace restream::transport {

// Does the certificate (PEM) that the peer showed in its DTLS handshake have one
// of the fingerprints of its offer (RFC 8122 5.1)? Webrtcbin 1.22 does not look.
// Errors: forbidden, with the reason.
Result<void> check_peer_certificate (std::string_view pem,
    const std::vector<negotiation::Fingerprint> &offered);

} // namespace restream::transport
