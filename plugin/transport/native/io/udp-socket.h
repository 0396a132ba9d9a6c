// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/transport/native/io/address.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace restream::transport::native {

// A descriptor that is closed with its owner.
class Descriptor
{
public:
  Descriptor () = default;
  explicit Descriptor (int fd) : fd_ (fd) {}
  Descriptor (Descriptor &&other) noexcept : fd_ (std::exchange (other.fd_, -1))
  {
  }
  Descriptor &operator= (Descriptor &&other) noexcept
  {
    std::swap (fd_, other.fd_);
    return *this;
  }
  ~Descriptor ();

  int get () const { return fd_; }

private:
  int fd_ = -1;
};

// A UDP socket on all of the machine's addresses, IPv6 and IPv4 in one where the
// kernel has IPv6. It tells to which address a datagram came.
// Thread: its owner's.
class UdpSocket
{
public:
  // The largest datagram that is looked at: DTLS and RTCP of viewers are smaller.
  static constexpr std::size_t kMaxDatagram = 2048;
  static constexpr unsigned kMaxBatch = 32;

  // Opens count sockets on one port, among which the kernel spreads the remote
  // addresses. port 0 = any free. Nobody else may have the port: unavailable.
  static Result<std::vector<UdpSocket>> open (std::uint16_t port,
      unsigned count);

  int fd () const { return fd_.get (); }
  int family () const { return family_; }
  std::uint16_t port () const { return port_; }

  struct Datagram
  {
    Path path;
    std::span<std::uint8_t> bytes; // writable: decrypted in place
    bool truncated;
  };
  // What is there now, kMaxBatch at most; valid until the next call. Fewer than kMaxBatch: no more.
  std::span<Datagram> receive ();

  // At once. false: the queue is full, or the kernel refused.
  bool send (const Path &path, std::span<const std::uint8_t> bytes);

private:
  UdpSocket (Descriptor fd, int family);
  static Result<UdpSocket> bind_one (int family, std::uint16_t port,
      bool first);

  struct ReceiveBuffers;
  struct FreeBuffers
  {
    void operator() (ReceiveBuffers *buffers) const;
  };

  Descriptor fd_;
  int family_;
  std::uint16_t port_ = 0;
  std::unique_ptr<ReceiveBuffers, FreeBuffers> buffers_;
};

// Writes the control messages of a send: from which of our addresses it goes
// (0 segment = no segmentation). Returns their length.
inline constexpr std::size_t kControlBytes =
    CMSG_SPACE (sizeof (in6_pktinfo)) + CMSG_SPACE (sizeof (std::uint16_t));
std::size_t write_control (std::uint8_t *control, int family, const Path &path,
    std::uint16_t segment);

} // namespace restream::transport::native
