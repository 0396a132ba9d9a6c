// SPDX-License-Identifier: LGPL-2.1-or-later
// Two ends of a DTLS connection and a network between them in virtual time: ours,
// and a plain OpenSSL one. OpenSSL's timer asks gettimeofday (), which dtls-peer.cpp
// defines for the whole test.
#pragma once

#include "plugin/transport/native/dtls/dtls-connection.h"

#include <openssl/ssl.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace dtls_test {

using namespace restream;
using namespace restream::transport::native;
using Datagram = std::vector<std::uint8_t>;
using Fingerprints = std::vector<negotiation::Fingerprint>;

class End
{
public:
  virtual ~End () = default;
  virtual void start (std::int64_t now_us) = 0;
  virtual void receive (const Datagram &datagram, std::int64_t now_us) = 0;
  virtual std::optional<std::int64_t> deadline_us () = 0;
  virtual void on_deadline (std::int64_t now_us) = 0;
  virtual bool connected () const = 0;
  virtual bool ended () const = 0; // closed or failed
  virtual std::vector<Datagram> take () = 0; // what it has to send
  virtual DtlsSrtpKeys srtp_keys () const = 0;
};

class Ours : public End
{
public:
  Ours (std::shared_ptr<const DtlsIdentity> identity, DtlsConnection::Role role,
      const Fingerprints &peers);

  void start (std::int64_t now_us) override { dtls->start (now_us); }
  void receive (const Datagram &datagram, std::int64_t now_us) override;
  std::optional<std::int64_t> deadline_us () override
  {
    return dtls->deadline_us ();
  }
  void on_deadline (std::int64_t now_us) override;
  bool connected () const override
  {
    return dtls->state () == DtlsConnection::State::connected;
  }
  bool ended () const override
  {
    return dtls->state () == DtlsConnection::State::closed
        || dtls->state () == DtlsConnection::State::failed;
  }
  std::vector<Datagram> take () override;
  DtlsSrtpKeys srtp_keys () const override { return *dtls->keys (); }

  std::unique_ptr<DtlsConnection> dtls;
};

struct PeerOptions
{
  bool client = true;
  const char *srtp = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:"
                     "SRTP_AEAD_AES_128_GCM"; // nullptr: no use_srtp
  bool certificate = true;
  bool rsa = false;
  int version = DTLS1_2_VERSION;
  const char *suites = nullptr; // nullptr: OpenSSL's own choice
  unsigned mtu = 1200;
  Fingerprints fingerprints; // of ours, checked if there are any
};

class Peer : public End
{
public:
  explicit Peer (const PeerOptions &options);
  ~Peer () override;

  void start (std::int64_t now_us) override;
  void receive (const Datagram &datagram, std::int64_t now_us) override;
  std::optional<std::int64_t> deadline_us () override;
  void on_deadline (std::int64_t now_us) override;
  bool connected () const override { return connected_ && !ended_; }
  bool ended () const override { return ended_; }
  std::vector<Datagram> take () override;
  DtlsSrtpKeys srtp_keys () const override;

  Fingerprints fingerprints (const char *algorithm = "sha-256") const;
  SSL *ssl () const { return ssl_; }
  int alert () const { return alert_; } // the last one received; -1: none
  bool certificate_seen () const { return certificate_seen_; }

private:
  void go ();

  bool client_;
  SSL_CTX *context_ = nullptr;
  SSL *ssl_ = nullptr;
  X509 *certificate_ = nullptr;
  std::deque<Datagram> in_;
  std::vector<Datagram> out_;
  bool connected_ = false;
  bool ended_ = false;
  bool certificate_seen_ = false;
  int alert_ = -1;

  friend int peer_read (BIO *bio, char *data, int size);
  friend int peer_write (BIO *bio, const char *data, int size);
};

// What the network makes of the n-th datagram: what arrives, and after how long.
struct Delivery
{
  Datagram datagram;
  std::int64_t delay_us = 100;
};
using Network = std::function<std::vector<Delivery> (unsigned n,
    bool from_first, const Datagram &datagram)>;

std::int64_t virtual_now_us ();
void set_virtual_now_us (std::int64_t now_us);

// Starts both and runs until nothing is under way and both are connected or one has ended, or
// the time is over. The number of datagrams that were sent.
unsigned run (End &first, End &second, const Network &network = {},
    std::int64_t limit_us = 60'000'000);
// The same without the start, until nothing is under way.
unsigned settle (End &first, End &second, const Network &network = {},
    std::int64_t limit_us = 1'000'000);

// Kept for all tests: keys are not cheap.
std::shared_ptr<const DtlsIdentity> identity_a ();
std::shared_ptr<const DtlsIdentity> identity_b ();

bool same_keys (const End &a, const End &b);

// One of ours against one of whichever kind: 0 and 1 against ours as client and
// server, 2 and 3 against OpenSSL.
inline constexpr unsigned kKinds = 4;

struct Pair
{
  explicit Pair (unsigned kind, PeerOptions options = {})
  {
    using Role = DtlsConnection::Role;
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
inline bool
told (const Pair &pair)
{
  return pair.other->ended ()
      || (!pair.peer
          && static_cast<const Ours &> (*pair.other).dtls->farewell_hint ());
}

} // namespace dtls_test
