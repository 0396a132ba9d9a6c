// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/transport/native/dtls/dtls-record.h"

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace restream::transport::native {

class DtlsIdentity;

// Protects the records of epoch 1 by AES-GCM (RFC 5288, RFC 6347), the only kind
// of cipher suite that is agreed to. With it the OpenSSL connection, which costs tens of
// kilobytes, can go as soon as the handshake is over: what may come after it are
// alerts and the peer's repeated Finished.
//
// Thread: its connection's.
class DtlsRecordKeys
{
public:
  // What a record is longer than what it carries: header, explicit nonce, tag.
  static constexpr std::size_t kOverhead = kDtlsRecordHeader + 8 + 16;

  // From a connection whose master secret is known: its key block (RFC 5246 6.3).
  static Result<DtlsRecordKeys> derive (const SSL *ssl, bool we_are_client);

  DtlsRecordKeys (DtlsRecordKeys &&other) noexcept = default;
  DtlsRecordKeys &operator= (DtlsRecordKeys &&other) noexcept = default;
  ~DtlsRecordKeys ();

  // Writes a whole record of plaintext.size () + kOverhead bytes. No two calls of a
  // connection may have the same nonce.
  bool seal (const DtlsIdentity &identity, std::uint8_t type,
      std::uint64_t sequence, std::uint64_t nonce,
      std::span<const std::uint8_t> plaintext, std::uint8_t *out) const;

  // The bytes written to out, which is as large as the record; 0 = it is not
  // the peer's (or, by_us, not one of ours).
  std::size_t open (const DtlsIdentity &identity, const DtlsRecord &record,
      std::span<std::uint8_t> out, bool by_us = false) const;

private:
  struct Direction
  {
    std::array<std::uint8_t, 32> key{};
    std::array<std::uint8_t, 4> salt{};
  };

  DtlsRecordKeys () = default;

  std::uint8_t key_size_ = 0;
  Direction ours_;
  Direction peers_;
};

// The explicit nonce of a sealed record; the record has 8 bytes of it at least.
std::uint64_t dtls_record_nonce (const DtlsRecord &record);

} // namespace restream::transport::native
