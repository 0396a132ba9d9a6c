// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace restream::transport::native {

// The host candidates of a lite agent on one port (RFC 8839, section 5.1; RFC 6544
// for TCP), without "candidate:"; the preferred ones first. announced: further
// addresses at which this machine is reached (NAT 1:1). tcp: passive TCP ones on the same port
// as well, behind all UDP ones. What is no IP address is left out.
std::vector<std::string> host_candidates (
    const std::vector<std::string> &addresses,
    const std::vector<std::string> &announced, std::uint16_t port, bool tcp);

} // namespace restream::transport::native
