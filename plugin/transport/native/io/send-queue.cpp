// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/send-queue.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace restream::transport::native {

SendQueue::SendQueue (UdpSocket &socket)
    : socket_ (socket), arena_ (new std::uint8_t[kArenaBytes])
{
}

std::uint8_t *
SendQueue::reserve (std::size_t bytes)
{
  if (bytes > kMaxMessageBytes)
    return nullptr;
  if (count_ == kMessages || used_ + bytes > kArenaBytes)
    flush ();
  return blocked_ ? nullptr : &arena_[used_];
}

void
SendQueue::commit (const Path &path, std::size_t bytes, std::size_t segment,
    std::atomic<std::uint64_t> &dropped)
{
  if (path.tcp)
    return commit_tcp (*path.tcp, {&arena_[used_], bytes}, segment, dropped);
  messages_[count_] = {path, used_, bytes, segment, &dropped};
  count_++;
  used_ += bytes;
}

void
SendQueue::send (const Path &path, std::span<const std::uint8_t> bytes)
{
  if (bytes.empty ())
    return;
  if (std::uint8_t *out = reserve (bytes.size ())) {
    std::copy (bytes.begin (), bytes.end (), out);
    commit (path, bytes.size (), bytes.size (), nobody_);
  }
}

CmBatch *
SendQueue::batch (const Path &path)
{
  if (path.tcp)
    return nullptr;
  // Not before a viewer comes who needs it: it takes 200 kB.
  if (!std::exchange (batch_tried_, true))
    batch_ = CmBatch::create ();
  return batch_.get ();
}

// Its frames are of no use to segmentation: each packet goes into the connection.
void
SendQueue::commit_tcp (TcpConnection &connection,
    std::span<const std::uint8_t> packets, std::size_t segment,
    std::atomic<std::uint64_t> &dropped)
{
  while (!packets.empty ()) {
    std::size_t bytes = std::min (segment, packets.size ());
    if (!connection.send (packets.first (bytes)))
      dropped.fetch_add (1, std::memory_order_relaxed);
    packets = packets.subspan (bytes);
  }
}

void
SendQueue::forget (const std::atomic<std::uint64_t> &dropped)
{
  for (std::size_t i = 0; i < count_; i++) {
    if (messages_[i].dropped == &dropped)
      messages_[i].dropped = &nobody_;
  }
}

// Fills the headers from first on; returns how many may go in one call. 0: the first
// has to be segmented here.
std::size_t
SendQueue::prepare (std::size_t first)
{
  int family = socket_.family ();
  std::size_t i = first;
  for (; i < count_; i++) {
    const Message &message = messages_[i];
    bool several = message.bytes > message.segment;
    if (several && !segmentation_)
      break;
    vectors_[i] = {&arena_[message.offset], message.bytes};
    headers_[i].msg_hdr = {
        .msg_name = &names_[i],
        .msg_namelen = message.path.remote.to (names_[i], family),
        .msg_iov = &vectors_[i],
        .msg_iovlen = 1,
        .msg_control = control_[i].data (),
        .msg_controllen =
            write_control (control_[i].data (), family, message.path,
                several ? static_cast<std::uint16_t> (message.segment) : 0),
        .msg_flags = 0,
    };
  }
  return i - first;
}

void
SendQueue::flush ()
{
  blocked_ = false;
  if (batch_)
    batch_->run ();
  std::size_t first = 0;
  while (first < count_) {
    std::size_t n = prepare (first);
    if (n == 0) {
      send_one_by_one (messages_[first++]);
      continue;
    }
    int sent = sendmmsg (socket_.fd (), &headers_[first],
        static_cast<unsigned> (n), MSG_DONTWAIT | MSG_NOSIGNAL);
    counters_.calls++;
    if (sent > 0) {
      counters_.sends += static_cast<std::size_t> (sent);
      first += static_cast<std::size_t> (sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      // What is encrypted already waits; nothing more is, until there is room.
      blocked_ = true;
      break;
    } else if (errno != EINTR) {
      refused (messages_[first++], errno);
    }
  }
  std::move (messages_.begin () + static_cast<std::ptrdiff_t> (first),
      messages_.begin () + static_cast<std::ptrdiff_t> (count_),
      messages_.begin ());
  count_ -= first;
  if (count_ == 0)
    used_ = 0;
}

void
SendQueue::refused (const Message &message, int error)
{
  // EIO: the interface cannot segment. EINVAL: this path is narrower than a packet.
  if (message.bytes > message.segment && (error == EIO || error == EINVAL)) {
    if (error == EIO)
      segmentation_ = false;
    return send_one_by_one (message);
  }
  counters_.refused += packets_of (message);
  message.dropped->fetch_add (packets_of (message), std::memory_order_relaxed);
}

void
SendQueue::send_one_by_one (const Message &message)
{
  for (std::size_t at = 0; at < message.bytes; at += message.segment) {
    std::size_t bytes = std::min (message.segment, message.bytes - at);
    counters_.calls++;
    if (socket_.send (message.path, {&arena_[message.offset + at], bytes})) {
      counters_.sends++;
    } else {
      counters_.refused++;
      message.dropped->fetch_add (1, std::memory_order_relaxed);
    }
  }
}

} // namespace restream::transport::native
