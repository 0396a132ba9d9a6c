// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/client-socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace restream::load {

namespace {

using transport::native::Descriptor;

constexpr int kReceiveBufferBytes = 1024 * 1024;
constexpr std::size_t kMaxDatagramBytes = 2048;
constexpr std::size_t kControlBytes = CMSG_SPACE (sizeof (timespec));

// linux/sock_diag.h, which C++ headers of the C library do not have.
constexpr int kMemInfoDrops = 8; // SK_MEMINFO_DROPS
constexpr int kMemInfoValues = 9;

std::int64_t
to_us (const timespec &t)
{
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000;
}

// The kernel stamps by the wall clock.
std::int64_t
wall_clock_us ()
{
  timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  return to_us (now);
}

Error
system_error (const std::string &what)
{
  return {Code::unavailable, what + ": " + g_strerror (errno)};
}

} // namespace

struct ReceiveBatch::Buffers
{
  std::array<mmsghdr, kMaxDatagrams> messages;
  std::array<iovec, kMaxDatagrams> vectors;
  std::array<sockaddr_storage, kMaxDatagrams> senders;
  std::array<ClientSocket::Datagram, kMaxDatagrams> datagrams;
  struct alignas (cmsghdr) Control
  {
    std::array<std::uint8_t, kControlBytes> bytes;
  };
  std::array<Control, kMaxDatagrams> control;
  std::array<std::array<std::uint8_t, kMaxDatagramBytes>, kMaxDatagrams> bytes;
};

ReceiveBatch::ReceiveBatch () : buffers_ (new Buffers) {}
ReceiveBatch::~ReceiveBatch () = default;

Result<ClientSocket>
ClientSocket::open ()
{
  int family = AF_INET6;
  Descriptor fd (socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get () < 0 && errno == EAFNOSUPPORT) {
    family = AF_INET; // a kernel without IPv6
    fd = Descriptor (
        socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  if (fd.get () < 0)
    return system_error ("cannot open a UDP socket");
  const int off = 0, on = 1;
  if (family == AF_INET6
      && setsockopt (fd.get (), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off)
          != 0)
    return system_error ("cannot have IPv4 and IPv6 on one UDP socket");
  if (setsockopt (fd.get (), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
    return system_error ("cannot have the times of datagrams");
  // Past the system's bound where we may, else up to it.
  if (setsockopt (fd.get (), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
          sizeof kReceiveBufferBytes)
      != 0)
    setsockopt (fd.get (), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes,
        sizeof kReceiveBufferBytes);

  Address any; // ::, which is 0.0.0.0 too
  if (family == AF_INET)
    any.ip.s6_addr[10] = any.ip.s6_addr[11] = 0xff;
  sockaddr_storage name;
  socklen_t length = any.to (name, family);
  if (bind (fd.get (), reinterpret_cast<sockaddr *> (&name), length) != 0)
    return system_error ("cannot bind a UDP socket");
  length = sizeof name;
  if (getsockname (fd.get (), reinterpret_cast<sockaddr *> (&name), &length)
      != 0)
    return system_error ("cannot learn a UDP port");
  ClientSocket opened (std::move (fd), family);
  opened.port_ = Address::from (name)->port;
  return opened;
}

std::span<ClientSocket::Datagram>
ClientSocket::receive (ReceiveBatch &batch)
{
  ReceiveBatch::Buffers &b = *batch.buffers_;
  for (unsigned i = 0; i < ReceiveBatch::kMaxDatagrams; i++) {
    b.vectors[i] = {b.bytes[i].data (), kMaxDatagramBytes};
    b.messages[i].msg_hdr = {
        .msg_name = &b.senders[i],
        .msg_namelen = sizeof (sockaddr_storage),
        .msg_iov = &b.vectors[i],
        .msg_iovlen = 1,
        .msg_control = b.control[i].bytes.data (),
        .msg_controllen = kControlBytes,
        .msg_flags = 0,
    };
  }
  const int n = recvmmsg (fd_.get (), b.messages.data (),
      ReceiveBatch::kMaxDatagrams, MSG_DONTWAIT, nullptr);
  if (n <= 0)
    return {};
  const std::int64_t now_us = g_get_monotonic_time ();
  const std::int64_t to_monotonic = now_us - wall_clock_us ();
  unsigned kept = 0;
  for (int i = 0; i < n; i++) {
    msghdr &message = b.messages[i].msg_hdr;
    const std::optional<Address> from = Address::from (b.senders[i]);
    if (!from || message.msg_flags & MSG_TRUNC)
      continue;
    std::int64_t arrival_us = now_us;
    for (cmsghdr *c = CMSG_FIRSTHDR (&message); c;
         c = CMSG_NXTHDR (&message, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        timespec stamp;
        std::memcpy (&stamp, CMSG_DATA (c), sizeof stamp);
        arrival_us = to_us (stamp) + to_monotonic;
      }
    }
    b.datagrams[kept++] = {*from, {b.bytes[i].data (), b.messages[i].msg_len},
        arrival_us};
  }
  // Left out ones must not look like the end.
  if (n == static_cast<int> (ReceiveBatch::kMaxDatagrams))
    while (kept < ReceiveBatch::kMaxDatagrams)
      b.datagrams[kept++] = {{}, {}, now_us};
  return {b.datagrams.data (), kept};
}

bool
ClientSocket::send (const Address &to, std::span<const std::uint8_t> bytes)
{
  sockaddr_storage name;
  const socklen_t length = to.to (name, family_);
  return length != 0
      && sendto (fd_.get (), bytes.data (), bytes.size (),
             MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr *> (&name),
             length)
      == static_cast<ssize_t> (bytes.size ());
}

std::uint64_t
ClientSocket::dropped () const
{
  std::uint32_t values[kMemInfoValues] = {};
  socklen_t size = sizeof values;
  if (getsockopt (fd_.get (), SOL_SOCKET, SO_MEMINFO, values, &size) != 0
      || size < sizeof values)
    return 0;
  return values[kMemInfoDrops];
}

} // namespace restream::load
