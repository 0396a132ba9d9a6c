// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/gcm-cipher.h"

#ifdef HAVE_IPSEC_MB

#include "plugin/transport/native/srtp/ipsec-mb.h"

#include <openssl/crypto.h>

namespace restream::transport::native {
namespace {

class IpsecMbGcm final : public GcmCipher
{
public:
  IpsecMbGcm (IMB_MGR *manager, std::span<const std::uint8_t> key)
      : encrypt_ (
          key.size () == 32 ? manager->gcm256_enc : manager->gcm128_enc),
        decrypt_ (key.size () == 32 ? manager->gcm256_dec : manager->gcm128_dec)
  {
    if (key.size () == 32)
      IMB_AES256_GCM_PRE (manager, key.data (), &key_);
    else
      IMB_AES128_GCM_PRE (manager, key.data (), &key_);
  }
  ~IpsecMbGcm () override { OPENSSL_cleanse (&key_, sizeof key_); }

  void seal (std::span<const std::uint8_t, kIvBytes> iv,
      std::span<const std::uint8_t> clear, const std::uint8_t *plain,
      std::span<std::uint8_t> body, std::uint8_t *tag) override
  {
    gcm_context_data state;
    encrypt_ (&key_, &state, body.data (), plain, body.size (), iv.data (),
        clear.data (), clear.size (), tag, kTagBytes);
  }

  bool open (std::span<const std::uint8_t, kIvBytes> iv,
      std::span<const std::uint8_t> clear, std::span<std::uint8_t> body,
      const std::uint8_t *tag) override
  {
    gcm_context_data state;
    std::uint8_t expected[kTagBytes];
    decrypt_ (&key_, &state, body.data (), body.data (), body.size (),
        iv.data (), clear.data (), clear.size (), expected, kTagBytes);
    return CRYPTO_memcmp (expected, tag, kTagBytes) == 0;
  }

private:
  const aes_gcm_enc_dec_t encrypt_, decrypt_;
  alignas (64) gcm_key_data key_; // as the library itself has it
};

} // namespace

std::unique_ptr<GcmCipher>
GcmCipher::create (std::span<const std::uint8_t> key)
{
  IMB_MGR *manager = shared_ipsec_mb ();
  if (!manager || (key.size () != 16 && key.size () != 32))
    return nullptr;
  return std::make_unique<IpsecMbGcm> (manager, key);
}

void
GcmCipher::warm_up ()
{
  shared_ipsec_mb ();
}

} // namespace restream::transport::native

#else

namespace restream::transport::native {

std::unique_ptr<GcmCipher>
GcmCipher::create (std::span<const std::uint8_t>)
{
  return nullptr;
}

void
GcmCipher::warm_up ()
{
}

} // namespace restream::transport::native

#endif
