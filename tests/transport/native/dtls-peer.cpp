// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/transport/native/dtls-peer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

#include <sys/time.h>

#include <algorithm>
#include <cstring>

// OpenSSL's clock, in place of libc's.
extern "C" __attribute__ ((visibility ("default"))) int
gettimeofday (struct timeval *tv, void *) noexcept
{
  // Some day after 2001, so that certificates can be made.
  const std::int64_t now = 1'000'000'000'000'000 + dtls_test::virtual_now_us ();
  tv->tv_sec = now / 1'000'000;
  tv->tv_usec = now % 1'000'000;
  return 0;
}

namespace dtls_test {

static std::int64_t now_us_;

std::int64_t
virtual_now_us ()
{
  return now_us_;
}

void
set_virtual_now_us (std::int64_t now_us)
{
  now_us_ = now_us;
}

std::shared_ptr<const DtlsIdentity>
identity_a ()
{
  static std::shared_ptr<const DtlsIdentity> identity =
      *DtlsIdentity::create ();
  return identity;
}

std::shared_ptr<const DtlsIdentity>
identity_b ()
{
  static std::shared_ptr<const DtlsIdentity> identity =
      *DtlsIdentity::create ();
  return identity;
}

Ours::Ours (std::shared_ptr<const DtlsIdentity> identity,
    DtlsConnection::Role role, const Fingerprints &peers)
{
  auto made = DtlsConnection::create (std::move (identity), role, peers);
  g_assert_true (made.has_value ());
  dtls = std::move (*made);
}

void
Ours::receive (const Datagram &datagram, std::int64_t now_us)
{
  // A copy of the exact size: a sanitizer sees what is read beyond.
  const Datagram exact (datagram.begin (), datagram.end ());
  dtls->receive (exact, now_us);
  g_assert_cmpuint (ERR_peek_error (), ==, 0);
}

void
Ours::on_deadline (std::int64_t now_us)
{
  dtls->on_deadline (now_us);
  g_assert_cmpuint (ERR_peek_error (), ==, 0);
}

std::vector<Datagram>
Ours::take ()
{
  std::vector<Datagram> taken;
  std::span<const std::uint8_t> datagram;
  while (dtls->next_datagram (datagram)) {
    g_assert_cmpuint (datagram.size (), <=, kDtlsMtu);
    taken.emplace_back (datagram.begin (), datagram.end ());
  }
  return taken;
}

int
peer_read (BIO *bio, char *data, int size)
{
  auto *self = static_cast<Peer *> (BIO_get_data (bio));
  BIO_clear_retry_flags (bio);
  if (self->in_.empty ()) {
    BIO_set_retry_read (bio);
    return -1;
  }
  const Datagram datagram = std::move (self->in_.front ());
  self->in_.pop_front ();
  const std::size_t n =
      std::min (datagram.size (), static_cast<std::size_t> (size));
  std::memcpy (data, datagram.data (), n);
  return static_cast<int> (n);
}

int
peer_write (BIO *bio, const char *data, int size)
{
  auto *self = static_cast<Peer *> (BIO_get_data (bio));
  self->out_.emplace_back (data, data + size);
  return size;
}

static BIO_METHOD *
peer_method ()
{
  static BIO_METHOD *method = [] {
    BIO_METHOD *made = BIO_meth_new (BIO_TYPE_SOURCE_SINK, "test-peer");
    BIO_meth_set_read (made, peer_read);
    BIO_meth_set_write (made, peer_write);
    BIO_meth_set_ctrl (
        made, +[] (BIO *, int command, long, void *) -> long {
          return command == BIO_CTRL_FLUSH;
        });
    return made;
  }();
  return method;
}

static EVP_PKEY *
peer_key (bool rsa)
{
  static EVP_PKEY *ec = EVP_EC_gen ("P-256");
  static EVP_PKEY *rsa_2048 = nullptr;
  if (rsa && !rsa_2048)
    rsa_2048 = EVP_RSA_gen (2048);
  return rsa ? rsa_2048 : ec;
}

Peer::Peer (const PeerOptions &options) : client_ (options.client)
{
  context_ = SSL_CTX_new (DTLS_method ());
  SSL_CTX_set_security_level (context_, 0);
  SSL_CTX_set_min_proto_version (context_, options.version);
  SSL_CTX_set_max_proto_version (context_, options.version);
  // A peer of 2014 speaks DTLS 1.0 with SHA-1.
  g_assert_cmpint (SSL_CTX_set_cipher_list (context_,
                       options.suites ? options.suites : "ALL:@SECLEVEL=0"),
      ==, 1);
  SSL_CTX_set_options (context_, SSL_OP_NO_QUERY_MTU);
  if (options.srtp)
    g_assert_cmpint (SSL_CTX_set_tlsext_use_srtp (context_, options.srtp), ==,
        0);
  if (options.certificate) {
    EVP_PKEY *key = peer_key (options.rsa);
    certificate_ = X509_new ();
    X509_gmtime_adj (X509_getm_notBefore (certificate_), 0);
    X509_gmtime_adj (X509_getm_notAfter (certificate_), 3600);
    X509_set_pubkey (certificate_, key);
    X509_sign (certificate_, key, EVP_sha256 ());
    SSL_CTX_use_certificate (context_, certificate_);
    SSL_CTX_use_PrivateKey (context_, key);
  }
  SSL_CTX_set_verify (context_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback (
      context_,
      +[] (X509_STORE_CTX *store, void *self) {
        static_cast<Peer *> (self)->certificate_seen_ =
            X509_STORE_CTX_get0_cert (store) != nullptr;
        return 1;
      },
      this);
  ssl_ = SSL_new (context_);
  BIO *bio = BIO_new (peer_method ());
  BIO_set_data (bio, this);
  BIO_set_init (bio, 1);
  SSL_set_bio (ssl_, bio, bio);
  SSL_set_mtu (ssl_, options.mtu);
  SSL_set_app_data (ssl_, this);
  SSL_set_info_callback (
      ssl_, +[] (const SSL *ssl, int where, int value) {
        if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
          static_cast<Peer *> (SSL_get_app_data (ssl))->alert_ = value & 0xff;
      });
  // As browsers have it; OpenSSL's own begins with a second.
  DTLS_set_timer_cb (
      ssl_, +[] (SSL *, unsigned last_us) {
        return last_us ? std::min (2 * last_us, 3'000'000u) : 50'000u;
      });
  if (client_)
    SSL_set_connect_state (ssl_);
  else
    SSL_set_accept_state (ssl_);
}

Peer::~Peer ()
{
  SSL_free (ssl_);
  SSL_CTX_free (context_);
  X509_free (certificate_);
}

void
Peer::go ()
{
  if (ended_)
    return;
  ERR_clear_error ();
  char data[256];
  int result =
      connected_ ? SSL_read (ssl_, data, sizeof data) : SSL_do_handshake (ssl_);
  if (!connected_ && result == 1) {
    connected_ = true;
    result = SSL_read (ssl_, data, sizeof data);
  }
  const int error = SSL_get_error (ssl_, result);
  ended_ = result <= 0 && error != SSL_ERROR_WANT_READ;
  ERR_clear_error ();
}

void
Peer::start (std::int64_t)
{
  if (client_)
    go ();
}

void
Peer::receive (const Datagram &datagram, std::int64_t)
{
  in_.push_back (datagram);
  go ();
}

std::optional<std::int64_t>
Peer::deadline_us ()
{
  struct timeval left;
  if (ended_ || connected_ || !DTLSv1_get_timeout (ssl_, &left))
    return {};
  return now_us_ + left.tv_sec * 1'000'000 + left.tv_usec;
}

void
Peer::on_deadline (std::int64_t)
{
  ended_ |= DTLSv1_handle_timeout (ssl_) < 0;
  ERR_clear_error ();
}

std::vector<Datagram>
Peer::take ()
{
  return std::exchange (out_, {});
}

// Straight from the RFC, not by the code that is tested.
DtlsSrtpKeys
Peer::srtp_keys () const
{
  DtlsSrtpKeys keys;
  const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile (ssl_);
  g_assert_nonnull (profile);
  keys.profile = static_cast<SrtpProfile> (profile->id);
  const std::size_t key = profile->id == SRTP_AEAD_AES_256_GCM ? 32 : 16;
  const std::size_t salt = profile->id == SRTP_AES128_CM_SHA1_80 ? 14 : 12;
  std::uint8_t block[92];
  g_assert_cmpint (SSL_export_keying_material (ssl_, block, 2 * (key + salt),
                       "EXTRACTOR-dtls_srtp", 19, nullptr, 0, 0),
      ==, 1);
  SrtpKeys &client = client_ ? keys.local : keys.remote;
  SrtpKeys &server = client_ ? keys.remote : keys.local;
  std::copy_n (block, key, client.key.begin ());
  std::copy_n (block + key, key, server.key.begin ());
  std::copy_n (block + 2 * key, salt, client.salt.begin ());
  std::copy_n (block + 2 * key + salt, salt, server.salt.begin ());
  return keys;
}

Fingerprints
Peer::fingerprints (const char *algorithm) const
{
  std::string name (algorithm);
  std::erase (name, '-');
  negotiation::Fingerprint fingerprint{algorithm,
      std::vector<std::uint8_t> (EVP_MAX_MD_SIZE)};
  unsigned size = 0;
  if (certificate_)
    X509_digest (certificate_, EVP_get_digestbyname (name.c_str ()),
        fingerprint.digest.data (), &size);
  else
    size = 32; // there must be one
  fingerprint.digest.resize (size);
  return {fingerprint};
}

namespace {

struct Event
{
  std::int64_t at_us;
  bool from_first;
  Datagram datagram;
};

unsigned
run_until (End &first, End &second, const Network &network,
    std::int64_t limit_us, bool stop_when_connected)
{
  const std::int64_t end_us = now_us_ + limit_us;
  std::deque<Event> under_way;
  unsigned sent = 0;
  auto collect = [&] (End &end, bool from_first) {
    for (Datagram &datagram : end.take ()) {
      const unsigned n = sent++;
      std::vector<Delivery> deliveries = {{datagram, 100}};
      if (network)
        deliveries = network (n, from_first, datagram);
      for (Delivery &delivery : deliveries)
        under_way.push_back ({now_us_ + delivery.delay_us, from_first,
            std::move (delivery.datagram)});
    }
  };
  for (;;) {
    collect (first, true);
    collect (second, false);
    if (under_way.empty ()
        && (!stop_when_connected || first.ended () || second.ended ()
            || (first.connected () && second.connected ())))
      return sent;
    auto next = std::min_element (under_way.begin (), under_way.end (),
        [] (const Event &a, const Event &b) { return a.at_us < b.at_us; });
    const auto due_first = first.deadline_us ();
    const auto due_second = second.deadline_us ();
    std::int64_t due = G_MAXINT64;
    if (due_first)
      due = *due_first;
    if (due_second)
      due = std::min (due, *due_second);
    if (next == under_way.end () && due == G_MAXINT64)
      return sent;
    if (next != under_way.end () && next->at_us <= due) {
      now_us_ = std::max (now_us_, next->at_us);
      const Event event = std::move (*next);
      under_way.erase (next);
      (event.from_first ? second : first).receive (event.datagram, now_us_);
    } else {
      now_us_ = std::max (now_us_, due);
      if (now_us_ > end_us)
        return sent;
      if (due_first && *due_first <= now_us_)
        first.on_deadline (now_us_);
      if (due_second && *due_second <= now_us_)
        second.on_deadline (now_us_);
    }
  }
}

} // namespace

unsigned
run (End &first, End &second, const Network &network, std::int64_t limit_us)
{
  first.start (now_us_);
  second.start (now_us_);
  return run_until (first, second, network, limit_us, true);
}

unsigned
settle (End &first, End &second, const Network &network, std::int64_t limit_us)
{
  return run_until (first, second, network, limit_us, false);
}

bool
same_keys (const End &a, const End &b)
{
  const DtlsSrtpKeys x = a.srtp_keys ();
  const DtlsSrtpKeys y = b.srtp_keys ();
  return x.profile == y.profile && x.local.key == y.remote.key
      && x.local.salt == y.remote.salt && x.remote.key == y.local.key
      && x.remote.salt == y.local.salt && x.local.key != x.remote.key;
}

} // namespace dtls_test
