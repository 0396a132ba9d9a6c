// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace restream::transport::native {

// An IP address and port. IPv4 is kept as an IPv4-mapped IPv6 address, as a
// dual-stack socket gives it, so that there is one form only.
struct Address
{
  in6_addr ip{};
  std::uint16_t port = 0; // host order
  std::uint32_t scope = 0; // of link-local IPv6 addresses

  // family: AF_INET or AF_INET6; other ones give nothing.
  static std::optional<Address> from (const sockaddr_storage &from);
  static std::optional<Address> parse (std::string_view ip, std::uint16_t port);
  // All of the machine's addresses.
  static Address any (std::uint16_t port, int family);
  // For a socket of this family; an IPv6 address does not fit into AF_INET: 0.
  socklen_t to (sockaddr_storage &to, int family) const;

  bool is_ipv4 () const { return IN6_IS_ADDR_V4MAPPED (&ip); }
  std::string ip_text () const; // "192.0.2.1", "2001:db8::1"
  std::string text () const; // "192.0.2.1:5004", "[2001:db8::1]:5004"

  bool operator== (const Address &other) const
  {
    return port == other.port && scope == other.scope
        && std::memcmp (&ip, &other.ip, sizeof ip) == 0;
  }
};

// Only addresses that have proved themselves get into tables, so that nobody can
// choose what collides.
struct AddressHash
{
  std::size_t operator() (const Address &address) const
  {
    std::uint64_t words[2];
    std::memcpy (words, &address.ip, sizeof words);
    std::uint64_t h = words[0] * 0x9e3779b97f4a7c15u;
    h = (h ^ words[1] ^ address.port) * 0xbf58476d1ce4e5b9u;
    return h ^ (h >> 31);
  }
};

class TcpConnection;

// How a datagram came, and so how the answer goes. The local address is kept because the
// socket is bound to all of them, and a viewer expects the answer from where it sent to.
struct Path
{
  Address remote;
  in6_addr local{};
  std::uint32_t interface = 0; // only for link-local addresses
  TcpConnection *tcp = nullptr; // owned by the thread; null = UDP

  bool operator== (const Path &other) const
  {
    return remote == other.remote && tcp == other.tcp
        && std::memcmp (&local, &other.local, sizeof local) == 0;
  }
};

} // namespace restream::transport::native
