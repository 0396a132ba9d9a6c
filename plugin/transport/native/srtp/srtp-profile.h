// SPDX-License-Identifier: LGPL-2.1-or-later
// The protection profiles that DTLS-SRTP negotiates, and the master keys it
// hands out. Values only: any thread.
#pragma once

#include "common/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace restream::transport::native {

// The numbers of DTLS-SRTP (RFC 5764 4.1.2, RFC 7714 14.2).
enum class SrtpProfile : std::uint16_t
{
  aes128_cm_sha1_80 = 0x0001,
  aead_aes_128_gcm = 0x0007,
  aead_aes_256_gcm = 0x0008,
};

std::optional<SrtpProfile> srtp_profile_from (unsigned number);
const char *name_of (SrtpProfile profile);

constexpr bool
srtp_is_aead (SrtpProfile profile)
{
  return profile != SrtpProfile::aes128_cm_sha1_80;
}

constexpr std::size_t
srtp_master_key_size (SrtpProfile profile)
{
  return profile == SrtpProfile::aead_aes_256_gcm ? 32 : 16;
}

constexpr std::size_t
srtp_master_salt_size (SrtpProfile profile)
{
  return srtp_is_aead (profile) ? 12 : 14;
}

constexpr std::size_t
srtp_tag_size (SrtpProfile profile)
{
  return srtp_is_aead (profile) ? 16 : 10;
}

// What the DTLS exporter has to give: keys and salts of both directions.
constexpr std::size_t
srtp_keying_size (SrtpProfile profile)
{
  return 2 * (srtp_master_key_size (profile) + srtp_master_salt_size (profile));
}

// A packet grows by no more than this: the tag, and for RTCP the index as well.
inline constexpr std::size_t kMaxRtpOverhead = 16;
inline constexpr std::size_t kMaxRtcpOverhead = 16 + 4;

// Master key and salt of one direction. Every copy is wiped when it goes.
struct SrtpKeys
{
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  std::array<std::uint8_t, 32> key{}; // the first srtp_master_key_size () count
  std::array<std::uint8_t, 14> salt{}; // likewise; the rest is zero

  SrtpKeys () = default;
  SrtpKeys (const SrtpKeys &) = default;
  SrtpKeys &operator= (const SrtpKeys &) = default;
  ~SrtpKeys ();

  static Result<SrtpKeys> from (SrtpProfile profile,
      std::span<const std::uint8_t> key, std::span<const std::uint8_t> salt);
};

// What the DTLS client sends with, and what the server sends with.
struct SrtpKeyPair
{
  SrtpKeys client;
  SrtpKeys server;
};

// Takes apart srtp_keying_size () of the exporter labelled EXTRACTOR-dtls_srtp
// (RFC 5764 4.2).
Result<SrtpKeyPair> split_dtls_keys (SrtpProfile profile,
    std::span<const std::uint8_t> material);

} // namespace restream::transport::native
