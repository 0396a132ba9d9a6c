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

// One of ours against one of whichever kind: 0 and 1 against ours as client and
// server, 2 and 3 against OpenSSL.
constexpr unsigned kKinds = 4;

struct Pair
{
  explicit Pair (unsigned kind, PeerOptions options = {})
  {
    const Role role = kind % 2 ? Role::server : Role::client;
    if (kind < 2) {
      ours = std::make_unique<Ours> (identity_a (), role,
          Fingerprints{identity_b ()->fingerprint ()});
      other = std::make_unique<Ours> (identity_b (),
          kind % 2 ? Role::client : Role::server,
          Fingerprints{identity_a ()->fingerprint ()});
    } else {
      options.client = kind % 2;
      auto made = std::make_unique<Peer> (options);
      ours = std::make_unique<Ours> (identity_a (), role,
          options.fingerprints.empty () ? made->fingerprints ()
                                        : options.fingerprints);
      peer = made.get ();
      other = std::move (made);
    }
  }
  bool good () const
  {
    return ours->connected () && other->connected ()
        && same_keys (*ours, *other);
  }
  DtlsConnection &dtls () { return *ours->dtls; }

  std::unique_ptr<Ours> ours;
  std::unique_ptr<End> other;
  Peer *peer = nullptr; // other, if it is OpenSSL's
};

// Knows the other end that ours has closed? If it has released OpenSSL's connection it
// cannot be sure.
bool
told (const Pair &pair)
{
  return pair.other->ended ()
      || (!pair.peer
          && static_cast<const Ours &> (*pair.other).dtls->farewell_hint ());
}

void
connects ()
{
  for (unsigned kind = 0; kind < kKinds; kind++) {
    Pair pair (kind);
    run (*pair.ours, *pair.other);
    g_assert_true (pair.good ());
    g_assert_cmpstr (pair.dtls ().error ().c_str (), ==, "");
    // A client needs no more of OpenSSL, a server until the peer is known to be done.
    g_assert_true (pair.dtls ().deadline_us ().has_value () == (kind % 2 == 1));
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
    g_assert_cmpuint (pair.ours->take ().size (), ==, 0);
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
// ours; who only replays it gets one at most.
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
    for (unsigned i = 0; i < 20; i++) {
      pair.ours->receive (clients, virtual_now_us ());
      answers += pair.ours->take ().size ();
    }
    g_assert_cmpuint (answers, <=, 2);
    g_assert_true (pair.good ());
  }
}

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
  // Before the release, which a server has to be asked for.
  Pair server (3);
  run (*server.ours, *server.other);
  SSL_shutdown (server.peer->ssl ());
  const std::vector<Datagram> alerts = server.peer->take ();
  g_assert_cmpuint (alerts.size (), ==, 1);
  // A changed one is not the peer's.
  Datagram wrong = alerts[0];
  wrong.back () ^= 1;
  server.ours->receive (wrong, virtual_now_us ());
  g_assert_true (server.ours->connected ());
  server.ours->receive (alerts[0], virtual_now_us ());
  g_assert_true (server.dtls ().state () == State::closed);
  g_assert_cmpstr (server.dtls ().error ().c_str (), ==, "");
  g_assert_cmpuint (server.ours->take ().size (), ==, 1); // RFC 5246 7.2.1
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
      if (kind % 2 && confirmed) {
        pair.dtls ().peer_confirmed ();
      } else if (kind % 2) {
        const auto due = pair.dtls ().deadline_us ();
        g_assert_true (due.has_value ());
        g_assert_cmpint (*due, >, virtual_now_us () + 29'000'000);
        g_assert_cmpint (*due, <=,
            virtual_now_us () + DtlsConnection::kConfirmLimitUs);
        pair.ours->on_deadline (*due - 1);
        g_assert_true (pair.dtls ().deadline_us ().has_value ());
        pair.ours->on_deadline (*due);
      }
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

// After the release the client's last flight finds nobody, but does no harm.
void
last_flight_after_release ()
{
  for (unsigned kind : {1u, 3u}) {
    Pair pair (kind);
    bool released = false;
    run (
        *pair.ours, *pair.other,
        [&] (unsigned, bool from_ours, const Datagram &datagram) {
          if (pair.ours->connected () && !released) {
            released = true;
            pair.dtls ().peer_confirmed ();
          }
          return from_ours && released ? std::vector<Delivery>{}
                                       : std::vector<Delivery>{{datagram}};
        },
        25'000'000);
    g_assert_true (released);
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
    // "No renegotiation", while there is somebody to say it.
    g_assert_cmpuint (pair.ours->take ().size (), <=, kind == 3 ? 1 : 0);
    pair.dtls ().peer_confirmed ();
    g_assert_true (pair.ours->connected ());
    g_assert_false (pair.dtls ().farewell_hint ());
    ERR_clear_error ();
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
  g_test_add_func ("/native/dtls/close", closes);
  g_test_add_func ("/native/dtls/released", released);
  g_test_add_func ("/native/dtls/farewell-hints", farewell_hints);
  g_test_add_func ("/native/dtls/late-last-flight", last_flight_after_release);
  g_test_add_func ("/native/dtls/after", after_the_handshake);
  g_test_add_func ("/native/dtls/silence", silence);
  g_test_add_func ("/native/dtls/endless", endless_handshake);
  return g_test_run ();
}
