// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/ice-candidates.h"

#include "plugin/transport/native/io/address.h"

#include <algorithm>

namespace restream::transport::native {

namespace {

constexpr std::size_t kMaxAddresses = 16; // a bound on what an answer carries
constexpr std::uint32_t kUdpType = 126; // RFC 8445, section 5.1.2.2
constexpr std::uint32_t kTcpType = 90; // below: RFC 6544, section 4.2
constexpr std::uint32_t kComponent = 1;
// RFC 6544, section 4.2: of passive candidates, above 13 bits of other preference.
constexpr std::uint32_t kPassiveDirection = 2 << 13;

// RFC 8445, section 5.1.2.1.
std::string
priority (std::uint32_t type, std::uint32_t local)
{
  return std::to_string (type << 24 | local << 8 | (256 - kComponent));
}

} // namespace

std::vector<std::string>
host_candidates (const std::vector<std::string> &addresses,
    const std::vector<std::string> &announced, std::uint16_t port, bool tcp)
{
  std::vector<std::string> all;
  for (const std::vector<std::string> *list : {&addresses, &announced}) {
    for (const std::string &address : *list) {
      if (all.size () < kMaxAddresses && Address::parse (address, port)
          && std::find (all.begin (), all.end (), address) == all.end ())
        all.push_back (address);
    }
  }
  std::vector<std::string> candidates;
  std::uint32_t rank = 0;
  auto add = [&] (const char *protocol, const std::string &priority_text,
                 const std::string &address, const char *more) {
    candidates.push_back (std::to_string (candidates.size () + 1) + " 1 "
        + protocol + " " + priority_text + " " + address + " "
        + std::to_string (port) + " typ host" + more);
  };
  for (const std::string &address : all)
    add ("udp", priority (kUdpType, 65535 - rank++), address, "");
  rank = 0;
  if (tcp) {
    for (const std::string &address : all)
      add ("tcp", priority (kTcpType, kPassiveDirection + 8191 - rank++),
          address, " tcptype passive");
  }
  return candidates;
}

} // namespace restream::transport::native
