// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/srtp-cipher.h"

#include "plugin/transport/native/srtp/packet-layout.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <cstring>

namespace restream::transport::native {
namespace {

// AES_CM's IV has 14 bytes that are not the block counter, GCM's has 12.
constexpr std::size_t kGcmIvOffset = 2;

std::array<std::uint8_t, 4>
big_endian (std::uint32_t value)
{
  return {static_cast<std::uint8_t> (value >> 24),
      static_cast<std::uint8_t> (value >> 16),
      static_cast<std::uint8_t> (value >> 8),
      static_cast<std::uint8_t> (value)};
}

const EVP_CIPHER *
cipher_of (SrtpProfile profile)
{
  switch (profile) {
    case SrtpProfile::aes128_cm_sha1_80:
      return EVP_aes_128_ctr ();
    case SrtpProfile::aead_aes_128_gcm:
      return EVP_aes_128_gcm ();
    case SrtpProfile::aead_aes_256_gcm:
      return EVP_aes_256_gcm ();
  }
  return nullptr;
}

} // namespace

SrtpCipher::~SrtpCipher ()
{
  OPENSSL_cleanse (salt_.data (), salt_.size ());
}

Result<SrtpCipher>
SrtpCipher::create (const SrtpKeys &master, SrtpUse use, Direction direction,
    SrtpEngine engine)
{
  const auto session = derive_session_keys (master, use);
  if (!session)
    return session.error ();
  return create (master.profile, *session, use, direction, engine);
}

Result<SrtpCipher>
SrtpCipher::create (SrtpProfile profile, const SrtpSessionKeys &keys,
    SrtpUse use, Direction direction, SrtpEngine engine)
{
  SrtpCipher cipher;
  const EVP_CIPHER *type = cipher_of (profile);
  if (!type)
    return Error{Code::bad_request, "unknown SRTP profile"};
  // Counter mode has one direction only.
  const bool encrypt = direction == Direction::seal || !srtp_is_aead (profile);
  const bool fastest = engine == SrtpEngine::fastest;
  if (fastest && srtp_is_aead (profile))
    cipher.gcm_ = GcmCipher::create (
        std::span (keys.key).first (srtp_master_key_size (profile)));
  else if (fastest && direction == Direction::seal && use == SrtpUse::rtp)
    cipher.cm_keys_ =
        CmBatch::RoundKeys::expand (std::span (keys.key).first<16> ());
  if (!cipher.gcm_) {
    cipher.context_.reset (EVP_CIPHER_CTX_new ());
    if (!cipher.context_
        || !EVP_CipherInit_ex2 (cipher.context_.get (), type, keys.key.data (),
            nullptr, encrypt, nullptr))
      return evp_error ("SRTP cipher");
  }
  if (!srtp_is_aead (profile))
    cipher.hmac_ = std::make_unique<HmacSha1> (keys.auth);
  std::copy_n (keys.salt.begin (), srtp_master_salt_size (profile),
      cipher.salt_.begin () + (srtp_is_aead (profile) ? kGcmIvOffset : 0));
  cipher.tag_bytes_ = static_cast<std::uint8_t> (srtp_tag_size (profile));
  cipher.trailer_is_aad_ = use == SrtpUse::rtcp;
  return cipher;
}

SrtpCipher::Iv
SrtpCipher::iv_of (const Packet &packet) const
{
  Iv iv = salt_;
  std::uint64_t middle;
  std::memcpy (&middle, &iv[4], sizeof middle);
  middle ^= GUINT64_TO_BE (
      std::uint64_t{packet.ssrc} << 32 | (packet.index >> 16 & 0xffffffff));
  std::memcpy (&iv[4], &middle, sizeof middle);
  iv[12] ^= static_cast<std::uint8_t> (packet.index >> 8);
  iv[13] ^= static_cast<std::uint8_t> (packet.index);
  return iv;
}

// What OpenSSL says about a failure goes no further: the session's DTLS, which
// shares the thread's queue of errors, would take it for its own.
bool
SrtpCipher::seal (const Packet &packet, const std::uint8_t *plain,
    std::uint8_t *tag)
{
  const bool done =
      hmac_ ? seal_cm (packet, plain, tag) : seal_gcm (packet, plain, tag);
  if (!done)
    ERR_clear_error ();
  return done;
}

void
SrtpCipher::seal_later (const Packet &packet, const std::uint8_t *plain,
    CmBatch &batch)
{
  batch.encrypt (*cm_keys_, iv_of (packet), plain,
      {packet.body (), packet.body_bytes});
  std::uint8_t *end = packet.body () + packet.body_bytes;
  const auto trailer = big_endian (packet.trailer);
  std::copy (trailer.begin (), trailer.end (), end);
  batch.add (*hmac_,
      {packet.head, packet.head_bytes + packet.body_bytes + trailer.size ()},
      {end, tag_bytes_});
}

SrtpCipher::Opened
SrtpCipher::open (const Packet &packet, const std::uint8_t *tag)
{
  const Opened opened = hmac_ ? open_cm (packet, tag) : open_gcm (packet, tag);
  if (opened != Opened::ok)
    ERR_clear_error ();
  return opened;
}

bool
SrtpCipher::seal_cm (const Packet &packet, const std::uint8_t *plain,
    std::uint8_t *tag)
{
  HmacSha1::Mac mac;
  if (!crypt_cm (packet, plain)
      || !hmac_->compute ({packet.head, packet.head_bytes + packet.body_bytes},
          big_endian (packet.trailer), mac))
    return false;
  std::copy_n (mac.begin (), tag_bytes_, tag);
  return true;
}

SrtpCipher::Opened
SrtpCipher::open_cm (const Packet &packet, const std::uint8_t *tag)
{
  HmacSha1::Mac mac;
  if (!hmac_->compute ({packet.head, packet.head_bytes + packet.body_bytes},
          big_endian (packet.trailer), mac))
    return Opened::failed;
  if (CRYPTO_memcmp (mac.data (), tag, tag_bytes_) != 0)
    return Opened::forged;
  return crypt_cm (packet, packet.body ()) ? Opened::ok : Opened::failed;
}

bool
SrtpCipher::crypt_cm (const Packet &packet, const std::uint8_t *input)
{
  if (packet.body_bytes == 0)
    return true;
  const Iv iv = iv_of (packet);
  int bytes = 0;
  return EVP_EncryptInit_ex2 (context_.get (), nullptr, nullptr, iv.data (),
             nullptr)
      && EVP_EncryptUpdate (context_.get (), packet.body (), &bytes, input,
          static_cast<int> (packet.body_bytes));
}

// What GCM authenticates besides the body: the head, and the trailer of SRTCP behind it (RFC 7714,
// section 9). An SRTP packet's roll-over counter is in the IV.
std::span<const std::uint8_t>
SrtpCipher::clear_of (const Packet &packet, RtcpClear &clear) const
{
  if (!trailer_is_aad_)
    return {packet.head, packet.head_bytes};
  const auto trailer = big_endian (packet.trailer);
  std::copy (trailer.begin (), trailer.end (),
      std::copy_n (packet.head, kRtcpHeadBytes, clear.begin ()));
  return clear;
}

// OpenSSL 3.0 looks up parameters by name where it takes the IV (its length) and
// gives the tag, 150 ns of a packet's 600. The documented API has no way round
// the first; EVP_CIPHER_CTX_get_params () is the shortest to the tag.
bool
SrtpCipher::seal_gcm (const Packet &packet, const std::uint8_t *plain,
    std::uint8_t *tag)
{
  const Iv iv = iv_of (packet);
  RtcpClear joined;
  const std::span<const std::uint8_t> clear = clear_of (packet, joined);
  if (gcm_) {
    gcm_->seal (std::span (iv).subspan<kGcmIvOffset, GcmCipher::kIvBytes> (),
        clear, plain, {packet.body (), packet.body_bytes}, tag);
    return true;
  }
  EVP_CIPHER_CTX *context = context_.get ();
  int bytes = 0;
  if (!EVP_EncryptInit_ex2 (context, nullptr, nullptr,
          iv.data () + kGcmIvOffset, nullptr)
      || !EVP_EncryptUpdate (context, nullptr, &bytes, clear.data (),
          static_cast<int> (clear.size ())))
    return false;
  if (packet.body_bytes > 0
      && !EVP_EncryptUpdate (context, packet.body (), &bytes, plain,
          static_cast<int> (packet.body_bytes)))
    return false;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_octet_string (OSSL_CIPHER_PARAM_AEAD_TAG, tag, tag_bytes_),
      OSSL_PARAM_END};
  std::uint8_t rest[16]; // GCM leaves nothing for the end
  return EVP_EncryptFinal_ex (context, rest, &bytes)
      && EVP_CIPHER_CTX_get_params (context, parameters);
}

