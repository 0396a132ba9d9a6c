// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/address.h"

#include <arpa/inet.h>

namespace restream::transport::native {

namespace {

void
map_ipv4 (in6_addr &to, const in_addr &from)
{
  to = {};
  to.s6_addr[10] = to.s6_addr[11] = 0xff;
  std::memcpy (&to.s6_addr[12], &from, sizeof from);
}

} // namespace

std::optional<Address>
Address::from (const sockaddr_storage &from)
{
  Address address;
  if (from.ss_family == AF_INET6) {
    const auto &in6 = reinterpret_cast<const sockaddr_in6 &> (from);
    address.ip = in6.sin6_addr;
    address.port = ntohs (in6.sin6_port);
    address.scope =
        IN6_IS_ADDR_LINKLOCAL (&in6.sin6_addr) ? in6.sin6_scope_id : 0;
    return address;
  }
  if (from.ss_family == AF_INET) {
    const auto &in = reinterpret_cast<const sockaddr_in &> (from);
    map_ipv4 (address.ip, in.sin_addr);
    address.port = ntohs (in.sin_port);
    return address;
  }
  return std::nullopt;
}

std::optional<Address>
Address::parse (std::string_view ip, std::uint16_t port)
{
  Address address;
  address.port = port;
  std::string text (ip);
  in_addr v4;
  if (inet_pton (AF_INET, text.c_str (), &v4) == 1) {
    map_ipv4 (address.ip, v4);
    return address;
  }
  if (inet_pton (AF_INET6, text.c_str (), &address.ip) == 1)
    return address;
  return std::nullopt;
}

Address
Address::any (std::uint16_t port, int family)
{
  Address address;
  address.port = port;
  if (family == AF_INET)
    map_ipv4 (address.ip, in_addr{});
  return address;
}

socklen_t
Address::to (sockaddr_storage &to, int family) const
{
  to = {};
  if (family == AF_INET6) {
    auto &in6 = reinterpret_cast<sockaddr_in6 &> (to);
    in6.sin6_family = AF_INET6;
    in6.sin6_addr = ip;
    in6.sin6_port = htons (port);
    in6.sin6_scope_id = scope;
    return sizeof in6;
  }
  if (!is_ipv4 ())
    return 0;
  auto &in = reinterpret_cast<sockaddr_in &> (to);
  in.sin_family = AF_INET;
  std::memcpy (&in.sin_addr, &ip.s6_addr[12], sizeof in.sin_addr);
  in.sin_port = htons (port);
  return sizeof in;
}

std::string
Address::ip_text () const
{
  char text[INET6_ADDRSTRLEN] = "";
  if (is_ipv4 ())
    inet_ntop (AF_INET, &ip.s6_addr[12], text, sizeof text);
  else
    inet_ntop (AF_INET6, &ip, text, sizeof text);
  return text;
}

std::string
Address::text () const
{
  std::string number = std::to_string (port);
  return is_ipv4 () ? ip_text () + ":" + number
                    : "[" + ip_text () + "]:" + number;
}

} // namespace restream::transport::native
