// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/tcp-pool.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

namespace restream::transport::native {

namespace {

constexpr unsigned kMaxAccepts = 32; // at a time

bool
watch (int epoll, int fd)
{
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  return epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

} // namespace

TcpPool::TcpPool (Handler &handler, int epoll, Descriptor listener)
    : handler_ (handler), epoll_ (epoll), listener_ (std::move (listener))
{
  if (listener_.get () >= 0)
    watch (epoll_, listener_.get ());
}

void
TcpPool::handle_event (int fd, std::int64_t now_us)
{
  if (fd == listener_.get ())
    return accept (now_us);
  auto found = connections_.find (fd);
  if (found == connections_.end ())
    return;
  std::shared_ptr<TcpConnection> connection = found->second;
  bool alive = connection->read ();
  handle_rest (*connection);
  if (!alive && connections_.contains (fd)) {
    handler_.tcp_ended (*connection);
    close (*connection);
  }
}

void
TcpPool::handle_rest (TcpConnection &connection)
{
  auto is_ours = [&] {
    auto found = connections_.find (connection.fd ());
    return found != connections_.end () && found->second.get () == &connection;
  };
  while (is_ours ()) {
    std::span<std::uint8_t> datagram = connection.next_datagram ();
    if (datagram.empty ())
      break;
    handler_.handle_tcp (connection, datagram);
  }
}

void
TcpPool::accept (std::int64_t now_us)
{
  auto unproved = static_cast<std::size_t> (
      std::count_if (connections_.begin (), connections_.end (),
          [] (const auto &entry) { return !entry.second->session; }));
  for (unsigned i = 0; i < kMaxAccepts; i++) {
    std::shared_ptr<TcpConnection> connection =
        TcpConnection::accept (listener_.get (), now_us);
    if (!connection) {
      // Another one may wait behind one that was given up; anything else ends the round.
      if (errno == ECONNABORTED || errno == EINTR)
        continue;
      break;
    }
    if (unproved < kMaxUnproved) {
      adopt (std::move (connection));
      unproved++;
    } // else it is closed here
  }
}

void
TcpPool::adopt (std::shared_ptr<TcpConnection> connection)
{
  int fd = connection->fd ();
  if (watch (epoll_, fd))
    connections_[fd] = std::move (connection);
}

std::shared_ptr<TcpConnection>
TcpPool::take (TcpConnection &connection)
{
  auto found = connections_.find (connection.fd ());
  if (found == connections_.end () || found->second.get () != &connection)
    return nullptr;
  epoll_ctl (epoll_, EPOLL_CTL_DEL, connection.fd (), nullptr);
  std::shared_ptr<TcpConnection> taken = std::move (found->second);
  connections_.erase (found);
  return taken;
}

void
TcpPool::close (TcpConnection &connection)
{
  take (connection);
}

std::int64_t
TcpPool::close_unproved (std::int64_t now_us)
{
  std::int64_t next = INT64_MAX;
  for (auto entry = connections_.begin (); entry != connections_.end ();) {
    std::int64_t due = entry->second->born_us () + kProveWithinUs;
    if (!entry->second->session && due <= now_us) {
      entry = connections_.erase (entry); // which also ends the watching
      continue;
    }
    if (!entry->second->session)
      next = std::min (next, due);
    ++entry;
  }
  return next;
}

} // namespace restream::transport::native
