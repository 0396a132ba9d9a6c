// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-fingerprint.h"

#include "plugin/transport/native/dtls/dtls-openssl.h"

#include <openssl/crypto.h>

namespace restream::transport::native {

namespace {

struct Hash
{
  const char *name; // RFC 8122
  const EVP_MD *(*digest) ();
  std::size_t size;
};

constexpr Hash kHashes[] = {
    {"sha-256", EVP_sha256, 32},
    {"sha-384", EVP_sha384, 48},
    {"sha-512", EVP_sha512, 64},
};

} // namespace

Result<std::vector<negotiation::Fingerprint>>
choose_fingerprints (std::span<const negotiation::Fingerprint> offered)
{
  std::vector<negotiation::Fingerprint> chosen;
  for (const Hash &hash : kHashes) {
    for (const negotiation::Fingerprint &fingerprint : offered)
      if (fingerprint.algorithm == hash.name
          && fingerprint.digest.size () == hash.size)
        chosen.push_back (fingerprint);
    if (!chosen.empty ())
      return chosen;
  }
  return Error{Code::forbidden,
      "the offer has no DTLS fingerprint by SHA-256, SHA-384 or SHA-512"};
}

bool
matches_fingerprint (const X509 *certificate,
    std::span<const negotiation::Fingerprint> chosen)
{
  if (!certificate || chosen.empty ())
    return false;
  for (const Hash &hash : kHashes) {
    if (chosen.front ().algorithm != hash.name)
      continue;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!X509_digest (certificate, hash.digest (), digest, &size))
      return false;
    for (const negotiation::Fingerprint &fingerprint : chosen)
      if (fingerprint.digest.size () == size
          && CRYPTO_memcmp (fingerprint.digest.data (), digest, size) == 0)
        return true;
  }
  return false;
}

} // namespace restream::transport::native
