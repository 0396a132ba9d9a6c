// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/tcp-connection.h"

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

namespace restream::transport::native {

// The TCP connections of one thread. Those without a session are bounded in number and
// time, so that nobody can use up the process's descriptors with them.
// Thread: its I/O thread's.
class TcpPool
{
public:
  class Handler
  {
  public:
    // May take or close the connection.
    virtual void handle_tcp (TcpConnection &connection,
        std::span<std::uint8_t> datagram) = 0;
    // It has ended. Its session, if any, has to forget it.
    virtual void tcp_ended (TcpConnection &connection) = 0;

  protected:
    ~Handler () = default;
  };

  static constexpr std::size_t kMaxUnproved = 256;
  static constexpr std::int64_t kProveWithinUs = 10'000'000;

  // listener: may be none. epoll and handler outlive it.
  TcpPool (Handler &handler, int epoll, Descriptor listener);
  TcpPool (const TcpPool &) = delete;
  TcpPool &operator= (const TcpPool &) = delete;

  // What epoll has found; descriptors that are none of ours are left alone.
  void handle_event (int fd, std::int64_t now_us);
  // Hands a connection over to another thread's pool, with what it has read already.
  std::shared_ptr<TcpConnection> take (TcpConnection &connection);
  void adopt (std::shared_ptr<TcpConnection> connection);
  // The datagrams that came with an adopted one.
  void handle_rest (TcpConnection &connection);
  void close (TcpConnection &connection);
  // Closes those that nobody has proved to be a viewer's. Returns when to call
  // again; INT64_MAX: not before there is another one.
  std::int64_t close_unproved (std::int64_t now_us);

private:
  void accept (std::int64_t now_us);

  Handler &handler_;
  const int epoll_;
  Descriptor listener_;
  std::unordered_map<int, std::shared_ptr<TcpConnection>> connections_;
};

} // namespace restream::transport::native
