// SPDX-License-Identifier: LGPL-2.1-or-later
// What a DTLS 1.2 record shows in clear text (RFC 6347 4.1): enough to tell what may
// go to OpenSSL, which does all the rest.
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

namespace dtls_content {
inline constexpr std::uint8_t kChangeCipherSpec = 20;
inline constexpr std::uint8_t kAlert = 21;
inline constexpr std::uint8_t kHandshake = 22;
inline constexpr std::uint8_t kApplicationData = 23;
} // namespace dtls_content

struct DtlsRecord
{
  std::uint8_t type = 0;
  std::uint16_t epoch = 0; // 0: in clear text, from 1 on: sealed
  std::span<const std::uint8_t> fragment; // not empty
  std::span<const std::uint8_t> whole; // with its header

  bool is_client_hello () const
  {
    return type == dtls_content::kHandshake && epoch == 0 && fragment[0] == 1;
  }
};

// Takes the first record off the datagram. Nothing if what stands there is not a
// whole record of DTLS 1.0 or 1.2: then the rest cannot be read either.
std::optional<DtlsRecord> take_dtls_record (
    std::span<const std::uint8_t> &datagram);

} // namespace restream::transport::native
