// SPDX-License-Identifier: LGPL-2.1-or-later
// HMAC-SHA1 whose keyed halves are computed once. EVP_MAC and EVP_MD_CTX copy
// their state through the provider for each message, with allocations that
// cost a tenth of what hashing a packet does; hence OpenSSL's own SHA1_*.
// Thread: the session's.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace restream::transport::native {

class HmacSha1
{
public:
  using Mac = std::array<std::uint8_t, SHA_DIGEST_LENGTH>;

  // key: no longer than a block of SHA-1, 64 bytes.
  explicit HmacSha1 (std::span<const std::uint8_t> key);
  HmacSha1 (const HmacSha1 &) = delete;
  HmacSha1 &operator= (const HmacSha1 &) = delete;
  ~HmacSha1 ();

  // The hash of either keyed block, as SHA-1's five words: for CmBatch.
  struct Halves
  {
    std::array<std::uint32_t, SHA_DIGEST_LENGTH / 4> inner;
    std::array<std::uint32_t, SHA_DIGEST_LENGTH / 4> outer;
  };
  Halves halves () const;

  // Of both, one after the other. False where OpenSSL fails.
  bool compute (std::span<const std::uint8_t> message,
      std::span<const std::uint8_t> trailer, Mac &mac) const;

private:
  SHA_CTX inner_;
  SHA_CTX outer_;
  bool valid_ = false;
};

} // namespace restream::transport::native
