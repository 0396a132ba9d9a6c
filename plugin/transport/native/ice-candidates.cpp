// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/ice-candidates.h"

#include "plugin/transport/native/io/address.h"

#include <algorithm>

namespace restream::transport::native {

namespace {

constexpr std::size_t kMaxAddresses = 32; // a bound on what an answer carries
constexpr std::uint32_t kHostPreference = 126; // RFC 8445, section 5.1.2.2
constexpr std::uint32_t kComponent = 1;

// RFC 8445, section 5.1.2.1.
std::uint32_t
priority (std::uint32_t type, std::uint32_t local)
{
  return type << 24 | local << 8 | (256 - kComponent);
}

} // namespace

std::vector<std::string>
host_candidates (const std::vector<std::string> &addresses,
    const std::vector<std::string> &announced, std::uint16_t port)
{
  std::vector<std::string> all = addresses;
  for (const std::string &address : announced) {
    if (std::find (all.begin (), all.end (), address) == all.end ())
      all.push_back (address);
  }
  std::vector<std::string> candidates;
  std::uint32_t local = 65535;
  for (const std::string &address : all) {
    if (candidates.size () == kMaxAddresses)
      break;
    if (!Address::parse (address, port))
      continue;
    candidates.push_back (std::to_string (candidates.size () + 1) + " 1 udp "
        + std::to_string (priority (kHostPreference, local--)) + " " + address
        + " " + std::to_string (port) + " typ host");
  }
  return candidates;
}

} // namespace restream::transport::native
