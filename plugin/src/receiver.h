// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"
#include "plugin/src/packet-pool.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace restream::src {

// Receives datagrams in bursts into pool buffers. A datagram stays here until
// taken or until the next burst overwrites it.
// Thread: the streaming thread only.
class Receiver
{
public:
  // A picture, as a rule. The first packets of a large one need not wait for its last.
  static constexpr unsigned kBurst = 16;
  static constexpr std::size_t kMaxDatagram = 65536;

  Receiver ();
  ~Receiver ();
  Receiver (const Receiver &) = delete;
  Receiver &operator= (const Receiver &) = delete;

  // How many datagrams are here now, or -errno. Never waits.
  int receive (int fd);
  // Has buffers at hand for the next burst, so that receive() need not fetch them while one
  // waits. false: no memory.
  bool refill ();

  std::span<const std::uint8_t> datagram (unsigned i) const;
  const sockaddr_storage &source (unsigned i) const { return sources_[i]; }
  // The datagram as a buffer (transfer full); at most once per datagram.
  GstBuffer *take (unsigned i);

  // Datagrams that the socket of the last receive() lost for want of buffer
  // space since it was opened; modulo 2³².
  std::uint32_t overflow () const { return overflow_; }

private:
  struct Slot
  {
    GstBuffer *buffer = nullptr;
    GstMapInfo map;
  };
  bool fill (Slot &slot);

  Ref<GstBufferPool> pool_;
  std::array<Slot, kBurst> slots_;
  std::array<mmsghdr, kBurst> messages_{};
  std::array<std::array<iovec, 2>, kBurst> parts_{};
  std::array<sockaddr_storage, kBurst> sources_{};
  struct alignas (cmsghdr) Control
  {
    char bytes[CMSG_SPACE (sizeof (std::uint32_t))];
  };
  std::array<Control, kBurst> control_{};
  // What does not fit a slot. kMaxDatagram for each, but hardly ever touched.
  std::unique_ptr<std::uint8_t[]> big_;
  std::uint32_t overflow_ = 0;
  unsigned stale_ = kBurst; // messages to make ready before the next call
};

} // namespace restream::src
