// SPDX-License-Identifier: LGPL-2.1-or-later
// A viewer that says anything to our connection, of either role, in the handshake and
// after it. The input is a list of steps: what the peer, which is one of ours,
// has to say is passed on, changed, doubled or held back, other bytes come in between, and time passes.
#include "plugin/transport/native/dtls/dtls-connection.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <sys/time.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <vector>

using namespace restream;
using namespace restream::transport::native;

namespace {

using Bytes = std::vector<std::uint8_t>;

void
require (bool condition)
{
  if (!condition)
    std::abort ();
}

// The same input makes the same handshake: OpenSSL gets its random numbers here.
std::uint64_t random_state;

int
random_bytes (unsigned char *out, int size)
{
  for (int i = 0; i < size; i++) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    out[i] = static_cast<unsigned char> (random_state >> 56);
  }
  return 1;
}

int
random_status ()
{
  return 1;
}

std::int64_t now; // microseconds

struct World
{
  World ()
  {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    static const RAND_METHOD method = {nullptr, random_bytes, nullptr, nullptr,
        random_bytes, random_status};
    RAND_set_rand_method (&method);
#pragma GCC diagnostic pop
    ours = *DtlsIdentity::create ();
    peers = *DtlsIdentity::create ();
  }
  std::shared_ptr<const DtlsIdentity> ours, peers;
};

void
drain (DtlsConnection &from, std::deque<Bytes> &to)
{
  std::span<const std::uint8_t> datagram;
  while (from.next_datagram (datagram)) {
    require (!datagram.empty () && datagram.size () <= kDtlsMtu);
    if (to.size () < 64)
      to.emplace_back (datagram.begin (), datagram.end ());
  }
}

} // namespace

// The clock of OpenSSL's timer, in place of libc's.
extern "C" __attribute__ ((visibility ("default"))) int
gettimeofday (struct timeval *tv, void *) noexcept
{
  tv->tv_sec = 1'000'000'000 + now / 1'000'000;
  tv->tv_usec = now % 1'000'000;
  return 0;
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  static const World world;
  random_state = 1;
  using Role = DtlsConnection::Role;
  using State = DtlsConnection::State;
  std::span<const std::uint8_t> in (data, size);
  auto byte = [&] () -> std::uint8_t {
    if (in.empty ())
      return 0;
    const std::uint8_t value = in.front ();
    in = in.subspan (1);
    return value;
  };
  const std::uint8_t flags = byte ();
  const bool client = flags & 1;
  auto ours = std::move (
      *DtlsConnection::create (world.ours, client ? Role::client : Role::server,
          std::vector{world.peers->fingerprint ()}));
  auto peer = std::move (*DtlsConnection::create (world.peers,
      client ? Role::server : Role::client,
      std::vector{world.ours->fingerprint ()}));
  now = 0;
  std::deque<Bytes> to_ours, to_peer;
  auto deliver = [&] (const Bytes &datagram) {
    const bool connected = ours->state () == State::connected;
    ours->receive (datagram, now);
    require (ERR_peek_error () == 0);
    // Keys are there when connected, and then only; nothing but an authentic
    // alert ends what is connected.
    require (
        ours->keys ().has_value () == (ours->state () == State::connected));
    require (!connected || ours->state () == State::connected
        || ours->state () == State::closed);
    require (!ours->deadline_us ()
        || *ours->deadline_us () <= now + DtlsConnection::kHandshakeLimitUs);
    // Nothing ends what is connected, and no more than a last flight answers it.
    require (!connected || ours->state () == State::connected);
    const std::size_t before = to_peer.size ();
    drain (*ours, to_peer);
    require (!connected || to_peer.size () <= before + 4);
  };
  auto exchange = [&] {
    drain (*peer, to_ours);
    drain (*ours, to_peer);
    for (std::deque<Bytes> arrived = std::move (to_peer); !arrived.empty ();
         arrived.pop_front ())
      peer->receive (arrived.front (), now);
    to_peer.clear ();
    drain (*peer, to_ours);
  };
  ours->start (now);
  peer->start (now);
  if (flags & 2) // at once to the end of the handshake
    for (unsigned i = 0; i < 8; i++) {
      exchange ();
      for (std::deque<Bytes> arrived = std::move (to_ours); !arrived.empty ();
           arrived.pop_front ())
        deliver (arrived.front ());
      to_ours.clear ();
    }
  Bytes last;
  for (unsigned steps = 0; !in.empty () && steps < 64; steps++) {
    exchange ();
    const std::uint8_t op = byte ();
    if (!to_ours.empty () && op % 8 < 5) {
      last = to_ours.front ();
      to_ours.pop_front ();
    }
    switch (op % 8) {
      case 0: // as it is
        deliver (last);
        break;
      case 1: { // changed
        Bytes changed = last;
        for (unsigned n = op / 8 % 4 + 1; n && !changed.empty (); n--) {
          const std::size_t at = (byte () << 8 | byte ()) % changed.size ();
          changed[at] ^= byte ();
        }
        deliver (changed);
        break;
      }
      case 2: { // cut off or lengthened
        Bytes cut = last;
        cut.resize ((byte () << 8 | byte ()) % 1500);
        deliver (cut);
        break;
      }
      case 3: // twice
        deliver (last);
        deliver (last);
        break;
      case 4: // lost
        break;
      case 5: { // a record with a body of the input's
        const std::size_t n = std::min<std::size_t> (byte (), in.size ());
        Bytes record = {static_cast<std::uint8_t> (20 + op / 8 % 4), 0xfe, 0xfd,
            0, static_cast<std::uint8_t> (op / 32 % 2), 0, 0, 0, 0, 0, byte (),
            static_cast<std::uint8_t> (n >> 8), static_cast<std::uint8_t> (n)};
        record.resize (kDtlsRecordHeader + n);
        std::copy_n (in.begin (), std::min (n, in.size ()),
            record.begin () + kDtlsRecordHeader);
        in = in.subspan (std::min (n, in.size ()));
        deliver (record);
        break;
      }
      case 6: { // anything
        const std::size_t n = std::min<std::size_t> (byte (), in.size ());
        deliver ({in.begin (), in.begin () + n});
        in = in.subspan (std::min (n, in.size ()));
        break;
      }
      case 7: // time passes, or the peer goes
        if (op / 8 % 8 == 7)
          peer->close ();
        if (op / 8 % 8 == 6)
          ours->peer_confirmed ();
        if (op / 8 % 8 == 5)
          ours->clear_farewell_hint ();
        now += std::int64_t (op / 8) * 50'000;
        ours->on_deadline (now);
        peer->on_deadline (now);
        require (ERR_peek_error () == 0);
        break;
    }
  }
  if (flags & 4)
    ours->close ();
  drain (*ours, to_peer);
  return 0;
}
