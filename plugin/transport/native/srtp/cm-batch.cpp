// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/cm-batch.h"

#ifdef HAVE_IPSEC_MB

#include "plugin/transport/native/srtp/ipsec-mb.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace restream::transport::native {

namespace {

// Several times the lanes there are.
constexpr std::size_t kMaxTags = 128;

} // namespace

class IpsecMbBatch final : public CmBatch
{
public:
  explicit IpsecMbBatch (IpsecMb manager) : manager_ (std::move (manager)) {}
  ~IpsecMbBatch () override { OPENSSL_cleanse (keys_.data (), sizeof keys_); }

  static void expand (std::span<const std::uint8_t, 16> key, RoundKeys &into)
  {
    alignas (16) std::array<std::uint8_t, sizeof into.bytes_> decryption;
    IMB_AES_KEYEXP_128 (shared_ipsec_mb (), key.data (), into.bytes_.data (),
        decryption.data ());
    OPENSSL_cleanse (decryption.data (), sizeof decryption);
  }

  void encrypt (const RoundKeys &keys, const Iv &iv, const std::uint8_t *plain,
      std::span<std::uint8_t> body) override
  {
    if (body.empty ())
      return;
    IMB_JOB &job = cipher_;
    job.enc_keys = job.dec_keys = keys.bytes_.data ();
    job.key_len_in_bytes = IMB_KEY_128_BYTES;
    job.src = plain;
    job.dst = body.data ();
    job.msg_len_to_cipher_in_bytes = body.size ();
    job.iv = iv.data ();
    job.iv_len_in_bytes = iv.size ();
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.hash_alg = IMB_AUTH_NULL;
    IMB_SUBMIT_CIPHER_BURST_NOCHECK (manager_.get (), &job, 1, IMB_CIPHER_CNTR,
        IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
  }

  void add (const HmacSha1 &key, std::span<const std::uint8_t> message,
      std::span<std::uint8_t> tag) override
  {
    if (count_ == kMaxTags)
      run ();
    keys_[count_] = key.halves ();
    tags_[count_] = tag;
    IMB_JOB &job = jobs_[count_];
    job.src = message.data ();
    job.msg_len_to_hash_in_bytes = message.size ();
    job.auth_tag_output = macs_[count_].data ();
    job.auth_tag_output_len_in_bytes = macs_[count_].size ();
    job.hash_alg = IMB_AUTH_HMAC_SHA_1;
    job.u.HMAC._hashed_auth_key_xor_ipad =
        reinterpret_cast<const std::uint8_t *> (keys_[count_].inner.data ());
    job.u.HMAC._hashed_auth_key_xor_opad =
        reinterpret_cast<const std::uint8_t *> (keys_[count_].outer.data ());
    count_++;
  }

  void run () override
  {
    // All lengths and pointers are ours: there is nothing for the library to check.
    if (count_ > 0)
      IMB_SUBMIT_HASH_BURST_NOCHECK (manager_.get (), jobs_.data (),
          static_cast<std::uint32_t> (count_), IMB_AUTH_HMAC_SHA_1);
    for (std::size_t i = 0; i < count_; i++)
      std::copy_n (macs_[i].begin (), tags_[i].size (), tags_[i].begin ());
    count_ = 0;
  }

private:
  const IpsecMb manager_;
  std::size_t count_ = 0;
  IMB_JOB cipher_{};
  std::array<IMB_JOB, kMaxTags> jobs_{};
  std::array<HmacSha1::Halves, kMaxTags> keys_{};
  std::array<HmacSha1::Mac, kMaxTags> macs_{};
  std::array<std::span<std::uint8_t>, kMaxTags> tags_{};
};

std::unique_ptr<CmBatch::RoundKeys>
CmBatch::RoundKeys::expand (std::span<const std::uint8_t, 16> key)
{
  if (!shared_ipsec_mb ())
    return nullptr;
  std::unique_ptr<RoundKeys> keys (new RoundKeys);
  IpsecMbBatch::expand (key, *keys);
  return keys;
}

CmBatch::RoundKeys::~RoundKeys ()
{
  OPENSSL_cleanse (bytes_.data (), bytes_.size ());
}

std::unique_ptr<CmBatch>
CmBatch::create ()
{
  IpsecMb manager = make_ipsec_mb ();
  if (!manager)
    return nullptr;
  return std::make_unique<IpsecMbBatch> (std::move (manager));
}

} // namespace restream::transport::native

#else

namespace restream::transport::native {

std::unique_ptr<CmBatch::RoundKeys>
CmBatch::RoundKeys::expand (std::span<const std::uint8_t, 16>)
{
  return nullptr;
}

CmBatch::RoundKeys::~RoundKeys () = default;

std::unique_ptr<CmBatch>
CmBatch::create ()
{
  return nullptr;
}

} // namespace restream::transport::native

#endif
