// SPDX-License-Identifier: LGPL-2.1-or-later
// One session key at work: encrypts and authenticates single packets. Knows
// nothing of sequence numbers, counters and replay.
// Thread: the session's.
#pragma once

#include "plugin/transport/native/srtp/evp.h"
#include "plugin/transport/native/srtp/gcm-cipher.h"
#include "plugin/transport/native/srtp/hmac-sha1.h"
#include "plugin/transport/native/srtp/srtp-session-keys.h"
#include "plugin/transport/native/srtp/cm-batch.h"

#include <memory>

namespace restream::transport::native {

// Who does GCM, and AES-CM for media.
enum class SrtpEngine : std::uint8_t
{
  fastest = 1, // GcmCipher and CmBatch, where there are
  openssl,
};

class SrtpCipher
{
public:
  enum class Direction : std::uint8_t
  {
    seal = 1,
    open,
  };

  // Head (in the clear) and body (encrypted) lie in one piece.
  struct Packet
  {
    std::uint8_t *head;
    std::size_t head_bytes;
    std::size_t body_bytes;
    std::uint32_t ssrc;
    std::uint64_t index; // 48 bit: roll-over counter and sequence number, or
        // the SRTCP index
    std::uint32_t trailer; // authenticated behind the body: the roll-over
        // counter, or the E bit and the SRTCP index

    std::uint8_t *body () const { return head + head_bytes; }
  };

  enum class Opened : std::uint8_t
  {
    ok = 1,
    forged,
    failed, // our side: OpenSSL
  };

  static Result<SrtpCipher> create (const SrtpKeys &master, SrtpUse use,
      Direction direction, SrtpEngine engine = SrtpEngine::fastest);
  static Result<SrtpCipher> create (SrtpProfile profile,
      const SrtpSessionKeys &keys, SrtpUse use, Direction direction,
      SrtpEngine engine = SrtpEngine::fastest);
  SrtpCipher (SrtpCipher &&) noexcept = default;
  SrtpCipher &operator= (SrtpCipher &&) noexcept = default;
  ~SrtpCipher ();

  // Encrypts from plain, which is the body itself or does not overlap it, into
  // the body. False: nothing there may be sent.
  bool seal (const Packet &packet, const std::uint8_t *plain,
      std::uint8_t *tag);
  // The same, by the batch, of an AES-CM packet whose tag lies straight behind the body: it is written when the
  // batch runs. can_batch() only.
  void seal_later (const Packet &packet, const std::uint8_t *plain,
      CmBatch &batch);
  bool can_batch () const { return cm_keys_ != nullptr; }
  // In place. The body is garbage unless the answer is ok.
  Opened open (const Packet &packet, const std::uint8_t *tag);

  // seal() is soon to come: fetches the key into the cache.
  void prefetch () const
  {
    if (gcm_) {
      gcm_->prefetch ();
    } else if (cm_keys_) {
      prefetch_bytes (cm_keys_.get (), sizeof *cm_keys_);
      prefetch_bytes (hmac_.get (), sizeof *hmac_);
    }
  }

  std::size_t tag_bytes () const { return tag_bytes_; }
  bool is_aead () const { return !hmac_; }

private:
  using Iv = CmBatch::Iv;

  using RtcpClear = std::array<std::uint8_t, 12>;

  SrtpCipher () = default;
  Iv iv_of (const Packet &packet) const;
  std::span<const std::uint8_t> clear_of (const Packet &packet,
      RtcpClear &clear) const;
  bool seal_cm (const Packet &packet, const std::uint8_t *plain,
      std::uint8_t *tag);
  Opened open_cm (const Packet &packet, const std::uint8_t *tag);
  bool seal_gcm (const Packet &packet, const std::uint8_t *plain,
      std::uint8_t *tag);
  Opened open_gcm (const Packet &packet, const std::uint8_t *tag);
  bool crypt_cm (const Packet &packet, const std::uint8_t *input);

  std::unique_ptr<GcmCipher> gcm_; // of GCM, perhaps
  std::unique_ptr<CmBatch::RoundKeys>
      cm_keys_; // of media that is sent with AES-CM, perhaps
  Owned<EVP_CIPHER_CTX> context_; // of all else
  std::unique_ptr<HmacSha1> hmac_; // AES_CM only
  Iv salt_{}; // as AES_CM has it: the SSRC is at byte 4, the index at 8
  std::uint8_t tag_bytes_ = 0;
  bool trailer_is_aad_ = false; // an AEAD has the ROC in its IV
};

} // namespace restream::transport::native
