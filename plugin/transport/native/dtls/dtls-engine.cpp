// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-engine.h"

#include "plugin/transport/native/dtls/dtls-fingerprint.h"
#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/dtls/dtls-openssl.h"
#include "plugin/transport/native/dtls/dtls-record.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/srtp.h>

#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace restream::transport::native {

namespace {

constexpr char kExporterLabel[] = "EXTRACTOR-dtls_srtp"; // RFC 5764 4.2
// A flight is some 2 KB, message by message when it is repeated: far below this.
constexpr std::size_t kMaxWaiting = 32;

} // namespace

// A BIO that keeps the borders of datagrams: what it reads is one record.
BIO_METHOD *
DtlsEngine::make_bio_method ()
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
DtlsEngine::on_read (BIO *bio, char *data, int size)
{
  auto *self = static_cast<DtlsEngine *> (BIO_get_data (bio));
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
DtlsEngine::on_write (BIO *bio, const char *data, int size)
{
  auto *self = static_cast<DtlsEngine *> (BIO_get_data (bio));
  BIO_clear_retry_flags (bio);
  if (size <= 0 || static_cast<std::size_t> (size) > kDtlsMtu
      || self->out_.size () >= kMaxWaiting)
    return -1;
  self->out_.emplace_back (data, data + size);
  return size;
}

long
DtlsEngine::on_control (BIO *, int command, long, void *)
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

DtlsEngine::DtlsEngine (std::vector<negotiation::Fingerprint> fingerprints,
    DtlsDatagrams &out)
    : fingerprints_ (std::move (fingerprints)), out_ (out)
{
}

DtlsEngine::~DtlsEngine ()
{
  OpenSslErrors errors;
  SSL_free (ssl_);
}

Result<std::unique_ptr<DtlsEngine>>
DtlsEngine::create (const DtlsIdentity &identity, bool we_are_client,
    std::vector<negotiation::Fingerprint> fingerprints, DtlsDatagrams &out)
{
  OpenSslErrors errors;
  std::unique_ptr<DtlsEngine> self (
      new DtlsEngine (std::move (fingerprints), out));
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
  DTLS_set_timer_cb (
      self->ssl_, +[] (SSL *, unsigned last_us) {
        return last_us == 0 ? kFirstTimeoutUs
                            : std::min (2 * last_us, kLongestTimeoutUs);
      });
  if (we_are_client)
    SSL_set_connect_state (self->ssl_);
  else
    SSL_set_accept_state (self->ssl_);
  return self;
}

// In place of the verification of a chain. Self-signed, expired, of any name: that
// it is the certificate which the offer told of is what counts (RFC 8827 6.5).
int
DtlsEngine::on_verify (X509_STORE_CTX *store, void *)
{
  auto *ssl = static_cast<SSL *> (X509_STORE_CTX_get_ex_data (store,
      SSL_get_ex_data_X509_STORE_CTX_idx ()));
  auto *self = static_cast<DtlsEngine *> (SSL_get_app_data (ssl));
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
DtlsEngine::on_client_hello (SSL *ssl, int *alert, void *)
{
  const unsigned char *data;
  std::size_t size;
  if (SSL_client_hello_get0_ext (ssl, TLSEXT_TYPE_use_srtp, &data, &size))
    return SSL_CLIENT_HELLO_SUCCESS;
  static_cast<DtlsEngine *> (SSL_get_app_data (ssl))->error_ =
      "the viewer does not offer DTLS-SRTP";
  *alert = SSL_AD_HANDSHAKE_FAILURE;
  return SSL_CLIENT_HELLO_ERROR;
}

DtlsEngine::Progress
DtlsEngine::receive (std::span<const std::uint8_t> record)
{
  OpenSslErrors errors;
  input_ = record;
  std::uint8_t data[64]; // there is none, see DtlsConnection::receive ()
  const int result =
      done_ ? SSL_read (ssl_, data, sizeof data) : SSL_do_handshake (ssl_);
  const int error = SSL_get_error (ssl_, result);
  input_ = {};
  if (result > 0 && done_)
    return Progress::waiting;
  if (result > 0 && verified_) {
    done_ = true;
    return Progress::done;
  }
  if (result <= 0 && error == SSL_ERROR_WANT_READ)
    return Progress::waiting;
  if (result <= 0 && error == SSL_ERROR_ZERO_RETURN)
    return Progress::closed;
  if (result > 0)
    error_ = "the viewer's DTLS certificate was not verified";
  else if (error_.empty () && done_)
    error_ = errors.describe ("DTLS");
  else if (error_.empty ())
    error_ =
        "DTLS handshake, " + errors.describe (SSL_state_string_long (ssl_));
  return Progress::failed;
}

// OpenSSL's timer goes by the wall clock. When that jumps ahead a flight is repeated too
// early; when it jumps back, none is, until the handshake's time is over.
std::optional<std::int64_t>
DtlsEngine::timeout_us () const
{
  struct timeval left;
  if (!DTLSv1_get_timeout (ssl_, &left))
    return {};
  return std::int64_t (left.tv_sec) * 1'000'000 + left.tv_usec;
}

bool
DtlsEngine::repeat ()
{
  OpenSslErrors errors;
  return DTLSv1_handle_timeout (ssl_) >= 0;
}

void
DtlsEngine::shutdown ()
{
  OpenSslErrors errors;
  if (!SSL_in_init (ssl_))
    SSL_shutdown (ssl_);
}

bool
DtlsEngine::expects_sealed () const
{
  const OSSL_HANDSHAKE_STATE state = SSL_get_state (ssl_);
  return state == TLS_ST_SR_CHANGE || state == TLS_ST_CR_CHANGE;
}

Result<DtlsSrtpKeys>
DtlsEngine::keys () const
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
