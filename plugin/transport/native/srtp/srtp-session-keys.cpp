// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/srtp-session-keys.h"

#include "plugin/transport/native/srtp/evp.h"

namespace restream::transport::native {
namespace {

// The labels of RTP; those of RTCP are 3 higher (RFC 3711 4.3.2).
constexpr std::uint8_t kLabelKey = 0, kLabelAuth = 1, kLabelSalt = 2;

// The key stream of AES-CM from the IV (label XOR salt) * 2^16. The label meets
// byte 7 of the salt; a salt of 96 bits is filled up with zeros.
bool
derive (EVP_CIPHER_CTX *context, const SrtpKeys &master, std::uint8_t label,
    std::span<std::uint8_t> out)
{
  static constexpr std::uint8_t kZeros[32] = {};
  std::array<std::uint8_t, 16> iv{};
  std::copy (master.salt.begin (), master.salt.end (), iv.begin ());
  iv[7] ^= label;
  int bytes = 0;
  const bool done =
      EVP_EncryptInit_ex2 (context, nullptr, nullptr, iv.data (), nullptr)
      && EVP_EncryptUpdate (context, out.data (), &bytes, kZeros,
          static_cast<int> (out.size ()))
      && bytes == static_cast<int> (out.size ());
  OPENSSL_cleanse (iv.data (), iv.size ());
  return done;
}

} // namespace

SrtpSessionKeys::~SrtpSessionKeys ()
{
  OPENSSL_cleanse (key.data (), key.size ());
  OPENSSL_cleanse (auth.data (), auth.size ());
  OPENSSL_cleanse (salt.data (), salt.size ());
}

Result<SrtpSessionKeys>
derive_session_keys (const SrtpKeys &master, SrtpUse use)
{
  const Owned<EVP_CIPHER_CTX> context (EVP_CIPHER_CTX_new ());
  const EVP_CIPHER *cipher = srtp_master_key_size (master.profile) == 32
      ? EVP_aes_256_ctr ()
      : EVP_aes_128_ctr ();
  if (!context
      || !EVP_EncryptInit_ex2 (context.get (), cipher, master.key.data (),
          nullptr, nullptr))
    return evp_error ("SRTP key derivation");

  const std::uint8_t first = use == SrtpUse::rtp ? 0 : 3;
  const std::size_t key = srtp_master_key_size (master.profile);
  const std::size_t salt = srtp_master_salt_size (master.profile);
  SrtpSessionKeys session;
  if (!derive (context.get (), master, first + kLabelKey,
          std::span (session.key).first (key))
      || !derive (context.get (), master, first + kLabelAuth, session.auth)
      || !derive (context.get (), master, first + kLabelSalt,
          std::span (session.salt).first (salt)))
    return evp_error ("SRTP key derivation");
  return session;
}

} // namespace restream::transport::native
