// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-handshake.h"

#include "plugin/transport/native/dtls/dtls-fingerprint.h"
#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/dtls/dtls-openssl.h"
#include "plugin/transport/native/dtls/dtls-outbox.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/srtp.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

namespace restream::transport::native {

namespace {

constexpr char kExporterLabel[] = "EXTRACTOR-dtls_srtp"; // RFC 5764 4.2

} // namespace

// A BIO that keeps the borders of datagrams: what it reads is one record.
BIO_METHOD *
DtlsHandshake::make_bio_method ()
{
  BIO_METHOD *method = BIO_meth_new (BIO_TYPE_SOURCE_SINK, "rtprestream-dtls");
  if (!method)
    return nullptr;
  BIO_meth_set_read (method, on_read);
  BIO_meth_set_write (method, on_write);
  BIO_meth_set_ctrl (method, on_control);
  return method;
}

int
DtlsHandshake::on_read (BIO *bio, char *data, int size)
{
  auto *self = static_cast<DtlsHandshake *> (BIO_get_data (bio));
  BIO_clear_retry_flags (bio);
  if (self->input_.empty ()) {
    BIO_set_retry_read (bio);
    return -1;
  }
  const std::size_t taken =
      std::min (self->input_.size (), static_cast<std::size_t> (size));
  std::memcpy (data, self->input_.data (), taken);
  self->input_ = {};
  return static_cast<int> (taken);
}

int
DtlsHandshake::on_write (BIO *bio, const char *data, int size)
{
  auto *self = static_cast<DtlsHandshake *> (BIO_get_data (bio));
  BIO_clear_retry_flags (bio);
  if (size <= 0
      || !self->outbox_.write ({reinterpret_cast<const std::uint8_t *> (data),
          static_cast<std::size_t> (size)}))
    return -1;
  return size;
}

long
DtlsHandshake::on_control (BIO *, int command, long, void *)
{
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return kDtlsMtu;
    default:
      return 0;
  }
}

DtlsHandshake::DtlsHandshake (
    std::vector<negotiation::Fingerprint> fingerprints, DtlsOutbox &outbox)
    : fingerprints_ (std::move (fingerprints)), outbox_ (outbox)
{
}

DtlsHandshake::~DtlsHandshake ()
{
  OpenSslErrors errors;
  SSL_free (ssl_);
}

Result<std::unique_ptr<DtlsHandshake>>
DtlsHandshake::create (const DtlsIdentity &identity, bool we_are_client,
    std::vector<negotiation::Fingerprint> fingerprints, DtlsOutbox &outbox)
{
  OpenSslErrors errors;
  std::unique_ptr<DtlsHandshake> self (
      new DtlsHandshake (std::move (fingerprints), outbox));
  self->we_are_client_ = we_are_client;
  self->ssl_ = SSL_new (identity.context ());
  BIO *bio = BIO_new (identity.datagrams ());
  if (!self->ssl_ || !bio) {
    BIO_free (bio);
    return errors.error ("DTLS connection");
  }
  BIO_set_data (bio, self.get ());
  BIO_set_init (bio, 1);
  SSL_set_bio (self->ssl_, bio, bio);
  SSL_set_app_data (self->ssl_, self.get ());
  SSL_set_mtu (self->ssl_, kDtlsMtu);
  // OpenSSL's timer goes by the wall clock, which may jump: never due.
  DTLS_set_timer_cb (
      self->ssl_, +[] (SSL *, unsigned) { return UINT_MAX; });
  if (we_are_client)
    SSL_set_connect_state (self->ssl_);
  else
    SSL_set_accept_state (self->ssl_);
  return self;
}

// In place of the verification of a chain. Self-signed, expired, of any name: that
// it is the certificate which the offer told of is what counts (RFC 8827 6.5).
int
DtlsHandshake::on_verify (X509_STORE_CTX *store, void *)
{
  auto *ssl = static_cast<SSL *> (X509_STORE_CTX_get_ex_data (store,
      SSL_get_ex_data_X509_STORE_CTX_idx ()));
  auto *self = static_cast<DtlsHandshake *> (SSL_get_app_data (ssl));
  self->verified_ = matches_fingerprint (X509_STORE_CTX_get0_cert (store),
      self->fingerprints_);
  if (self->verified_) {
    X509_STORE_CTX_set_error (store, X509_V_OK);
    return 1;
  }
  self->error_ = "the viewer's DTLS certificate does not match the fingerprint "
                 "of its offer";
  X509_STORE_CTX_set_error (store, X509_V_ERR_CERT_REJECTED); // bad_certificate
  return 0;
}

// Says early, before anything is signed, what could not become a connection.
int
DtlsHandshake::on_client_hello (SSL *ssl, int *alert, void *)
{
  const unsigned char *data;
  std::size_t size;
  if (SSL_client_hello_get0_ext (ssl, TLSEXT_TYPE_use_srtp, &data, &size))
    return SSL_CLIENT_HELLO_SUCCESS;
  static_cast<DtlsHandshake *> (SSL_get_app_data (ssl))->error_ =
      "the viewer does not offer DTLS-SRTP";
  *alert = SSL_AD_HANDSHAKE_FAILURE;
  return SSL_CLIENT_HELLO_ERROR;
}

DtlsHandshake::Progress
DtlsHandshake::step (std::span<const std::uint8_t> record)
{
  OpenSslErrors errors;
  input_ = record;
  outbox_.begin_flight ();
  const int result = SSL_do_handshake (ssl_);
  const int error = SSL_get_error (ssl_, result);
  input_ = {};
  if (result == 1) {
    if (verified_)
      return Progress::done;
    error_ = "the viewer's DTLS certificate was not verified";
    return Progress::failed;
  }
  if (error == SSL_ERROR_WANT_READ)
    return Progress::waiting;
  if (error == SSL_ERROR_ZERO_RETURN)
    return Progress::closed;
  if (error_.empty ()) {
    error_ = "DTLS handshake, ";
    error_ += errors.describe (SSL_state_string_long (ssl_));
  }
  return Progress::failed;
}

bool
DtlsHandshake::expects_sealed () const
{
  const OSSL_HANDSHAKE_STATE state = SSL_get_state (ssl_);
  return state == TLS_ST_SR_CHANGE || state == TLS_ST_CR_CHANGE;
}

Result<DtlsSrtpKeys>
DtlsHandshake::keys () const
{
  OpenSslErrors errors;
  const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile (ssl_);
  if (!profile)
    return Error{Code::forbidden, "no SRTP profile in common with the viewer"};
  const auto known = srtp_profile_from (static_cast<unsigned> (profile->id));
  if (!known)
    return Error{Code::internal, "an SRTP profile that was not offered"};
  std::uint8_t block[2 * (32 + 14)];
  const std::size_t size = srtp_keying_size (*known);
  if (SSL_export_keying_material (ssl_, block, size, kExporterLabel,
          sizeof kExporterLabel - 1, nullptr, 0, 0)
      != 1)
    return errors.error ("SRTP keys");
  const auto pair = split_dtls_keys (*known, {block, size});
  OPENSSL_cleanse (block, sizeof block);
  if (!pair)
    return pair.error ();
  DtlsSrtpKeys keys;
  keys.profile = *known;
  keys.local = we_are_client_ ? (*pair).client : (*pair).server;
  keys.remote = we_are_client_ ? (*pair).server : (*pair).client;
  return keys;
}

} // namespace restream::transport::native
