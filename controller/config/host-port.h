// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>

namespace restream {

struct HostPort
{
  std::string host; // "" = all addresses
  std::uint16_t port = 0;
};
// "host:port", ":port", "[v6]:port".
Result<HostPort> parse_address (const std::string &address);

} // namespace restream
