// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/port-pair.h"

#include "plugin/src/intake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

namespace restream::src {

namespace {

// Each try binds a port of the kernel's choice; that its neighbour is taken
// is rare, so this many failures mean that something else is wrong.
constexpr int kMaxTries = 64;

Error
os_error (Code code, int number, std::string what)
{
  what += ": ";
  what += g_strerror (number);
  what += " (errno " + std::to_string (number) + ")";
  return {code, std::move (what)};
}

struct Address
{
  sockaddr_storage storage{};
  socklen_t length = 0;

  static std::optional<Address> parse (const std::string &text)
  {
    Address a;
    sockaddr_in in{};
    sockaddr_in6 in6{};
    if (inet_pton (AF_INET, text.c_str (), &in.sin_addr) == 1) {
      in.sin_family = AF_INET;
      a.length = sizeof in;
      std::memcpy (&a.storage, &in, sizeof in);
    } else if (inet_pton (AF_INET6, text.c_str (), &in6.sin6_addr) == 1) {
      in6.sin6_family = AF_INET6;
      a.length = sizeof in6;
      std::memcpy (&a.storage, &in6, sizeof in6);
    } else {
      return std::nullopt;
    }
    return a;
  }

  // The port has the same place in both families.
  static constexpr std::size_t kPortAt = offsetof (sockaddr_in, sin_port);
  static_assert (kPortAt == offsetof (sockaddr_in6, sin6_port));

  void set_port (std::uint16_t port)
  {
    const std::uint16_t n = htons (port);
    std::memcpy (reinterpret_cast<char *> (&storage) + kPortAt, &n, sizeof n);
  }
  std::uint16_t port () const
  {
    std::uint16_t n;
    std::memcpy (&n, reinterpret_cast<const char *> (&storage) + kPortAt,
        sizeof n);
    return ntohs (n);
  }
};

bool
set_option (int fd, int level, int option, int value)
{
  return setsockopt (fd, level, option, &value, sizeof value) == 0;
}

// Leaves the port really bound in address.
Result<Fd>
bind_one (Address &address, const std::string &text)
{
  const std::uint16_t wanted = address.port ();
  Fd fd (socket (address.storage.ss_family,
      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!fd)
    return os_error (Code::internal, errno, "cannot open a UDP socket");
  // No SO_REUSEADDR, no SO_REUSEPORT: for UDP either would let another process
  // share the port and take our packets.
  if (bind (fd.get (), reinterpret_cast<sockaddr *> (&address.storage),
          address.length)
      < 0) {
    const int number = errno;
    return os_error (number == EADDRINUSE ? Code::conflict : Code::internal,
        number,
        "cannot bind UDP port " + std::to_string (wanted) + " of " + text);
  }
  socklen_t length = sizeof address.storage;
  if (getsockname (fd.get (), reinterpret_cast<sockaddr *> (&address.storage),
          &length)
      < 0)
    return os_error (Code::internal, errno, "cannot read the bound port");
  return fd;
}

// Best effort: what the kernel grants is told in PortPair::buffer_bytes().
int
set_buffer (int fd, int bytes)
{
  // FORCE passes over net.core.rmem_max, but takes CAP_NET_ADMIN.
  if (!set_option (fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes))
    set_option (fd, SOL_SOCKET, SO_RCVBUF, bytes);
  int granted = 0;
  socklen_t length = sizeof granted;
  if (getsockopt (fd, SOL_SOCKET, SO_RCVBUF, &granted, &length) < 0)
    return 0;
  return granted;
}

} // namespace

Fd::~Fd ()
{
  if (fd_ >= 0)
    close (fd_);
}

Result<PortPair>
PortPair::open (const Options &options)
{
  auto address = Address::parse (options.address);
  if (!address)
    return Error{Code::bad_request,
        "'" + options.address + "' is not a numeric IP address"};
  if (!is_loopback (address->storage))
    return Error{Code::bad_request,
        options.address + " is not a loopback address"};
  if (options.port > kMaxPort)
    return Error{Code::bad_request,
        "port " + std::to_string (options.port)
            + " has no next port for the audio"};

  PortPair pair;
  pair.address_ = options.address;
  const int tries = options.port ? 1 : kMaxTries;
  Error last{Code::internal, "no free pair of ports"};
  for (int i = 0; i < tries && !pair.port_; i++) {
    address->set_port (options.port);
    auto video = bind_one (*address, options.address);
    if (!video)
      return video.error ();
    const std::uint16_t port = address->port ();
    if (port > kMaxPort)
      continue;
    address->set_port (static_cast<std::uint16_t> (port + 1));
    auto audio = bind_one (*address, options.address);
    if (!audio) {
      // video is released as it goes out of scope.
      last = audio.error ().code == Code::conflict && !options.port
          ? audio.error ().wrap ("no free pair of ports found")
          : audio.error ();
      if (last.code != Code::conflict)
        return last;
      continue;
    }
    pair.fds_[index_of (Media::video)] = *std::move (video);
    pair.fds_[index_of (Media::audio)] = *std::move (audio);
    pair.port_ = port;
  }
  if (!pair.port_)
    return last;

  const int bytes =
      options.buffer_bytes > 0 ? options.buffer_bytes : kDefaultBuffer;
  for (const Fd &fd : pair.fds_) {
    pair.buffer_bytes_ = set_buffer (fd.get (), bytes);
    if (!set_option (fd.get (), SOL_SOCKET, SO_RXQ_OVFL, 1))
      return os_error (Code::internal, errno, "cannot count lost datagrams");
  }
  return pair;
}

} // namespace restream::src
