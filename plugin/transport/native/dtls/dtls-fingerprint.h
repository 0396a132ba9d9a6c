// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"

#include <openssl/types.h>

#include <span>
#include <vector>

namespace restream::transport::native {

// Those of the offered fingerprints that the peer's certificate is held against:
// the set of one hash function, the most preferred that was offered (RFC 8122
// 5). That is SHA-256, which everybody must have, then SHA-384 and SHA-512. SHA-1 is not
// taken even where it is the only one: collisions cost a peer nothing, so
// that a second certificate of its could pass, and no WebRTC peer needs it.
// Errors: forbidden.
Result<std::vector<negotiation::Fingerprint>> choose_fingerprints (
    std::span<const negotiation::Fingerprint> offered);

// Has the certificate one of the chosen fingerprints?
bool matches_fingerprint (const X509 *certificate,
    std::span<const negotiation::Fingerprint> chosen);

} // namespace restream::transport::native
