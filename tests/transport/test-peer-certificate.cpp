// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/peer-certificate.h"

#include <gst/gst.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>
#include <utility>

using namespace restream;
using namespace restream::transport;

// A fresh self-signed certificate, as browsers make them: PEM and SHA-256.
static std::pair<std::string, std::vector<std::uint8_t>>
certificate ()
{
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  X509 *x = X509_new ();
  X509_gmtime_adj (X509_getm_notBefore (x), 0);
  X509_gmtime_adj (X509_getm_notAfter (x), 3600);
  X509_set_pubkey (x, key);
  X509_sign (x, key, EVP_sha256 ());
  BIO *bio = BIO_new (BIO_s_mem ());
  PEM_write_bio_X509 (bio, x);
  char *data;
  long size = BIO_get_mem_data (bio, &data);
  std::string pem (data, static_cast<std::size_t> (size));
  std::vector<std::uint8_t> hash (32);
  unsigned length = 0;
  X509_digest (x, EVP_sha256 (), hash.data (), &length);
  BIO_free (bio);
  X509_free (x);
  EVP_PKEY_free (key);
  return {pem, hash};
}

static void
the_offered_certificate_passes ()
{
  auto [pem, hash] = certificate ();
  g_assert_true (
      check_peer_certificate (pem, {{"sha-256", hash}}).has_value ());
  // One of several is enough.
  g_assert_true (check_peer_certificate (pem,
      {{"sha-512", std::vector<std::uint8_t> (64)}, {"sha-256", hash}})
                     .has_value ());
}

static void
another_certificate_is_refused ()
{
  auto [pem, hash] = certificate ();
  auto [other, other_hash] = certificate ();
  g_assert_false (
      check_peer_certificate (pem, {{"sha-256", other_hash}}).has_value ());
  hash[31] ^= 1;
  g_assert_false (
      check_peer_certificate (pem, {{"sha-256", hash}}).has_value ());
  hash[31] ^= 1;
  hash.pop_back ();
  g_assert_false (
      check_peer_certificate (pem, {{"sha-256", hash}}).has_value ());
}

static void
no_fingerprint_or_certificate_is_refused ()
{
  auto [pem, hash] = certificate ();
  g_assert_false (check_peer_certificate (pem, {}).has_value ());
  g_assert_false (check_peer_certificate (pem, {{"md5", hash}}).has_value ());
  g_assert_false (
      check_peer_certificate ("", {{"sha-256", hash}}).has_value ());
  g_assert_false (
      check_peer_certificate ("garbage", {{"sha-256", hash}}).has_value ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/transport/peer-certificate/match",
      the_offered_certificate_passes);
  g_test_add_func ("/transport/peer-certificate/other",
      another_certificate_is_refused);
  g_test_add_func ("/transport/peer-certificate/none",
      no_fingerprint_or_certificate_is_refused);
  return g_test_run ();
}
