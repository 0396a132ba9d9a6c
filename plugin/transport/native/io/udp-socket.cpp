// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/udp-socket.h"

#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace restream::transport::native {

namespace {

// A keyframe for a thousand viewers, where the interface is slower than we are.
constexpr int kSendBufferBytes = 4 * 1024 * 1024;
constexpr int kReceiveBufferBytes = 2 * 1024 * 1024;

Error
system_error (Code code, const std::string &what)
{
  return {code, what + ": " + g_strerror (errno)};
}

bool
set_flag (int fd, int level, int option)
{
  int on = 1;
  return setsockopt (fd, level, option, &on, sizeof on) == 0;
}

// Past the system's bound where we may, else up to it.
void
set_buffer (int fd, int force, int option, int bytes)
{
  if (setsockopt (fd, SOL_SOCKET, force, &bytes, sizeof bytes) != 0)
    setsockopt (fd, SOL_SOCKET, option, &bytes, sizeof bytes);
}

} // namespace

Descriptor::~Descriptor ()
{
  if (fd_ >= 0)
    ::close (fd_);
}

struct UdpSocket::ReceiveBuffers
{
  ReceiveBuffers ()
  {
    for (unsigned i = 0; i < kMaxBatch; i++) {
      vectors[i] = {bytes[i].data (), kMaxDatagram};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i].data ();
    }
  }

  unsigned stale = kMaxBatch; // headers that the kernel has written to
  std::array<mmsghdr, kMaxBatch> messages{};
  std::array<iovec, kMaxBatch> vectors;
  std::array<sockaddr_storage, kMaxBatch> senders;
  std::array<Datagram, kMaxBatch> datagrams;
  alignas (cmsghdr)
      std::array<std::array<std::uint8_t, kControlBytes>, kMaxBatch> control;
  std::array<std::array<std::uint8_t, kMaxDatagram>, kMaxBatch> bytes;
};

void
UdpSocket::FreeBuffers::operator() (ReceiveBuffers *buffers) const
{
  delete buffers;
}

UdpSocket::UdpSocket (Descriptor fd, int family)
    : fd_ (std::move (fd)), family_ (family), buffers_ (new ReceiveBuffers)
{
}

Result<UdpSocket>
UdpSocket::bind_one (int family, std::uint16_t port, bool first)
{
  Descriptor fd (socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get () < 0)
    return system_error (Code::unavailable, "cannot open a UDP socket");
  int off = 0;
  if (family == AF_INET6
      && setsockopt (fd.get (), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off)
          != 0)
    return system_error (Code::unavailable,
        "cannot have IPv4 and IPv6 on one UDP socket");
  // The first one is bound without sharing: else a second daemon could take
  // half of our viewers' packets without anybody noticing.
  if (!first && !set_flag (fd.get (), SOL_SOCKET, SO_REUSEPORT))
    return system_error (Code::internal, "cannot share the UDP port");
  sockaddr_storage address;
  socklen_t length = Address::any (port, family).to (address, family);
  if (bind (fd.get (), reinterpret_cast<sockaddr *> (&address), length) != 0)
    return system_error (Code::unavailable,
        "cannot listen on UDP port " + std::to_string (port));
  if (first && !set_flag (fd.get (), SOL_SOCKET, SO_REUSEPORT))
    return system_error (Code::internal, "cannot share the UDP port");
  bool informed = family == AF_INET6
      ? set_flag (fd.get (), IPPROTO_IPV6, IPV6_RECVPKTINFO)
      : set_flag (fd.get (), IPPROTO_IP, IP_PKTINFO);
  if (!informed)
    return system_error (Code::internal,
        "cannot learn the addresses that datagrams are sent to");
  set_buffer (fd.get (), SO_SNDBUFFORCE, SO_SNDBUF, kSendBufferBytes);
  set_buffer (fd.get (), SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBufferBytes);

  length = sizeof address;
  if (getsockname (fd.get (), reinterpret_cast<sockaddr *> (&address), &length)
      != 0)
    return system_error (Code::internal, "cannot learn the UDP port");
  UdpSocket opened (std::move (fd), family);
  opened.port_ = Address::from (address)->port;
  return opened;
}

