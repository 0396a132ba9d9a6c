// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-record-keys.h"

#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/dtls/dtls-openssl.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace restream::transport::native {

namespace {

constexpr std::size_t kNonce = 8; // explicit part
constexpr std::size_t kTag = 16;
constexpr std::size_t kSalt = 4;
constexpr std::size_t kIv = kSalt + kNonce;
constexpr std::size_t kAad = 13;

void
write_u64 (std::uint8_t *out, std::uint64_t value)
{
  for (std::size_t i = 8; i > 0; i--, value >>= 8)
    out[i - 1] = static_cast<std::uint8_t> (value);
}

// RFC 5246 6.2.3.3, with DTLS' epoch and sequence number: which is how the
// header begins from its third byte on.
void
make_aad (const std::uint8_t *header, std::size_t plaintext_size,
    std::uint8_t *aad)
{
  std::memcpy (aad, header + 3, 8);
  std::memcpy (aad + 8, header, 3);
  aad[11] = static_cast<std::uint8_t> (plaintext_size >> 8);
  aad[12] = static_cast<std::uint8_t> (plaintext_size);
}

} // namespace

std::uint64_t
dtls_record_nonce (const DtlsRecord &record)
{
  std::uint64_t nonce = 0;
  for (std::size_t i = 0; i < kNonce && i < record.fragment.size (); i++)
    nonce = nonce << 8 | record.fragment[i];
  return nonce;
}

DtlsRecordKeys::~DtlsRecordKeys ()
{
  OPENSSL_cleanse (&ours_, sizeof ours_);
  OPENSSL_cleanse (&peers_, sizeof peers_);
}

Result<DtlsRecordKeys>
DtlsRecordKeys::derive (const SSL *ssl, bool we_are_client)
{
  OpenSslErrors errors;
  const SSL_CIPHER *cipher = SSL_get_current_cipher (ssl);
  if (!cipher)
    cipher = SSL_get_pending_cipher (ssl);
  const SSL_SESSION *session = SSL_get0_session (ssl);
  if (!cipher || !session)
    return Error{Code::internal, "no cipher suite was agreed on"};

  DtlsRecordKeys keys;
  switch (SSL_CIPHER_get_cipher_nid (cipher)) {
    case NID_aes_128_gcm:
      keys.key_size_ = 16;
      break;
    case NID_aes_256_gcm:
      keys.key_size_ = 32;
      break;
    default:
      return Error{Code::internal, "not an AES-GCM cipher suite"};
  }

  // All secrets in one place, which is wiped.
  struct Secrets
  {
    std::uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
    std::uint8_t block[2 * (32 + kSalt)];
    ~Secrets () { OPENSSL_cleanse (this, sizeof *this); }
  } secrets;
  std::uint8_t server_random[SSL3_RANDOM_SIZE];
  std::uint8_t client_random[SSL3_RANDOM_SIZE];
  const std::size_t master_size = SSL_SESSION_get_master_key (session,
      secrets.master, sizeof secrets.master);
  if (master_size == 0
      || SSL_get_server_random (ssl, server_random, sizeof server_random)
          != sizeof server_random
      || SSL_get_client_random (ssl, client_random, sizeof client_random)
          != sizeof client_random)
    return Error{Code::internal, "the handshake has no master secret yet"};

  const EVP_MD *digest = SSL_CIPHER_get_handshake_digest (cipher);
  EVP_KDF *kdf = EVP_KDF_fetch (nullptr, OSSL_KDF_NAME_TLS1_PRF, nullptr);
  Owned<EVP_KDF_CTX> context (kdf ? EVP_KDF_CTX_new (kdf) : nullptr);
  EVP_KDF_free (kdf);
  if (!context || !digest)
    return errors.error ("TLS1-PRF");
  std::uint8_t label[] = "key expansion";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string (OSSL_KDF_PARAM_DIGEST,
          const_cast<char *> (EVP_MD_get0_name (digest)), 0),
      OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SECRET, secrets.master,
          master_size),
      OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SEED, label,
          sizeof label - 1),
      OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SEED, server_random,
          sizeof server_random),
      OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SEED, client_random,
          sizeof client_random),
      OSSL_PARAM_construct_end (),
  };
  const std::size_t block_size = 2 * (keys.key_size_ + kSalt);
  if (EVP_KDF_derive (context.get (), secrets.block, block_size, params) <= 0)
    return errors.error ("TLS1-PRF");

  Direction client, server;
  const std::uint8_t *in = secrets.block;
  for (Direction *direction : {&client, &server}) {
    std::copy_n (in, keys.key_size_, direction->key.begin ());
    in += keys.key_size_;
  }
  for (Direction *direction : {&client, &server}) {
    std::copy_n (in, kSalt, direction->salt.begin ());
    in += kSalt;
  }
  keys.ours_ = we_are_client ? client : server;
  keys.peers_ = we_are_client ? server : client;
  OPENSSL_cleanse (&client, sizeof client);
  OPENSSL_cleanse (&server, sizeof server);
  return keys;
}

