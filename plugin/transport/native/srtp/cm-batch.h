// SPDX-License-Identifier: LGPL-2.1-or-later
// AES-CM with HMAC-SHA1 (RFC 3711) by Intel's library for IPsec: the cipher without OpenSSL's way to it, and the tags
// of many packets at once, one in each lane of the processor's vectors. Both together take two fifths of the time.
// Thread: its owner's.
#pragma once

#include "plugin/transport/native/srtp/hmac-sha1.h"

#include <memory>

namespace restream::transport::native {

class CmBatch
{
public:
  // Of AES-128. Wiped when it goes.
  class RoundKeys
  {
  public:
    // Null: there are no batches.
    static std::unique_ptr<RoundKeys> expand (
        std::span<const std::uint8_t, 16> key);
    ~RoundKeys ();
    RoundKeys (const RoundKeys &) = delete;
    RoundKeys &operator= (const RoundKeys &) = delete;

  private:
    friend class IpsecMbBatch;
    RoundKeys () = default;
    alignas (16) std::array<std::uint8_t, 11 * 16> bytes_;
  };
  using Iv = std::array<std::uint8_t, 16>;

  // Null: built without the library, or the processor lacks what it takes.
  static std::unique_ptr<CmBatch> create ();
  virtual ~CmBatch () = default;
  CmBatch (const CmBatch &) = delete;
  CmBatch &operator= (const CmBatch &) = delete;

  // At once. plain is the body, or does not overlap it.
  virtual void encrypt (const RoundKeys &keys, const Iv &iv,
      const std::uint8_t *plain, std::span<std::uint8_t> body) = 0;
  // The message stays where it is until run(), which may come before the next add(); the key need not.
  // tag: no longer than the key's Mac; may lie in the message.
  virtual void add (const HmacSha1 &key, std::span<const std::uint8_t> message,
      std::span<std::uint8_t> tag) = 0;
  // Writes the tags of all that has been added.
  virtual void run () = 0;

protected:
  CmBatch () = default;
};

} // namespace restream::transport::native
