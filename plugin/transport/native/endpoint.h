// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/io/io-thread.h"

#include <memory>
#include <mutex>
#include <vector>

namespace restream::transport::native {

// One UDP port, the threads that serve it, and the certificate that they go by. All
// streams of the process that ask for one port share it.
// Thread: any; the last reference must not go on one of its own threads.
class Endpoint
{
public:
  static constexpr unsigned kMaxThreads = 64;

  // port 0: any free one, shared with nobody. threads 0: as many as cores.
  // Errors: unavailable, as when another process has the port.
  static Result<std::shared_ptr<Endpoint>> open (std::uint16_t port,
      unsigned threads);
  ~Endpoint ();
  Endpoint (const Endpoint &) = delete;
  Endpoint &operator= (const Endpoint &) = delete;

  std::uint16_t port () const { return port_; }
  // Does it listen on the TCP port of the same number as well?
  bool has_tcp () const { return tcp_; }
  std::size_t threads () const { return threads_.size (); }
  IoThread &thread (std::size_t index) { return *threads_[index]; }
  IoThread &least_loaded ();
  Directory &directory () { return directory_; }
  // The certificate for a new session; made anew when it is a day old.
  Result<std::shared_ptr<const DtlsIdentity>> identity ();
  // Runs f on every thread, and returns when all have. Not on one of them.
  void run_on_all (const std::function<void (IoThread &)> &f);

private:
  Endpoint () = default;
  static Result<std::shared_ptr<Endpoint>> make (std::uint16_t port,
      unsigned threads);

  std::uint16_t port_ = 0;
  bool tcp_ = false;
  Directory directory_;
  std::mutex mutex_;
  std::shared_ptr<const DtlsIdentity> identity_; // protected by mutex_
  std::vector<std::unique_ptr<IoThread>> threads_;
};

} // namespace restream::transport::native
