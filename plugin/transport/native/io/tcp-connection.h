// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/udp-socket.h"

#include <cstdint>
#include <span>
#include <vector>

namespace restream::transport::native {

class Session;

// A listening TCP socket on all of the machine's addresses, for viewers whose network has
// no UDP. Errors: unavailable.
Result<Descriptor> listen_tcp (std::uint16_t port, int family);

// A viewer's ICE-TCP connection: datagrams framed by their length (RFC 4571).
// Thread: its I/O thread's, between which it may be handed over.
class TcpConnection
{
public:
  // What waits for the socket, at most; beyond it datagrams are dropped.
  static constexpr std::size_t kMaxPending = 128 * 1024;

  // The next one that waits at a listening socket; null: there is none (errno says why).
  static std::unique_ptr<TcpConnection> accept (int listener,
      std::int64_t now_us);

  int fd () const { return fd_.get (); }
  // As datagrams from it have it.
  Path path () { return {remote_, local_, 0, this}; }
  std::int64_t born_us () const { return born_us_; }

  // Reads what is there. false: it has ended, or speaks no RFC 4571 that is of use here.
  bool read ();
  // The next whole datagram; empty: none. Valid until read().
  std::span<std::uint8_t> next_datagram ();

  // Frames and sends. What the socket does not take waits; false: dropped.
  bool send (std::span<const std::uint8_t> datagram);
  // Sends what waits.
  void flush ();
  bool congested () const { return sent_ < pending_.size (); }

  // Whose it is: none until a check has come.
  Session *session = nullptr;

private:
  TcpConnection (Descriptor fd, const Address &remote, const in6_addr &local,
      std::int64_t now_us);
  bool write (const iovec *parts, int count, std::size_t bytes);

  Descriptor fd_;
  Address remote_;
  in6_addr local_;
  std::int64_t born_us_;
  std::vector<std::uint8_t> input_;
  std::size_t parsed_ = 0;
  std::vector<std::uint8_t> pending_;
  std::size_t sent_ = 0; // of pending_
};

} // namespace restream::transport::native
