// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/endpoint.h"

#include "plugin/transport/native/srtp/gcm-cipher.h"

#include <algorithm>
#include <condition_variable>
#include <map>

namespace restream::transport::native {

namespace {

constexpr std::int64_t kIdentityAgeUs =
    std::int64_t{24 * 3600} * G_USEC_PER_SEC;

// The endpoints with a port that was asked for.
struct Shared
{
  std::mutex mutex;
  std::map<std::uint16_t, std::weak_ptr<Endpoint>>
      by_port; // protected by mutex
};

Shared &
shared ()
{
  static Shared instance;
  return instance;
}

} // namespace

Result<std::shared_ptr<Endpoint>>
Endpoint::open (std::uint16_t port, unsigned threads)
{
  if (port == 0)
    return make (port, threads);
  std::lock_guard lock (shared ().mutex);
  std::weak_ptr<Endpoint> &known = shared ().by_port[port];
  if (std::shared_ptr<Endpoint> endpoint = known.lock ())
    return endpoint;
  Result<std::shared_ptr<Endpoint>> made = make (port, threads);
  if (made)
    known = *made;
  return made;
}

Result<std::shared_ptr<Endpoint>>
Endpoint::make (std::uint16_t port, unsigned threads)
{
  std::shared_ptr<Endpoint> self (new Endpoint);
  if (Result<std::shared_ptr<const DtlsIdentity>> identity = self->identity ();
      !identity)
    return identity.error ();
  GcmCipher::warm_up ();
  if (threads == 0)
    threads = std::max (1u, std::thread::hardware_concurrency ());
  auto sockets = UdpSocket::open (port, std::min (threads, kMaxThreads));
  if (!sockets)
    return sockets.error ();
  self->port_ = sockets->front ().port ();
  // Who asked for any port has UDP in mind; who named one is told that it is taken.
  Result<Descriptor> listener =
      listen_tcp (self->port_, sockets->front ().family ());
  if (!listener && port != 0)
    return listener.error ();
  self->tcp_ = listener.has_value ();
  Descriptor first_listener;
  if (listener)
    first_listener = std::move (*listener);
  for (UdpSocket &socket : *sockets) {
    auto thread = IoThread::create (
        static_cast<unsigned> (self->threads_.size ()), std::move (socket),
        std::exchange (first_listener, Descriptor ()), self->directory_);
    if (!thread)
      return thread.error ();
    self->threads_.push_back (std::move (*thread));
  }
  return self;
}

Endpoint::~Endpoint ()
{
  // Sessions on one thread may still speak to another: all end before any is freed.
  for (std::unique_ptr<IoThread> &thread : threads_)
    thread->stop ();
  for (std::unique_ptr<IoThread> &thread : threads_)
    thread->join ();
}

IoThread &
Endpoint::least_loaded ()
{
  return **std::min_element (threads_.begin (), threads_.end (),
      [] (const auto &a, const auto &b) { return a->load () < b->load (); });
}

Result<std::shared_ptr<const DtlsIdentity>>
Endpoint::identity ()
{
  std::lock_guard lock (mutex_);
  if (identity_
      && g_get_monotonic_time () - identity_->created_us () < kIdentityAgeUs)
    return identity_;
  auto made = DtlsIdentity::create ();
  if (made)
    identity_ = *made;
  else if (identity_)
    return identity_; // an old one is better than none
  return made;
}

void
Endpoint::run_on_all (const std::function<void (IoThread &)> &f)
{
  std::mutex mutex;
  std::condition_variable done;
  std::size_t left = threads_.size (); // protected by mutex
  for (std::unique_ptr<IoThread> &thread : threads_)
    thread->post ([&] (IoThread &self) {
      f (self);
      std::lock_guard lock (mutex);
      if (--left == 0)
        done.notify_one ();
    });
  std::unique_lock lock (mutex);
  done.wait (lock, [&] { return left == 0; });
}

} // namespace restream::transport::native
