// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/local-addresses.h"

#include "common/ref.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

namespace restream {
RESTREAM_FREE (ifaddrs, freeifaddrs);
}

namespace restream::sink {

namespace {

constexpr std::size_t kMaxAddresses = 16; // each costs every viewer sockets

} // namespace

std::vector<std::string>
local_addresses (const std::vector<std::string> &interfaces, bool loopback)
{
  std::vector<std::string> local, v4, v6;
  Owned<ifaddrs> list;
  if (getifaddrs (out (list)) != 0)
    return {};
  for (const ifaddrs *entry = list.get (); entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP))
      continue;
    bool is_loopback = entry->ifa_flags & IFF_LOOPBACK;
    bool named =
        std::find (interfaces.begin (), interfaces.end (), entry->ifa_name)
        != interfaces.end ();
    if (is_loopback ? !(loopback || named) : !(interfaces.empty () || named))
      continue;
    char text[INET6_ADDRSTRLEN];
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto *in = reinterpret_cast<const sockaddr_in *> (entry->ifa_addr);
      if (inet_ntop (AF_INET, &in->sin_addr, text, sizeof text))
        (is_loopback ? local : v4).emplace_back (text);
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto *in6 =
          reinterpret_cast<const sockaddr_in6 *> (entry->ifa_addr);
      if (!IN6_IS_ADDR_LINKLOCAL (&in6->sin6_addr)
          && inet_ntop (AF_INET6, &in6->sin6_addr, text, sizeof text))
        (is_loopback ? local : v6).emplace_back (text);
    }
  }
  local.insert (local.end (), v4.begin (), v4.end ());
  local.insert (local.end (), v6.begin (), v6.end ());
  if (local.size () > kMaxAddresses)
    local.resize (kMaxAddresses);
  return local;
}

std::vector<std::string>
split_list (const char *text)
{
  std::vector<std::string> parts;
  Owned<char *> words (g_strsplit (text ? text : "", ",", -1));
  for (char **word = words.get (); *word; word++) {
    g_strstrip (*word);
    if (**word)
      parts.emplace_back (*word);
  }
  return parts;
}

} // namespace restream::sink
