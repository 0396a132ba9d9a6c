// SPDX-License-Identifier: LGPL-2.1-or-later
// The DTLS 1.2 record layer (RFC 6347 4.1): what stands in clear text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace restream::transport::native {

// No datagram of ours is longer, so that it fits whatever path there is.
inline constexpr std::size_t kDtlsMtu = 1200;
inline constexpr std::size_t kDtlsRecordHeader = 13;
// Ciphertext at its longest (RFC 5246 6.2.3).
inline constexpr std::size_t kDtlsMaxFragment = (1 << 14) + 2048;
inline constexpr std::uint64_t kDtlsMaxSequence = (std::uint64_t (1) << 48) - 1;

namespace dtls_content {
inline constexpr std::uint8_t kChangeCipherSpec = 20;
inline constexpr std::uint8_t kAlert = 21;
inline constexpr std::uint8_t kHandshake = 22;
inline constexpr std::uint8_t kApplicationData = 23;
} // namespace dtls_content

namespace dtls_message {
inline constexpr std::uint8_t kClientHello = 1;
inline constexpr std::uint8_t kFinished = 20;
} // namespace dtls_message

namespace dtls_alert {
inline constexpr std::uint8_t kWarning = 1;
inline constexpr std::uint8_t kFatal = 2;
inline constexpr std::uint8_t kCloseNotify = 0;
inline constexpr std::uint8_t kHandshakeFailure = 40;
inline constexpr std::uint8_t kInternalError = 80;
} // namespace dtls_alert

struct DtlsRecord
{
  std::uint8_t type = 0;
  std::uint16_t epoch = 0;
  std::uint64_t sequence = 0; // 48 bits
  std::span<const std::uint8_t> fragment;
  std::span<const std::uint8_t> whole; // with its header
};

// Takes the first record off the datagram. Nothing if what stands there is not a
// whole record of DTLS 1.0 or 1.2: then the rest cannot be read either.
std::optional<DtlsRecord> take_dtls_record (
    std::span<const std::uint8_t> &datagram);

// Writes a record's header of kDtlsRecordHeader bytes.
void write_dtls_header (std::uint8_t *out, std::uint8_t type,
    std::uint16_t epoch, std::uint64_t sequence, std::size_t fragment_size);

// Gives a record that is written already another sequence number.
void renumber_dtls_record (std::uint8_t *record, std::uint64_t sequence);

// Which records of one epoch have been seen (RFC 6347 4.1.2.6).
class DtlsReplayWindow
{
public:
  bool is_new (std::uint64_t sequence) const;
  void mark (std::uint64_t sequence);

private:
  std::uint64_t next_ = 0; // one past the highest seen
  std::uint64_t seen_ = 0; // bit n: next_ - 1 - n
};

} // namespace restream::transport::native
