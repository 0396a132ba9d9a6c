// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-identity.h"

#include "plugin/transport/native/dtls/dtls-engine.h"
#include "plugin/transport/native/dtls/dtls-openssl.h"

#include <openssl/rand.h>

#include <utility>

namespace restream::transport::native {

namespace {

// ECDHE with an AEAD, as browsers, Pion and GStreamer have it; the first is the one
// that every WebRTC stack must have (RFC 8827 6.5). RSA is for the peer's certificate (ours is
// ECDSA). The last two are for stacks from before that rule. They weaken nothing: the
// SRTP keys come from the key exchange and the PRF, which are as good with them, and their records
// carry no more than the Finished and alerts; nor can others talk two
// peers down to them, as the Finished would not fit.
constexpr char kCipherSuites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                 "ECDHE-RSA-AES128-GCM-SHA256:"
                                 "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                 "ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                 "ECDHE-RSA-CHACHA20-POLY1305:"
                                 "ECDHE-ECDSA-AES128-SHA:"
                                 "ECDHE-ECDSA-AES256-SHA";
// By what they cost, cheapest first.
constexpr char kGroups[] = "X25519:P-256:P-384";
// By what they cost here for a packet, cheapest first.
constexpr char kSrtpProfiles[] = "SRTP_AEAD_AES_128_GCM:"
                                 "SRTP_AEAD_AES_256_GCM:"
                                 "SRTP_AES128_CM_SHA1_80";
constexpr long kDay = 24 * 60 * 60;
constexpr long kMaxCertificateBytes = 16 * 1024;

Result<Owned<X509>>
self_signed (EVP_PKEY *key)
{
  OpenSslErrors errors;
  Owned<X509> certificate (X509_new ());
  std::uint64_t serial = 0;
  if (!certificate
      || RAND_bytes (reinterpret_cast<unsigned char *> (&serial), sizeof serial)
          <= 0)
    return errors.error ("certificate");
  X509 *x = certificate.get ();
  // Nobody looks at the name: it is no more than there must be one.
  const auto *name = reinterpret_cast<const unsigned char *> ("rtprestream");
  X509_NAME *subject = X509_get_subject_name (x);
  if (!X509_set_version (x, X509_VERSION_3)
      || !ASN1_INTEGER_set_uint64 (X509_get_serialNumber (x), (serial >> 1) | 1)
      // Clocks differ.
      || !X509_gmtime_adj (X509_getm_notBefore (x), -kDay)
      || !X509_gmtime_adj (X509_getm_notAfter (x), 365 * kDay)
      || !X509_NAME_add_entry_by_txt (subject, "CN", MBSTRING_ASC, name, -1, -1,
          0)
      || !X509_set_issuer_name (x, subject) || !X509_set_pubkey (x, key)
      || !X509_sign (x, key, EVP_sha256 ()))
    return errors.error ("certificate");
  return certificate;
}

} // namespace

DtlsIdentity::~DtlsIdentity ()
{
  SSL_CTX_free (context_);
  BIO_meth_free (datagrams_);
}

Result<std::shared_ptr<const DtlsIdentity>>
DtlsIdentity::create ()
{
  OpenSslErrors errors;
  std::shared_ptr<DtlsIdentity> identity (new DtlsIdentity);
  identity->created_us_ = g_get_monotonic_time ();
  identity->datagrams_ = DtlsEngine::make_bio_method ();
  identity->context_ = SSL_CTX_new (DTLS_method ());
  if (!identity->datagrams_ || !identity->context_)
    return errors.error ("DTLS");
  if (auto made = identity->make_context (); !made)
    return made.error ();
  if (auto made = identity->make_certificate (); !made)
    return made.error ();
  return std::shared_ptr<const DtlsIdentity> (std::move (identity));
}

Result<void>
DtlsIdentity::make_certificate ()
{
  OpenSslErrors errors;
  Owned<EVP_PKEY> key (EVP_EC_gen ("P-256"));
  if (!key)
    return errors.error ("key");
  auto certificate = self_signed (key.get ());
  if (!certificate)
    return certificate.error ();
  X509 *x = (*certificate).get ();
  if (!SSL_CTX_use_certificate (context_, x)
      || !SSL_CTX_use_PrivateKey (context_, key.get ()))
    return errors.error ("certificate");
  unsigned size = 0;
  fingerprint_.algorithm = "sha-256";
  fingerprint_.digest.resize (32);
  if (!X509_digest (x, EVP_sha256 (), fingerprint_.digest.data (), &size)
      || size != fingerprint_.digest.size ())
    return errors.error ("fingerprint");
  return {};
}

// Nothing is left to the defaults of the system's openssl.cnf.
Result<void>
DtlsIdentity::make_context ()
{
  OpenSslErrors errors;
  SSL_CTX_set_security_level (context_, 2);
  if (!SSL_CTX_set_min_proto_version (context_, DTLS1_2_VERSION)
      || !SSL_CTX_set_max_proto_version (context_, DTLS1_2_VERSION))
    return errors.error ("version");
  if (!SSL_CTX_set_cipher_list (context_, kCipherSuites))
    return errors.error ("cipher suites");
  if (!SSL_CTX_set1_groups_list (context_, kGroups))
    return errors.error ("groups");
  // This one returns zero for success.
  if (SSL_CTX_set_tlsext_use_srtp (context_, kSrtpProfiles) != 0)
    return errors.error ("SRTP profiles");
  SSL_CTX_set_options (context_,
      SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
          | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU);
  SSL_CTX_set_session_cache_mode (context_, SSL_SESS_CACHE_OFF);
  // The certificate is its own chain: nothing to be looked for in each handshake.
  SSL_CTX_set_mode (context_, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list (context_, kMaxCertificateBytes);
  // Also bounds the write buffer.
  SSL_CTX_set_max_send_fragment (context_, 1200);
  SSL_CTX_set_verify (context_,
      SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback (context_, DtlsEngine::on_verify, nullptr);
  SSL_CTX_set_client_hello_cb (context_, DtlsEngine::on_client_hello, nullptr);
  return {};
}

} // namespace restream::transport::native
