// SPDX-License-Identifier: LGPL-2.1-or-later
// The header extension that numbers a viewer's packets over all its media:
// what transport-wide feedback speaks of.
#pragma once

#include "common/bytes.h"

namespace restream::transport::native {

inline constexpr char kTransportSequenceUri[] =
    "http://www.ietf.org/id/"
    "draft-holmer-rmcat-transport-wide-cc-extensions-01";
inline constexpr std::size_t kTransportSequenceBytes = 8;
inline constexpr std::uint8_t kMaxOneByteId = 14;

// Writes the whole extension block (RFC 8285, one-byte form): goes after the
// fixed header and CSRCs, whose X bit the caller sets. The bytes written; 0 if
// they do not fit or the id is none of the one-byte form.
inline std::size_t
write_transport_sequence (std::span<std::uint8_t> out, std::uint8_t id,
    std::uint16_t sequence)
{
  if (out.size () < kTransportSequenceBytes || id < 1 || id > kMaxOneByteId)
    return 0;
  put_be16 (out, 0, 0xbede);
  put_be16 (out, 2, 1); // words that follow
  out[4] = static_cast<std::uint8_t> (id << 4 | (2 - 1)); // length minus one
  put_be16 (out, 5, sequence);
  out[7] = 0; // padding
  return kTransportSequenceBytes;
}

} // namespace restream::transport::native