SrtpCipher::Opened
SrtpCipher::open_gcm (const Packet &packet, const std::uint8_t *tag)
{
  const Iv iv = iv_of (packet);
  RtcpClear joined;
  const std::span<const std::uint8_t> clear = clear_of (packet, joined);
  if (gcm_)
    return gcm_->open (
               std::span (iv).subspan<kGcmIvOffset, GcmCipher::kIvBytes> (),
               clear, {packet.body (), packet.body_bytes}, tag)
        ? Opened::ok
        : Opened::forged;
  EVP_CIPHER_CTX *context = context_.get ();
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_octet_string (OSSL_CIPHER_PARAM_AEAD_TAG,
          const_cast<std::uint8_t *> (tag), tag_bytes_),
      OSSL_PARAM_END};
  int bytes = 0;
  if (!EVP_DecryptInit_ex2 (context, nullptr, nullptr,
          iv.data () + kGcmIvOffset, nullptr)
      || !EVP_CIPHER_CTX_set_params (context, parameters)
      || !EVP_DecryptUpdate (context, nullptr, &bytes, clear.data (),
          static_cast<int> (clear.size ())))
    return Opened::failed;
  if (packet.body_bytes > 0
      && !EVP_DecryptUpdate (context, packet.body (), &bytes, packet.body (),
          static_cast<int> (packet.body_bytes)))
    return Opened::failed;
  std::uint8_t rest[16];
  return EVP_DecryptFinal_ex (context, rest, &bytes) > 0 ? Opened::ok
                                                         : Opened::forged;
}

} // namespace restream::transport::native
