// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/tag-batch.h"

#ifdef HAVE_IPSEC_MB

#include "plugin/transport/native/srtp/ipsec-mb.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace restream::transport::native {
namespace {

// Several times the lanes there are.
constexpr std::size_t kMaxTags = 128;

class IpsecMbBatch final : public TagBatch
{
public:
  explicit IpsecMbBatch (IpsecMb manager) : manager_ (std::move (manager)) {}
  ~IpsecMbBatch () override { OPENSSL_cleanse (keys_.data (), sizeof keys_); }

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
  std::array<IMB_JOB, kMaxTags> jobs_{};
  std::array<HmacSha1::Halves, kMaxTags> keys_{};
  std::array<HmacSha1::Mac, kMaxTags> macs_{};
  std::array<std::span<std::uint8_t>, kMaxTags> tags_{};
};

} // namespace

std::unique_ptr<TagBatch>
TagBatch::create ()
{
  IpsecMb manager = make_ipsec_mb ();
  if (!manager)
    return nullptr;
  return std::make_unique<IpsecMbBatch> (std::move (manager));
}

} // namespace restream::transport::native

#else

namespace restream::transport::native {

std::unique_ptr<TagBatch>
TagBatch::create ()
{
  return nullptr;
}

} // namespace restream::transport::native

#endif
