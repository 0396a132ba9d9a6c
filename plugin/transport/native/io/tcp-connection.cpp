// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/tcp-connection.h"

#include "common/bytes.h"

#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace restream::transport::native {

namespace {

constexpr int kBacklog = 128;
constexpr std::size_t kFrameHeader = 2;
// What the kernel may hold back unsent: more would be delay.
constexpr int kUnsentBytes = 64 * 1024;
// Read at a time; a viewer sends a few hundred bytes a second.
constexpr std::size_t kReadBytes = 4096;

} // namespace

Result<Descriptor>
listen_tcp (std::uint16_t port, int family)
{
  auto failed = [port] {
    return Error{Code::unavailable,
        "cannot listen on TCP port " + std::to_string (port) + ": "
            + g_strerror (errno)};
  };
  Descriptor fd (
      socket (family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get () < 0)
    return failed ();
  int on = 1, off = 0;
  // Connections of the last run that are closing would keep the port for a minute.
  setsockopt (fd.get (), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6)
    setsockopt (fd.get (), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_storage address;
  socklen_t length = Address::any (port, family).to (address, family);
  if (bind (fd.get (), reinterpret_cast<sockaddr *> (&address), length) != 0
      || listen (fd.get (), kBacklog) != 0)
    return failed ();
  return fd;
}

TcpConnection::TcpConnection (Descriptor fd, const Address &remote,
    const in6_addr &local, std::int64_t now_us)
    : fd_ (std::move (fd)), remote_ (remote), local_ (local), born_us_ (now_us)
{
}

std::unique_ptr<TcpConnection>
TcpConnection::accept (int listener, std::int64_t now_us)
{
  sockaddr_storage from, to;
  socklen_t length = sizeof from;
  Descriptor fd (accept4 (listener, reinterpret_cast<sockaddr *> (&from),
      &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.get () < 0)
    return nullptr;
  int on = 1;
  setsockopt (fd.get (), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (fd.get (), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes,
      sizeof kUnsentBytes);
  length = sizeof to;
  std::optional<Address> remote = Address::from (from), local;
  if (getsockname (fd.get (), reinterpret_cast<sockaddr *> (&to), &length) == 0)
    local = Address::from (to);
  errno = ECONNABORTED;
  if (!remote || !local)
    return nullptr;
  return std::unique_ptr<TcpConnection> (
      new TcpConnection (std::move (fd), *remote, local->ip, now_us));
}

bool
TcpConnection::read ()
{
  input_.erase (input_.begin (),
      input_.begin () + static_cast<std::ptrdiff_t> (parsed_));
  parsed_ = 0;
  std::size_t had = input_.size ();
  input_.resize (had + kReadBytes);
  ssize_t n = recv (fd_.get (), &input_[had], kReadBytes, MSG_DONTWAIT);
  input_.resize (had + static_cast<std::size_t> (std::max<ssize_t> (n, 0)));
  if (n < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (n == 0)
    return false;
  // A frame that is larger than any we read never ends.
  return input_.size () < kFrameHeader
      || be16 (input_, 0) <= UdpSocket::kMaxDatagram;
}

std::span<std::uint8_t>
TcpConnection::next_datagram ()
{
  while (input_.size () - parsed_ >= kFrameHeader) {
    std::size_t bytes = be16 (input_, parsed_);
    if (bytes > UdpSocket::kMaxDatagram
        || input_.size () - parsed_ - kFrameHeader < bytes)
      break; // the rest is to come, or read() will end it
    std::uint8_t *data = input_.data () + parsed_ + kFrameHeader;
    parsed_ += kFrameHeader + bytes;
    if (bytes)
      return {data, bytes};
  }
  return {};
}

bool
TcpConnection::send (std::span<const std::uint8_t> datagram)
{
  std::uint8_t header[kFrameHeader];
  put_be16 (header, 0, static_cast<std::uint16_t> (datagram.size ()));
  iovec parts[] = {{header, sizeof header},
      {const_cast<std::uint8_t *> (datagram.data ()), datagram.size ()}};
  return write (parts, 2, sizeof header + datagram.size ());
}

bool
TcpConnection::write (const iovec *parts, int count, std::size_t bytes)
{
  std::size_t written = 0;
  if (!congested ()) {
    msghdr message{};
    message.msg_iov = const_cast<iovec *> (parts);
    message.msg_iovlen = static_cast<std::size_t> (count);
    // An error shows when it is read from.
    ssize_t n = sendmsg (fd_.get (), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    written = static_cast<std::size_t> (std::max<ssize_t> (n, 0));
    if (written == bytes)
      return true;
  } else if (pending_.size () - sent_ + bytes > kMaxPending) {
    return false;
  }
  // A frame that has begun must be ended.
  for (int i = 0; i < count; i++) {
    const auto *data = static_cast<const std::uint8_t *> (parts[i].iov_base);
    std::size_t skip = std::min (written, parts[i].iov_len);
    pending_.insert (pending_.end (), data + skip, data + parts[i].iov_len);
    written -= skip;
  }
  return true;
}

void
TcpConnection::flush ()
{
  ssize_t n = ::send (fd_.get (), pending_.data () + sent_,
      pending_.size () - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0)
    sent_ += static_cast<std::size_t> (n);
  if (sent_ == pending_.size ()) {
    pending_.clear ();
    sent_ = 0;
  }
}

} // namespace restream::transport::native