bool
DtlsRecordKeys::seal (const DtlsIdentity &identity, std::uint8_t type,
    std::uint64_t sequence, std::uint64_t nonce,
    std::span<const std::uint8_t> plaintext, std::uint8_t *out) const
{
  OpenSslErrors errors;
  write_dtls_header (out, type, 1, sequence, kNonce + plaintext.size () + kTag);
  std::uint8_t *body = out + kDtlsRecordHeader;
  write_u64 (body, nonce);
  std::uint8_t iv[kIv];
  std::copy (ours_.salt.begin (), ours_.salt.end (), iv);
  std::memcpy (iv + kSalt, body, kNonce);
  std::uint8_t aad[kAad];
  make_aad (out, plaintext.size (), aad);

  Owned<EVP_CIPHER_CTX> context (EVP_CIPHER_CTX_new ());
  int written = 0;
  return context
      && EVP_EncryptInit_ex2 (context.get (), identity.aes_gcm (key_size_),
          ours_.key.data (), iv, nullptr)
      && EVP_EncryptUpdate (context.get (), nullptr, &written, aad, sizeof aad)
      && EVP_EncryptUpdate (context.get (), body + kNonce, &written,
          plaintext.data (), static_cast<int> (plaintext.size ()))
      && EVP_EncryptFinal_ex (context.get (), body + kNonce, &written)
      && EVP_CIPHER_CTX_ctrl (context.get (), EVP_CTRL_AEAD_GET_TAG, kTag,
          body + kNonce + plaintext.size ());
}

std::size_t
DtlsRecordKeys::open (const DtlsIdentity &identity, const DtlsRecord &record,
    std::span<std::uint8_t> out, bool by_us) const
{
  OpenSslErrors errors;
  if (record.epoch != 1 || record.fragment.size () <= kNonce + kTag
      || out.size () < record.fragment.size ())
    return 0;
  const Direction &direction = by_us ? ours_ : peers_;
  const std::size_t size = record.fragment.size () - kNonce - kTag;
  const std::uint8_t *body = record.fragment.data ();
  std::uint8_t iv[kIv];
  std::copy (direction.salt.begin (), direction.salt.end (), iv);
  std::memcpy (iv + kSalt, body, kNonce);
  std::uint8_t aad[kAad];
  make_aad (record.whole.data (), size, aad);

  Owned<EVP_CIPHER_CTX> context (EVP_CIPHER_CTX_new ());
  int written = 0;
  if (!context
      || !EVP_DecryptInit_ex2 (context.get (), identity.aes_gcm (key_size_),
          direction.key.data (), iv, nullptr)
      || !EVP_DecryptUpdate (context.get (), nullptr, &written, aad, sizeof aad)
      || !EVP_DecryptUpdate (context.get (), out.data (), &written,
          body + kNonce, static_cast<int> (size))
      || !EVP_CIPHER_CTX_ctrl (context.get (), EVP_CTRL_AEAD_SET_TAG, kTag,
          const_cast<std::uint8_t *> (body + kNonce + size))
      || EVP_DecryptFinal_ex (context.get (), out.data (), &written) <= 0)
    return 0;
  return size;
}

} // namespace restream::transport::native
