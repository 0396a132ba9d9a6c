// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/rtx.h"

#include <algorithm>

namespace restream::transport {

namespace {

constexpr std::uint8_t kPadding = 0x20, kExtension = 0x10, kCsrcCount = 0x0f;
constexpr std::uint8_t kMarker = 0x80;
constexpr std::size_t kOriginalSequence = 2;

} // namespace

std::optional<RtxHeader>
write_rtx_header (std::span<const std::uint8_t> original, const RtxStamp &stamp,
    std::span<const std::uint8_t> extension, std::span<std::uint8_t> out)
{
  const auto packet = parse_rtp (original);
  if (!packet)
    return std::nullopt;
  const std::size_t fixed =
      kRtpFixedHeader + 4 * std::size_t (original[0] & kCsrcCount);
  const std::size_t bytes = fixed + extension.size () + kOriginalSequence;
  if (out.size () < bytes)
    return std::nullopt;

  std::copy_n (original.begin (), fixed, out.begin ());
  out[0] = static_cast<std::uint8_t> ((original[0] & ~(kPadding | kExtension))
      | (extension.empty () ? 0 : kExtension));
  out[1] = static_cast<std::uint8_t> (
      (original[1] & kMarker) | (stamp.payload_type & ~kMarker));
  put_be16 (out, 2, stamp.sequence);
  put_be32 (out, 8, stamp.ssrc);
  std::copy (extension.begin (), extension.end (), out.begin () + fixed);
  put_be16 (out, bytes - kOriginalSequence, packet->sequence);
  return RtxHeader{.bytes = bytes, .payload = packet->payload};
}

} // namespace restream::transport