Result<std::vector<UdpSocket>>
UdpSocket::open (std::uint16_t port, unsigned count)
{
  int family = AF_INET6;
  std::vector<UdpSocket> sockets;
  while (sockets.size () < count) {
    bool first = sockets.empty ();
    Result<UdpSocket> opened = bind_one (family, port, first);
    if (!opened && first && family == AF_INET6
        && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
      family = AF_INET; // a kernel without IPv6
      continue;
    }
    if (!opened)
      return opened.error ();
    port = opened->port ();
    sockets.push_back (std::move (*opened));
  }
  return sockets;
}

std::span<UdpSocket::Datagram>
UdpSocket::receive ()
{
  ReceiveBuffers &b = *buffers_;
  for (unsigned i = 0; i < b.stale; i++) {
    msghdr &header = b.messages[i].msg_hdr;
    header.msg_namelen = sizeof (sockaddr_storage);
    header.msg_controllen = kControlBytes;
    header.msg_flags = 0;
  }
  int n = recvmmsg (fd_.get (), b.messages.data (), kMaxBatch, MSG_DONTWAIT,
      nullptr);
  // One more than were received: the kernel may have begun with it.
  b.stale = std::min (kMaxBatch, static_cast<unsigned> (std::max (n, 0)) + 1);
  unsigned kept = 0;
  for (int i = 0; i < n; i++) {
    msghdr &message = b.messages[i].msg_hdr;
    std::optional<Address> remote = Address::from (b.senders[i]);
    if (!remote)
      continue;
    Datagram &datagram = b.datagrams[kept++];
    datagram = {{.remote = *remote},
        {b.bytes[i].data (), b.messages[i].msg_len},
        (message.msg_flags & MSG_TRUNC) != 0};
    for (cmsghdr *c = CMSG_FIRSTHDR (&message); c;
         c = CMSG_NXTHDR (&message, c)) {
      if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy (&info, CMSG_DATA (c), sizeof info);
        datagram.path.local = info.ipi6_addr;
        if (IN6_IS_ADDR_LINKLOCAL (&info.ipi6_addr))
          datagram.path.interface = info.ipi6_ifindex;
      } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy (&info, CMSG_DATA (c), sizeof info);
        datagram.path.local = {};
        datagram.path.local.s6_addr[10] = datagram.path.local.s6_addr[11] =
            0xff;
        std::memcpy (&datagram.path.local.s6_addr[12], &info.ipi_addr,
            sizeof info.ipi_addr);
      }
    }
  }
  return {b.datagrams.data (), kept};
}

bool
UdpSocket::send (const Path &path, std::span<const std::uint8_t> bytes)
{
  alignas (cmsghdr) std::uint8_t control[kControlBytes];
  sockaddr_storage to;
  iovec vector = {const_cast<std::uint8_t *> (bytes.data ()), bytes.size ()};
  msghdr message = {
      .msg_name = &to,
      .msg_namelen = path.remote.to (to, family_),
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control,
      .msg_controllen = write_control (control, family_, path, 0),
      .msg_flags = 0,
  };
  return sendmsg (fd_.get (), &message, MSG_DONTWAIT | MSG_NOSIGNAL)
      == static_cast<ssize_t> (bytes.size ());
}

std::size_t
write_control (std::uint8_t *control, int family, const Path &path,
    std::uint16_t segment)
{
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = kControlBytes;
  std::memset (control, 0, kControlBytes);
  cmsghdr *c = CMSG_FIRSTHDR (&message);
  std::size_t length = 0;
  if (family == AF_INET6) {
    in6_pktinfo info{.ipi6_addr = path.local, .ipi6_ifindex = path.interface};
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN (sizeof info);
    std::memcpy (CMSG_DATA (c), &info, sizeof info);
    length += CMSG_SPACE (sizeof info);
  } else {
    in_pktinfo info{};
    std::memcpy (&info.ipi_spec_dst, &path.local.s6_addr[12],
        sizeof info.ipi_spec_dst);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN (sizeof info);
    std::memcpy (CMSG_DATA (c), &info, sizeof info);
    length += CMSG_SPACE (sizeof info);
  }
  if (segment) {
    c = reinterpret_cast<cmsghdr *> (control + length);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN (sizeof segment);
    std::memcpy (CMSG_DATA (c), &segment, sizeof segment);
    length += CMSG_SPACE (sizeof segment);
  }
  return length;
}

} // namespace restream::transport::native
