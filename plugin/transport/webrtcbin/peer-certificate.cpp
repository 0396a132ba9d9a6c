// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/peer-certificate.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace restream {
RESTREAM_FREE (BIO, BIO_free_all);
RESTREAM_FREE (X509, X509_free);
} // namespace restream

namespace restream::transport {

namespace {

const EVP_MD *
digest_of (std::string_view algorithm)
{
  // No more than these: older ones may not be used for fingerprints (RFC 8122 5).
  if (algorithm == "sha-256")
    return EVP_sha256 ();
  if (algorithm == "sha-384")
    return EVP_sha384 ();
  if (algorithm == "sha-512")
    return EVP_sha512 ();
  return nullptr;
}

} // namespace

Result<void>
check_peer_certificate (std::string_view pem,
    const std::vector<negotiation::Fingerprint> &offered)
{
  Owned<BIO> bio (
      BIO_new_mem_buf (pem.data (), static_cast<int> (pem.size ())));
  Owned<X509> certificate (bio
          ? PEM_read_bio_X509 (bio.get (), nullptr, nullptr, nullptr)
          : nullptr);
  if (!certificate)
    return Error{Code::forbidden,
        "the viewer's DTLS certificate cannot be read"};

  for (const negotiation::Fingerprint &fingerprint : offered) {
    const EVP_MD *digest = digest_of (fingerprint.algorithm);
    if (!digest)
      continue;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!X509_digest (certificate.get (), digest, hash, &length))
      continue;
    if (length == fingerprint.digest.size ()
        && CRYPTO_memcmp (hash, fingerprint.digest.data (), length) == 0)
      return {};
  }
  return Error{Code::forbidden,
      "the viewer's DTLS certificate does not match the fingerprint of its "
      "offer"};
}

} // namespace restream::transport
