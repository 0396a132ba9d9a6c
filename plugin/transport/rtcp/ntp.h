// SPDX-License-Identifier: LGPL-2.1-or-later
// NTP timestamps: seconds since 1900 in 32.32 fixed point, wrapping in 2036;
// differences are right across the wrap.
#pragma once

#include <cstdint>

namespace restream::transport {

inline constexpr std::uint64_t kNtpSecond = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::uint64_t kUnixEpochInNtp = 2'208'988'800; // s

constexpr std::uint64_t
ntp_from_unix (std::uint64_t ns)
{
  const std::uint64_t seconds = ns / kNsPerSecond + kUnixEpochInNtp;
  return seconds << 32 | ((ns % kNsPerSecond) << 32) / kNsPerSecond;
}

// The middle 32 bits, units of 1/65536 s, as reports quote them.
constexpr std::uint32_t
compact_ntp (std::uint64_t ntp)
{
  return static_cast<std::uint32_t> (ntp >> 16);
}

} // namespace restream::transport
