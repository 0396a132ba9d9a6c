// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/transport/native/dtls-peer.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <random>

using namespace dtls_test;
using Role = DtlsConnection::Role;
using State = DtlsConnection::State;

namespace {

void
connects ()
{
  for (unsigned kind = 0; kind < kKinds; kind++) {
    Pair pair (kind);
    run (*pair.ours, *pair.other);
    g_assert_true (pair.good ());
    g_assert_cmpstr (pair.dtls ().error ().c_str (), ==, "");
    g_assert_true (!pair.dtls ().deadline_us ().has_value ());
    if (pair.peer)
      g_assert_true (pair.peer->certificate_seen ());
    pair.dtls ().forget_keys ();
    g_assert_false (pair.dtls ().keys ().has_value ());
  }
}

SrtpProfile
agreed (unsigned kind, const char *srtp)
{
  PeerOptions options;
  options.srtp = srtp;
  Pair pair (kind, options);
  run (*pair.ours, *pair.other);
  g_assert_true (pair.good ());
  return pair.dtls ().keys ()->profile;
}

void
srtp_profiles ()
{
  for (unsigned kind : {2u, 3u}) {
    g_assert_true (agreed (kind, "SRTP_AES128_CM_SHA1_80")
        == SrtpProfile::aes128_cm_sha1_80);
    g_assert_true (agreed (kind, "SRTP_AEAD_AES_128_GCM")
        == SrtpProfile::aead_aes_128_gcm);
    g_assert_true (agreed (kind, "SRTP_AEAD_AES_256_GCM")
        == SrtpProfile::aead_aes_256_gcm);
    // One that we do not have beside one that we have.
    g_assert_true (
        agreed (kind, "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80")
        == SrtpProfile::aes128_cm_sha1_80);
  }
  // As the server our order decides, whatever the peer's is.
  g_assert_true (agreed (3,
                     "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:"
                     "SRTP_AEAD_AES_128_GCM")
      == SrtpProfile::aead_aes_128_gcm);
  g_assert_true (agreed (3, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM")
      == SrtpProfile::aead_aes_256_gcm);
}

void
suites ()
{
  for (unsigned kind : {2u, 3u}) {
    for (const char *suite :
        {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"}) {
      PeerOptions options;
      options.suites = suite;
      options.rsa = strstr (suite, "RSA") && !strstr (suite, "ECDSA");
      // It is the server's certificate that a suite is for, and ours is ECDSA.
      if (options.rsa && kind == 3)
        continue;
      Pair pair (kind, options);
      run (*pair.ours, *pair.other);
      g_assert_true (pair.good ());
      pair.dtls ().close ();
      settle (*pair.ours, *pair.other);
      g_assert_true (
          SSL_get_shutdown (pair.peer->ssl ()) & SSL_RECEIVED_SHUTDOWN);
    }
  }
  // Whatever there is, we take the one that everybody must have.
  Pair any (3);
  run (*any.ours, *any.other);
  g_assert_cmpstr (SSL_get_cipher_name (any.peer->ssl ()), ==,
      "ECDHE-ECDSA-AES128-GCM-SHA256");
}

void
expect_failure (unsigned kind, const PeerOptions &options, const char *why)
{
  Pair pair (kind, options);
  run (*pair.ours, *pair.other);
  g_assert_true (pair.dtls ().state () == State::failed);
  g_assert_false (pair.dtls ().keys ().has_value ());
  if (!strstr (pair.dtls ().error ().c_str (), why))
    g_error ("\"%s\" is not in \"%s\"", why, pair.dtls ().error ().c_str ());
  g_assert_false (pair.dtls ().deadline_us ().has_value ());
  // The peer is told, and does not believe itself connected.
  settle (*pair.ours, *pair.other);
  g_assert_false (pair.other->connected ());
  g_assert_cmpuint (ERR_peek_error (), ==, 0);
}

void
refusals ()
{
  for (unsigned kind : {2u, 3u}) {
    PeerOptions options;
    options.srtp = nullptr;
    expect_failure (kind, options, kind == 3 ? "DTLS-SRTP" : "SRTP profile");
    options.srtp = "SRTP_AES128_CM_SHA1_32";
    expect_failure (kind, options, "SRTP profile");
    options = {};
    options.certificate = false;
    expect_failure (kind, options,
        kind == 3 ? "certificate" : "DTLS handshake");
    options = {};
    options.version = DTLS1_VERSION;
    expect_failure (kind, options, "DTLS handshake");
    options = {};
    for (const char *suite : {"ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256",
             "DHE-RSA-AES128-GCM-SHA256"}) {
      options.suites = suite;
      options.rsa = true;
      expect_failure (kind, options, "DTLS handshake");
    }
    options = {};
    options.fingerprints = {{"sha-256", std::vector<std::uint8_t> (32)}};
    expect_failure (kind, options, "fingerprint");
    Pair pair (kind, options);
    run (*pair.ours, *pair.other);
    g_assert_cmpint (pair.peer->alert (), ==, SSL_AD_BAD_CERTIFICATE);
  }
}

void
certificates ()
{
  for (unsigned kind : {2u, 3u})
    for (const char *algorithm : {"sha-256", "sha-384", "sha-512"})
      for (bool rsa : {false, true}) {
        PeerOptions options;
        options.rsa = rsa;
        options.fingerprints = Peer (options).fingerprints (algorithm);
        Pair same (kind, options);
        // A certificate of another moment may have another signature, and so hash.
        same.ours = std::make_unique<Ours> (identity_a (),
            kind == 3 ? Role::server : Role::client,
            same.peer->fingerprints (algorithm));
        run (*same.ours, *same.other);
        g_assert_true (same.good ());
      }
  // What cannot be checked is refused beforehand; of several hashes, the
  // preferred one decides.
  const std::vector<std::uint8_t> digest (32);
  auto refused = [] (const Fingerprints &fingerprints) {
    return !DtlsConnection::create (identity_a (), Role::server, fingerprints);
  };
  g_assert_true (refused ({}));
  g_assert_true (refused ({{"sha-1", std::vector<std::uint8_t> (20)}}));
  g_assert_true (refused ({{"md5", std::vector<std::uint8_t> (16)}}));
  g_assert_true (refused ({{"sha-256", std::vector<std::uint8_t> (31)}}));
  g_assert_false (refused ({{"sha-1", {}}, {"sha-256", digest}}));
  PeerOptions options;
  Peer sample (options);
  options.fingerprints = sample.fingerprints ("sha-384");
  options.fingerprints.push_back ({"sha-256", digest});
  expect_failure (3, options, "fingerprint");
}

void
every_loss ()
{
  for (unsigned kind = 0; kind < kKinds; kind++) {
    Pair clean (kind);
    const unsigned total = run (*clean.ours, *clean.other);
    g_assert_true (clean.good ());
    for (unsigned first = 0; first < total + 2; first++)
      for (unsigned burst = 1; burst <= 4; burst++) {
        Pair pair (kind);
        run (*pair.ours, *pair.other,
            [&] (unsigned n, bool, const Datagram &datagram) {
              return n >= first && n < first + burst
                  ? std::vector<Delivery>{}
                  : std::vector<Delivery>{{datagram}};
            });
        g_assert_true (pair.good ());
      }
  }
}

void
random_loss ()
{
  std::mt19937 random (1);
  for (unsigned i = 0; i < 120; i++) {
    Pair pair (i % kKinds);
    run (*pair.ours, *pair.other,
        [&] (unsigned, bool, const Datagram &datagram) {
          std::vector<Delivery> deliveries;
          // A fifth is lost, two fifths come twice.
          for (unsigned copies = (random () % 10 + 2) / 4; copies; copies--)
            deliveries.push_back ({datagram,
                static_cast<std::int64_t> (random () % 60'000 + 100)});
          return deliveries;
        });
    g_assert_true (pair.good ());
  }
}

void
reordered_and_doubled ()
{
  for (unsigned kind = 0; kind < kKinds; kind++)
    for (unsigned mtu : {1200u, 260u})
      for (unsigned late = 0; late < (mtu < 1200 ? 14 : 7); late++)
        for (std::int64_t delay : {150, 500, 70'000}) {
          if (mtu < 1200 && kind < 2)
            continue; // ours have their own
          PeerOptions options;
          options.mtu = mtu;
          Pair pair (kind, options);
          run (*pair.ours, *pair.other,
              [&] (unsigned n, bool, const Datagram &datagram) {
                std::vector<Delivery> deliveries = {
                    {datagram, n == late ? delay : 100}};
                if (late % 2)
                  deliveries.push_back ({datagram, 300});
                return deliveries;
              });
          g_assert_true (pair.good ());
        }
}

// Each datagram of a handshake comes cut off at each length first, and then whole.
void
truncated ()
{
  for (unsigned kind : {2u, 3u}) {
    for (unsigned which = 0; which < 6; which++) {
      for (std::size_t length = 0; length < kDtlsMtu;) {
        std::size_t whole = 0;
        Pair pair (kind);
        run (*pair.ours, *pair.other,
            [&] (unsigned n, bool from_ours, const Datagram &datagram) {
              std::vector<Delivery> deliveries = {{datagram}};
              if (n == which && !from_ours && length < datagram.size ()) {
                whole = datagram.size ();
                deliveries.insert (deliveries.begin (),
                    {{datagram.begin (), datagram.begin () + length}, 50});
              }
              return deliveries;
            });
        g_assert_true (pair.good ());
        if (!whole)
          break;
        // Every length where a header could be cut, and then a sample.
        length += length < 30 || length + 20 > whole ? 1 : 31;
      }
    }
  }
}

// A flipped bit may end a handshake that is not yet authenticated, but never lets it
// succeed with something else than was sent.
void
flipped_bits ()
{
  std::mt19937 random (2);
  for (unsigned i = 0; i < 240; i++) {
    Pair pair (i % kKinds);
    const unsigned which = random () % 5;
    run (
        *pair.ours, *pair.other,
        [&] (unsigned n, bool, Datagram datagram) {
          if (n == which)
            datagram[random () % datagram.size ()] ^= 1 << random () % 8;
          return std::vector<Delivery>{{datagram}};
        },
        25'000'000);
    g_assert_true (pair.ours->ended () || pair.other->ended () || pair.good ());
    if (pair.ours->ended ())
      g_assert_false (pair.dtls ().keys ().has_value ());
  }
}

Datagram
garbage (std::mt19937 &random)
{
  Datagram datagram (random () % 1400);
  for (std::uint8_t &byte : datagram)
    byte = static_cast<std::uint8_t> (random ());
  // Half of it looks like records.
  if (datagram.size () > 13 && random () % 2) {
    const std::uint8_t header[] = {
        static_cast<std::uint8_t> (20 + random () % 4), 0xfe, 0xfd, 0,
        static_cast<std::uint8_t> (random () % 3), 0, 0, 0, 0, 0,
        static_cast<std::uint8_t> (random ())};
    std::copy (std::begin (header), std::end (header), datagram.begin ());
    const std::size_t size = random () % (datagram.size () - 13) + 1;
    datagram[11] = static_cast<std::uint8_t> (size >> 8);
    datagram[12] = static_cast<std::uint8_t> (size);
  }
  return datagram;
}

void
garbage_is_harmless ()
{
  std::mt19937 random (3);
  for (unsigned kind = 0; kind < kKinds; kind++) {
    Pair pair (kind);
    // A server that waits does nothing at all for what is no ClientHello.
    if (kind % 2)
      for (unsigned i = 0; i < 2000; i++) {
        Datagram datagram = garbage (random);
        if (datagram.size () > 13 && datagram[13] == 1)
          continue;
        pair.ours->receive (datagram, 0);
        g_assert_true (pair.dtls ().state () == State::idle);
        g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
      }
    // In the handshake: no crash, an end.
    Pair victim (kind);
    run (*victim.ours, *victim.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          std::vector<Delivery> deliveries = {{datagram}};
          if (!from_ours)
            deliveries.insert (deliveries.begin (), {garbage (random), 50});
          return deliveries;
        });
    g_assert_true (
        victim.ours->ended () || victim.other->ended () || victim.good ());

    run (*pair.ours, *pair.other);
    g_assert_true (pair.good ());
    for (unsigned i = 0; i < 5000; i++)
      pair.ours->receive (garbage (random), 0);
    g_assert_true (pair.good ());
    // Some may look like a repeated flight.
    g_assert_cmpuint (pair.ours->take ().size (), <=,
        kind % 2 ? DtlsConnection::kMaxRepeats : 0);
    // What is of the handshake, once more, and with each bit wrong.
    Pair again (kind);
    std::vector<Datagram> seen;
    run (*again.ours, *again.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          if (!from_ours)
            seen.push_back (datagram);
          return std::vector<Delivery>{{datagram}};
        });
    for (const Datagram &datagram : seen)
      for (std::size_t bit = 0; bit < datagram.size () * 8; bit += 3) {
        Datagram wrong = datagram;
        wrong[bit / 8] ^= 1 << bit % 8;
        again.ours->receive (wrong, 0);
        again.ours->take ();
      }
    g_assert_true (again.good ());
  }
}

// The server's last flight is lost: the client sends its own again, and gets
// ours; who replays it without end gets no more than kMaxRepeats.
void
last_flight_again ()
{
  for (unsigned kind : {1u, 3u}) {
    Pair pair (kind);
    Datagram clients;
    unsigned lost = 0;
    run (*pair.ours, *pair.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          if (!from_ours)
            clients = datagram;
          const bool last = from_ours && datagram[0] == 20;
          return last && lost++ < 3 ? std::vector<Delivery>{}
                                    : std::vector<Delivery>{{datagram}};
        });
    g_assert_cmpuint (lost, >=, 4);
    g_assert_true (pair.good ());
    std::size_t answers = 0;
    for (unsigned i = 0; i < 100; i++) {
      pair.ours->receive (clients, virtual_now_us ());
      answers += pair.ours->take ().size ();
    }
    g_assert_cmpuint (answers, <=, DtlsConnection::kMaxRepeats);
    g_assert_true (pair.good ());
  }
}

// Nobody answers: 50 ms, 100 ms, … 2 s, then the end.
void
silence ()
{
  Ours client (identity_a (), Role::client,
      Fingerprints{identity_b ()->fingerprint ()});
  const std::int64_t begin = virtual_now_us ();
  client.start (begin);
  g_assert_cmpuint (client.take ().size (), ==, 1);
  std::int64_t last = begin, expected = 50'000;
  unsigned flights = 1;
  while (auto due = client.deadline_us ()) {
    client.on_deadline (*due - 1); // not yet
    g_assert_cmpuint (client.take ().size (), ==, 0);
    g_assert_cmpint (*due - last, ==, expected);
    set_virtual_now_us (*due);
    expected = std::min<std::int64_t> (2 * expected, 2'000'000);
    last = *due;
    client.on_deadline (last);
    flights += client.take ().size ();
  }
  g_assert_true (client.dtls->state () == State::failed);
  g_assert_cmpuint (flights, ==, 1 + DtlsConnection::kMaxRepeats);
  g_assert_cmpint (last - begin, <=, DtlsConnection::kHandshakeLimitUs);

  Ours server (identity_a (), Role::server,
      Fingerprints{identity_b ()->fingerprint ()});
  g_assert_false (server.deadline_us ().has_value ());
  server.start (begin);
  g_assert_cmpint (*server.deadline_us (), ==,
      begin + DtlsConnection::kHandshakeLimitUs);
  server.on_deadline (*server.deadline_us ());
  g_assert_true (server.dtls->state () == State::failed);
}

// A client that never gets on cannot keep a server busy for ever.
void
endless_handshake ()
{
  Ours client (identity_b (), Role::client,
      Fingerprints{identity_a ()->fingerprint ()});
  Ours server (identity_a (), Role::server,
      Fingerprints{identity_b ()->fingerprint ()});
  client.start (virtual_now_us ());
  const Datagram hello = client.take ().at (0);
  std::size_t sent = 0;
  unsigned i = 0;
  for (; i < 100'000 && !server.ended (); i++) {
    Datagram again = hello;
    again[9] = static_cast<std::uint8_t> (i >> 8);
    again[10] = static_cast<std::uint8_t> (i);
    server.receive (again, virtual_now_us ());
    for (const Datagram &datagram : server.take ())
      sent += datagram.size ();
  }
  g_assert_true (server.dtls->state () == State::failed);
  g_assert_cmpuint (sent, <, 4096); // it answered the first only
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);
  g_test_add_func ("/native/dtls/connects", connects);
  g_test_add_func ("/native/dtls/srtp-profiles", srtp_profiles);
  g_test_add_func ("/native/dtls/suites", suites);
  g_test_add_func ("/native/dtls/refusals", refusals);
  g_test_add_func ("/native/dtls/certificates", certificates);
  g_test_add_func ("/native/dtls/every-loss", every_loss);
  g_test_add_func ("/native/dtls/random-loss", random_loss);
  g_test_add_func ("/native/dtls/reordered", reordered_and_doubled);
  g_test_add_func ("/native/dtls/truncated", truncated);
  g_test_add_func ("/native/dtls/flipped-bits", flipped_bits);
  g_test_add_func ("/native/dtls/garbage", garbage_is_harmless);
  g_test_add_func ("/native/dtls/last-flight", last_flight_again);
  g_test_add_func ("/native/dtls/silence", silence);
  g_test_add_func ("/native/dtls/endless", endless_handshake);
  return g_test_run ();
}
