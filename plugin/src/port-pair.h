// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace restream::src {

// A file descriptor with one owner.
class Fd
{
public:
  Fd () = default;
  explicit Fd (int fd) : fd_ (fd) {}
  Fd (Fd &&other) noexcept : fd_ (std::exchange (other.fd_, -1)) {}
  Fd &operator= (Fd &&other) noexcept
  {
    std::swap (fd_, other.fd_);
    return *this;
  }
  ~Fd ();
  int get () const { return fd_; }
  explicit operator bool () const { return fd_ >= 0; }

private:
  int fd_ = -1;
};

// Two bound UDP sockets on adjacent ports of one loopback address: video on V,
// audio on V + 1. Nobody else can bind either while it lives.
// Thread: opened and closed in state changes; the streaming thread reads.
class PortPair
{
public:
  struct Options
  {
    std::string address = "127.0.0.1"; // numeric, loopback
    std::uint16_t port = 0; // V; 0 = find a free pair
    int buffer_bytes = 0; // kernel receive buffer of each; 0 = kDefaultBuffer
  };
  // Over a second of 20 Mbit/s, by the kernel's count of whole skbs.
  static constexpr int kDefaultBuffer = 8 << 20;
  static constexpr unsigned kMaxPort = 65534; // V + 1 must exist

  // bad_request: options that can never work; conflict: a port is taken;
  // internal: everything else. Nothing stays bound on failure.
  static Result<PortPair> open (const Options &options);

  std::uint16_t port () const { return port_; } // V
  std::uint16_t port (Media media) const
  {
    return static_cast<std::uint16_t> (port_ + index_of (media));
  }
  int fd (Media media) const { return fds_[index_of (media)].get (); }
  const std::string &address () const { return address_; }
  // The kernel receive buffer in effect, which may be less than asked for.
  int buffer_bytes () const { return buffer_bytes_; }

private:
  PortPair () = default;

  std::array<Fd, kMediaCount> fds_;
  std::string address_;
  std::uint16_t port_ = 0;
  int buffer_bytes_ = 0;
};

} // namespace restream::src
