// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/tcp-connection.h"
#include "plugin/transport/native/io/udp-socket.h"
#include "plugin/transport/native/srtp/cm-batch.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace restream::transport::native {

// Where a thread's outgoing media is encrypted to, and leaves from: many viewers' bursts by one
// sendmmsg, each a UDP_SEGMENT send of packets of one size.
// Thread: its owner's.
class SendQueue
{
public:
  // One send, bounded by what the kernel takes: 64 segments of 64 kB together.
  static constexpr std::size_t kMaxSegments = 64;
  static constexpr std::size_t kMaxMessageBytes = 60 * 1024;

  explicit SendQueue (UdpSocket &socket);

  // Room for one message of this size, until commit(). Null when the socket's queue is full
  // (blocked()), and when it is more than kMaxMessageBytes.
  std::uint8_t *reserve (std::size_t bytes);
  // Queues what was written there: packets of segment bytes each, of which the last may
  // be shorter. dropped, if the kernel refuses it, grows by the number of packets.
  void commit (const Path &path, std::size_t bytes, std::size_t segment,
      std::atomic<std::uint64_t> &dropped);
  // Queues a copy of one datagram that need not arrive. What is empty is not sent.
  void send (const Path &path, std::span<const std::uint8_t> bytes);
  // For packets that are written there: they are whole when it is flushed. Null: there is no such thing here, or
  // the packets leave at once.
  CmBatch *batch (const Path &path);
  // Hands all to the kernel. While blocked: once the descriptor is writable.
  void flush ();
  bool blocked () const { return blocked_; }
  // The counter's owner goes; what is queued still leaves.
  void forget (const std::atomic<std::uint64_t> &dropped);

  struct Counters
  {
    std::uint64_t sends = 0; // messages handed over
    std::uint64_t calls = 0; // of sendmmsg
    std::uint64_t refused = 0; // packets that the kernel did not take
  };
  const Counters &counters () const { return counters_; }

private:
  static constexpr std::size_t kMessages = 32;
  // A picture for ten viewers or so. With more of them the first one's waits longer, and the CPU's time
  // is the same.
  static constexpr std::size_t kArenaBytes = 96 * 1024;

  struct Message
  {
    Path path;
    std::size_t offset = 0;
    std::size_t bytes = 0;
    std::size_t segment = 0;
    std::atomic<std::uint64_t> *dropped = nullptr;
  };

  void commit_tcp (TcpConnection &connection,
      std::span<const std::uint8_t> packets, std::size_t segment,
      std::atomic<std::uint64_t> &dropped);
  std::size_t prepare (std::size_t first);
  void refused (const Message &message, int error);
  void send_one_by_one (const Message &message);
  static std::size_t packets_of (const Message &message)
  {
    return (message.bytes + message.segment - 1) / message.segment;
  }

  UdpSocket &socket_;
  std::unique_ptr<std::uint8_t[]> arena_;
  std::size_t used_ = 0;
  std::unique_ptr<CmBatch> batch_; // of what is there
  bool batch_tried_ = false;
  std::array<Message, kMessages> messages_;
  std::size_t count_ = 0;
  bool blocked_ = false;
  bool segmentation_ = true; // the kernel and the interface can do it
  Counters counters_;
  std::atomic<std::uint64_t> nobody_{0};

  std::array<mmsghdr, kMessages> headers_{};
  std::array<iovec, kMessages> vectors_{};
  std::array<sockaddr_storage, kMessages> names_{};
  alignas (cmsghdr)
      std::array<std::array<std::uint8_t, kControlBytes>, kMessages> control_{};
};

} // namespace restream::transport::native
