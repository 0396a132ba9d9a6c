// SPDX-License-Identifier: LGPL-2.1-or-later
// AES-GCM of one key, by Intel's library for IPsec. OpenSSL 3.0 spends half of a media packet's
// time, and nearly all of a report's, on finding its way to the cipher; here there is a
// function to call, and it is a quicker one. x86 only.
// Thread: any, where there is one at a time.
#pragma once

#include "plugin/transport/native/prefetch.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace restream::transport::native {

class GcmCipher
{
public:
  static constexpr std::size_t kIvBytes = 12;
  static constexpr std::size_t kTagBytes = 16;

  // key: 16 or 32 bytes. Null: built without the library, or the processor lacks what it takes.
  static std::unique_ptr<GcmCipher> create (std::span<const std::uint8_t> key);
  // Does once what would hold the first one up for 10 ms.
  static void warm_up ();
  virtual ~GcmCipher () = default;
  GcmCipher (const GcmCipher &) = delete;
  GcmCipher &operator= (const GcmCipher &) = delete;

  // Encrypts from plain into body, which are the same or do not overlap; the tag also covers
  // clear.
  virtual void seal (std::span<const std::uint8_t, kIvBytes> iv,
      std::span<const std::uint8_t> clear, const std::uint8_t *plain,
      std::span<std::uint8_t> body, std::uint8_t *tag) = 0;

  // Decrypts body in place. False: what came is not what was sealed, and the body is garbage.
  virtual bool open (std::span<const std::uint8_t, kIvBytes> iv,
      std::span<const std::uint8_t> clear, std::span<std::uint8_t> body,
      const std::uint8_t *tag) = 0;

  // seal() is soon to come.
  void prefetch () const { prefetch_bytes (this, kKeyBytes); }

protected:
  // Round keys and the powers of the hash key that packets take.
  static constexpr std::size_t kKeyBytes = 512;
  GcmCipher () = default;
};

} // namespace restream::transport::native
