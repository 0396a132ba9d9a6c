// SPDX-License-Identifier: LGPL-2.1-or-later
// After the handshake: goodbyes, and what is left of a connection once OpenSSL's is gone.
#include "tests/transport/native/dtls-peer.h"

#include <openssl/err.h>

using namespace dtls_test;
using Role = DtlsConnection::Role;
using State = DtlsConnection::State;

namespace {

void
closes ()
{
  for (unsigned kind = 0; kind < kKinds; kind++) {
    Pair pair (kind);
    run (*pair.ours, *pair.other);
    pair.dtls ().close ();
    g_assert_true (pair.dtls ().state () == State::closed);
    g_assert_false (pair.dtls ().keys ().has_value ());
    settle (*pair.ours, *pair.other);
    g_assert_true (told (pair));
    if (pair.peer)
      g_assert_true (
          SSL_get_shutdown (pair.peer->ssl ()) & SSL_RECEIVED_SHUTDOWN);
    pair.dtls ().close (); // no more is sent
    g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
  }
  // In the handshake.
  for (unsigned kind : {2u, 3u}) {
    Pair pair (kind);
    pair.ours->start (virtual_now_us ());
    pair.other->start (virtual_now_us ());
    for (const Datagram &datagram : pair.other->take ())
      pair.ours->receive (datagram, virtual_now_us ());
    pair.dtls ().close ();
    g_assert_true (pair.dtls ().state () == State::closed);
    settle (*pair.ours, *pair.other);
    g_assert_true (pair.other->ended () || !pair.other->connected ());
  }
  Ours idle (identity_a (), Role::server,
      Fingerprints{identity_b ()->fingerprint ()});
  idle.dtls->close ();
  g_assert_true (idle.dtls->state () == State::closed);
  g_assert_cmpuint (idle.take ().size (), ==, 0);
}

// What is left of a connection when OpenSSL's is gone.
void
released ()
{
  for (unsigned kind = 0; kind < kKinds; kind++) {
    for (bool confirmed : {true, false}) {
      Pair pair (kind);
      pair.dtls ().peer_confirmed (); // nobody yet
      run (*pair.ours, *pair.other);
      if (confirmed)
        pair.dtls ().peer_confirmed ();
      g_assert_false (pair.dtls ().deadline_us ().has_value ());
      g_assert_true (pair.good ());
      g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
      // The close_notify is good, and is sent once.
      pair.dtls ().close ();
      g_assert_true (pair.dtls ().state () == State::closed);
      settle (*pair.ours, *pair.other);
      g_assert_true (told (pair));
      if (pair.peer)
        g_assert_true (
            SSL_get_shutdown (pair.peer->ssl ()) & SSL_RECEIVED_SHUTDOWN);
      pair.dtls ().close ();
      g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
    }
  }
}

void
farewell_hints ()
{
  for (unsigned kind : {2u, 3u}) {
    Pair pair (kind);
    std::vector<Datagram> seen;
    run (*pair.ours, *pair.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          if (!from_ours)
            seen.push_back (datagram);
          return std::vector<Delivery>{{datagram}};
        });
    pair.dtls ().peer_confirmed ();
    // Nothing of the handshake, no clear text and no garbage is one.
    seen.push_back ({21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0});
    seen.push_back ({23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0});
    seen.push_back ({21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1});
    seen.push_back ({21});
    seen.push_back ({});
    for (const Datagram &datagram : seen)
      pair.ours->receive (datagram, virtual_now_us ());
    g_assert_false (pair.dtls ().farewell_hint ());

    SSL_shutdown (pair.peer->ssl ());
    const std::vector<Datagram> alerts = pair.peer->take ();
    g_assert_cmpuint (alerts.size (), ==, 1);
    for (unsigned i = 0; i < 2; i++) {
      pair.ours->receive (alerts[0], virtual_now_us ());
      g_assert_true (pair.dtls ().farewell_hint ());
      g_assert_true (pair.ours->connected ());
      pair.dtls ().clear_farewell_hint ();
      g_assert_false (pair.dtls ().farewell_hint ());
    }
    // Also behind another record.
    Datagram both = seen[0];
    both.insert (both.end (), alerts[0].begin (), alerts[0].end ());
    pair.ours->receive (both, virtual_now_us ());
    g_assert_true (pair.dtls ().farewell_hint ());
    g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
    g_assert_true (pair.dtls ().keys ().has_value ());
  }
}

// Who has proved to have our last flight does not get it again.
void
last_flight_confirmed ()
{
  for (unsigned kind : {1u, 3u}) {
    Pair pair (kind);
    run (
        *pair.ours, *pair.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          if (!from_ours || !pair.ours->connected ())
            return std::vector<Delivery>{{datagram}};
          pair.dtls ().peer_confirmed ();
          return std::vector<Delivery>{};
        },
        25'000'000);
    g_assert_true (pair.ours->connected ());
    g_assert_false (pair.other->connected ());
    g_assert_false (pair.dtls ().farewell_hint ()
        && !pair.other->ended ()); // a fatal alert is one, too
  }
}

void
after_the_handshake ()
{
  for (unsigned kind : {2u, 3u}) {
    Pair pair (kind);
    run (*pair.ours, *pair.other);
    // Application data and a renegotiation find nobody.
    for (unsigned i = 0; i < 50; i++)
      g_assert_cmpint (SSL_write (pair.peer->ssl (), "hello", 5), ==, 5);
    SSL_renegotiate (pair.peer->ssl ());
    SSL_do_handshake (pair.peer->ssl ());
    for (const Datagram &datagram : pair.peer->take ())
      pair.ours->receive (datagram, virtual_now_us ());
    g_assert_true (pair.ours->connected ());
    pair.dtls ().peer_confirmed ();
    pair.ours->take (); // a last flight, as the server
    g_assert_true (pair.ours->connected ());
    g_assert_false (pair.dtls ().farewell_hint ());
    ERR_clear_error ();
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);
  g_test_add_func ("/native/dtls/close", closes);
  g_test_add_func ("/native/dtls/released", released);
  g_test_add_func ("/native/dtls/farewell-hints", farewell_hints);
  g_test_add_func ("/native/dtls/last-flight-confirmed", last_flight_confirmed);
  g_test_add_func ("/native/dtls/after", after_the_handshake);
  return g_test_run ();
}
