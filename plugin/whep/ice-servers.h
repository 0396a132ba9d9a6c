// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace restream::whep {

// A STUN or TURN server for the viewers' use.
struct IceServer
{
  std::string uri; // RFC 7064, RFC 7065
  std::string username,
      credential; // of TURN; "" = made for each viewer, of the shared secret
};

// "stun:host[:port]", "turn:[user:password@]host[:port][?transport=udp|tcp]", and the same with stuns, turns.
Result<IceServer> parse_ice_server (const std::string &text);

struct IceServers
{
  std::vector<IceServer> list;
  // For TURN servers without credentials: what they share with us (coturn's use-auth-secret).
  std::string turn_secret;
  unsigned turn_ttl_s = 12 * 3600;
};

// The values of the Link headers (W34; RFC 9725, section 4.6), with credentials that run out turn_ttl_s after
// now_s (Unix time). A TURN server that there are no credentials for is left out.
std::vector<std::string> ice_server_links (const IceServers &servers,
    const std::string &viewer, std::int64_t now_s);

} // namespace restream::whep
