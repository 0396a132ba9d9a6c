// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/srtp-sender.h"

#include "plugin/transport/native/srtp/packet-layout.h"

namespace restream::transport::native {

Result<SrtpSender>
SrtpSender::create (const SrtpKeys &keys, std::uint32_t first_rtcp_index,
    SrtpEngine engine)
{
  auto rtp = SrtpCipher::create (keys, SrtpUse::rtp,
      SrtpCipher::Direction::seal, engine);
  if (!rtp)
    return rtp.error ();
  auto rtcp = SrtpCipher::create (keys, SrtpUse::rtcp,
      SrtpCipher::Direction::seal, engine);
  if (!rtcp)
    return rtcp.error ();
  return SrtpSender (*std::move (rtp), *std::move (rtcp), first_rtcp_index);
}

std::size_t
SrtpSender::protect_rtp (std::uint8_t *out, std::size_t header_bytes,
    std::span<const std::uint8_t> payload, std::uint32_t roc, CmBatch *batch)
{
  const std::size_t plain_bytes = header_bytes + payload.size ();
  if (header_bytes < kRtpHeaderBytes || plain_bytes > kMaxPacketBytes)
    return 0;
  const SrtpCipher::Packet packet = {
      .head = out,
      .head_bytes = header_bytes,
      .body_bytes = payload.size (),
      .ssrc = read32 (out + 8),
      .index = std::uint64_t{roc} << 16 | read16 (out + 2),
      .trailer = roc,
  };
  if (batch && can_batch ())
    rtp_.seal_later (packet, payload.data (), *batch);
  else if (!rtp_.seal (packet, payload.data (), out + plain_bytes))
    return 0;
  return plain_bytes + rtp_.tag_bytes ();
}

std::size_t
SrtpSender::protect_rtcp (std::uint8_t *data, std::size_t bytes)
{
  if (bytes < kRtcpHeadBytes || bytes > kMaxPacketBytes
      || rtcp_index_ > kMaxRtcpIndex)
    return 0;
  // Used up even where sealing fails: an IV never serves twice.
  const std::uint32_t index = rtcp_index_++;
  const SrtpCipher::Packet packet = {
      .head = data,
      .head_bytes = kRtcpHeadBytes,
      .body_bytes = bytes - kRtcpHeadBytes,
      .ssrc = read32 (data + 4),
      .index = index,
      .trailer = kRtcpEncrypted | index,
  };
  // An AEAD's tag belongs to the cipher text, so it comes before the index; a
  // MAC's comes last.
  const std::size_t tag_bytes = rtcp_.tag_bytes ();
  std::uint8_t *tag = data + bytes, *trailer = data + bytes;
  if (rtcp_.is_aead ())
    trailer += tag_bytes;
  else
    tag += kRtcpTrailerBytes;
  if (!rtcp_.seal (packet, packet.body (), tag))
    return 0;
  write32 (trailer, packet.trailer);
  return bytes + tag_bytes + kRtcpTrailerBytes;
}

} // namespace restream::transport::native
