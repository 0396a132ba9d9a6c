// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer's DTLS costs us: time of a handshake, heap before, in and after it.
#include "plugin/transport/native/dtls/dtls-connection.h"

#include <openssl/crypto.h>

#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <memory>
#include <vector>

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr unsigned kConnections = 200;

std::int64_t
cpu_ns ()
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::size_t
heap ()
{
  const struct mallinfo2 info = mallinfo2 ();
  return info.uordblks + info.hblkhd;
}

struct Side
{
  std::unique_ptr<DtlsConnection> dtls;
  std::int64_t cpu = 0;
};

// Hands over what a has for b. False: nothing.
bool
pass (Side &a, Side &b)
{
  bool some = false;
  std::span<const std::uint8_t> datagram;
  for (;;) {
    const std::int64_t t0 = cpu_ns ();
    const bool more = a.dtls->next_datagram (datagram);
    a.cpu += cpu_ns () - t0;
    if (!more)
      return some;
    const std::vector<std::uint8_t> copy (datagram.begin (), datagram.end ());
    const std::int64_t t1 = cpu_ns ();
    b.dtls->receive (copy, 0);
    b.cpu += cpu_ns () - t1;
    some = true;
  }
}

} // namespace

int
main ()
{
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);
  const std::int64_t made = cpu_ns ();
  auto a = *DtlsIdentity::create ();
  std::printf ("identity: %.0f us the first time", (cpu_ns () - made) / 1e3);
  const std::int64_t again = cpu_ns ();
  auto b = *DtlsIdentity::create ();
  std::printf (", %.0f us the second\n", (cpu_ns () - again) / 1e3);
  const std::vector fa = {a->fingerprint ()}, fb = {b->fingerprint ()};

  auto run = [&] (std::vector<Side> &clients, std::vector<Side> &servers,
                 bool report) {
    const std::size_t h0 = heap ();
    for (unsigned i = 0; i < kConnections; i++)
      servers[i].dtls = std::move (
          *DtlsConnection::create (a, DtlsConnection::Role::server, fb));
    const std::size_t h1 = heap ();
    for (unsigned i = 0; i < kConnections; i++)
      clients[i].dtls = std::move (
          *DtlsConnection::create (b, DtlsConnection::Role::client, fa));
    const std::size_t h2 = heap ();
    for (Side &client : clients) {
      const std::int64_t t0 = cpu_ns ();
      client.dtls->start (0);
      client.cpu += cpu_ns () - t0;
    }
    const std::size_t h3 = heap ();
    for (unsigned i = 0; i < kConnections; i++)
      pass (clients[i], servers[i]);
    const std::size_t h4 = heap ();
    for (unsigned i = 0; i < kConnections; i++)
      while (pass (clients[i], servers[i]) || pass (servers[i], clients[i])) {
      }
    const std::size_t h5 = heap ();
    for (Side &server : servers) {
      const std::int64_t t0 = cpu_ns ();
      server.dtls->peer_confirmed ();
      server.cpu += cpu_ns () - t0;
    }
    const std::size_t h6 = heap ();
    unsigned connected = 0;
    std::int64_t client_cpu = 0, server_cpu = 0;
    for (unsigned i = 0; i < kConnections; i++) {
      connected += clients[i].dtls->state () == DtlsConnection::State::connected
          && servers[i].dtls->state () == DtlsConnection::State::connected;
      client_cpu += clients[i].cpu;
      server_cpu += servers[i].cpu;
    }
    if (connected != kConnections || !report)
      return connected == kConnections;
    const double n = kConnections;
    std::printf ("%u connections, bytes of heap each:\n", kConnections);
    std::printf ("  idle server %.0f, idle client %.0f (sizeof %zu)\n",
        (h1 - h0) / n, (h2 - h1) / n, sizeof (DtlsConnection));
    std::printf ("  handshaking client %.0f, server %.0f\n", (h3 - h1) / n,
        (h4 - h3 + h1 - h0) / n);
    const double released = (h6 - h0) / n / 2;
    std::printf ("  connected server %.0f, released, mean of both roles %.0f\n",
        (h5 - h0) / n - released, released);
    std::printf ("cpu of a handshake: client %.0f us, server %.0f us\n",
        client_cpu / n / 1e3, server_cpu / n / 1e3);
    return true;
  };
  for (bool report : {false, true}) { // the first one warms up
    std::vector<Side> clients (kConnections), servers (kConnections);
    if (!run (clients, servers, report))
      return 1;
  }

  return 0;
}
