// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/transport/native/io/udp-socket.h"

#include <cstdint>
#include <memory>
#include <span>

namespace restream::load {

// What sockets of one thread receive into, one after the other.
// Thread: its owner's.
class ReceiveBatch
{
public:
  static constexpr unsigned kMaxDatagrams = 64;

  ReceiveBatch ();
  ~ReceiveBatch ();
  ReceiveBatch (const ReceiveBatch &) = delete;
  ReceiveBatch &operator= (const ReceiveBatch &) = delete;

private:
  friend class ClientSocket;
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

// A viewer's own UDP socket. Datagrams bear the time at which the kernel took them
// in, so that they may be fetched late without spoiling a measurement.
// Thread: its owner's.
class ClientSocket
{
public:
  using Address = transport::native::Address;

  // IPv6 and IPv4 in one where the kernel has both. Errors: unavailable.
  static Result<ClientSocket> open ();

  int fd () const { return fd_.get (); }
  std::uint16_t port () const { return port_; }

  struct Datagram
  {
    Address from;
    std::span<std::uint8_t> bytes; // writable: decrypted in place
    std::int64_t arrival_us; // monotonic
  };
  // What is there, kMaxDatagrams at most; valid until the batch is used again.
  // Fewer: there are no more.
  std::span<Datagram> receive (ReceiveBatch &batch);
  // False: the kernel refused.
  bool send (const Address &to, std::span<const std::uint8_t> bytes);
  // Datagrams that the kernel threw away because we did not fetch them in time.
  std::uint64_t dropped () const;

private:
  ClientSocket (transport::native::Descriptor fd, int family)
      : fd_ (std::move (fd)), family_ (family)
  {
  }

  transport::native::Descriptor fd_;
  int family_;
  std::uint16_t port_ = 0;
};

} // namespace restream::load
