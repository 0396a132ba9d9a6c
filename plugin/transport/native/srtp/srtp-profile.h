// SPDX-License-Identifier: LGPL-2.1-or-later
// What DTLS agrees on and SRTP works with: protection profiles and master keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace restream::transport::native {

// Values of the DTLS-SRTP registry (RFC 5764 4.1.2, RFC 7714 14.2).
enum class SrtpProfile : std::uint16_t
{
  aes128_cm_sha1_80 = 1,
  aead_aes_128_gcm = 7,
  aead_aes_256_gcm = 8,
};

constexpr std::size_t
srtp_master_key_size (SrtpProfile profile)
{
  return profile == SrtpProfile::aead_aes_256_gcm ? 32 : 16;
}

constexpr std::size_t
srtp_master_salt_size (SrtpProfile profile)
{
  return profile == SrtpProfile::aes128_cm_sha1_80 ? 14 : 12;
}

// One direction's master key and salt. The profile tells how much of each is in use;
// the rest is zero.
struct SrtpKeys
{
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 14> salt{};
};

} // namespace restream::transport::native
