// SPDX-License-Identifier: LGPL-2.1-or-later
// Where things are in SRTP and SRTCP packets (RFC 3711 3.1 and 3.4, RFC 7714 8
// and 9). Internal to srtp/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace restream::transport::native {

inline constexpr std::size_t kRtpHeaderBytes = 12;
inline constexpr std::size_t kRtcpHeadBytes = 8; // what stays in the clear
inline constexpr std::size_t kRtcpTrailerBytes = 4; // E bit and index
inline constexpr std::size_t kMaxPacketBytes = 65535;
inline constexpr std::uint32_t kRtcpEncrypted = 0x80000000; // the E bit
inline constexpr std::uint32_t kMaxRtcpIndex = 0x7fffffff;

inline std::uint16_t
read16 (const std::uint8_t *p)
{
  return static_cast<std::uint16_t> (p[0] << 8 | p[1]);
}

inline std::uint32_t
read32 (const std::uint8_t *p)
{
  return std::uint32_t{read16 (p)} << 16 | read16 (p + 2);
}

inline void
write32 (std::uint8_t *p, std::uint32_t value)
{
  p[0] = static_cast<std::uint8_t> (value >> 24);
  p[1] = static_cast<std::uint8_t> (value >> 16);
  p[2] = static_cast<std::uint8_t> (value >> 8);
  p[3] = static_cast<std::uint8_t> (value);
}

} // namespace restream::transport::native
