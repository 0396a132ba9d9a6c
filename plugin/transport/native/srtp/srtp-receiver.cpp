// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/srtp-receiver.h"

#include "plugin/transport/native/srtp/packet-layout.h"

#include <optional>

namespace restream::transport::native {
namespace {

using Direction = SrtpCipher::Direction;

bool
is_version_2 (std::span<const std::uint8_t> packet)
{
  return packet[0] >> 6 == 2;
}

// Header, CSRCs and extension; nothing if they do not fit into the packet.
std::optional<std::size_t>
rtp_header_bytes (std::span<const std::uint8_t> packet)
{
  if (packet.size () < kRtpHeaderBytes || !is_version_2 (packet))
    return std::nullopt;
  std::size_t bytes = kRtpHeaderBytes + 4 * (packet[0] & 0x0f);
  if (packet[0] & 0x10) {
    if (packet.size () < bytes + 4)
      return std::nullopt;
    bytes += 4 + 4 * std::size_t{read16 (&packet[bytes + 2])};
  }
  if (packet.size () < bytes)
    return std::nullopt;
  return bytes;
}

// Takes the roll-over counter that brings the sequence number closest to the
// highest index so far (RFC 3711 appendix A). Nothing if that is outside of
// the index space.
std::optional<std::uint64_t>
estimate_index (std::uint64_t highest, std::uint16_t sequence)
{
  const std::int32_t last = static_cast<std::int32_t> (highest & 0xffff);
  std::int64_t roc = static_cast<std::int64_t> (highest >> 16);
  if (last < 0x8000 && sequence - last > 0x8000)
    roc--;
  else if (last >= 0x8000 && last - 0x8000 > sequence)
    roc++;
  if (roc < 0 || roc > 0xffffffff)
    return std::nullopt;
  return static_cast<std::uint64_t> (roc) << 16 | sequence;
}

template <typename Sources>
auto *
find (Sources &sources, std::uint32_t ssrc)
{
  for (auto &source : sources)
    if (source.ssrc == ssrc)
      return &source;
  return static_cast<typename Sources::value_type *> (nullptr);
}

template <typename Sources, typename Source>
void
remember (Sources &sources, Source *known, std::uint32_t ssrc,
    std::uint64_t index)
{
  if (known)
    known->window.mark (index);
  else
    sources.push_back ({ssrc, decltype (known->window) (index)});
}

SrtpReceiver::Plain
refuse (SrtpVerdict verdict)
{
  return {verdict, {}};
}

SrtpVerdict
verdict_of (SrtpCipher::Opened opened)
{
  switch (opened) {
    case SrtpCipher::Opened::ok:
      return SrtpVerdict::ok;
    case SrtpCipher::Opened::forged:
      return SrtpVerdict::forged;
    case SrtpCipher::Opened::failed:
      break;
  }
  return SrtpVerdict::failed;
}

} // namespace

const char *
name_of (SrtpVerdict verdict)
{
  switch (verdict) {
    case SrtpVerdict::ok:
      return "ok";
    case SrtpVerdict::malformed:
      return "malformed";
    case SrtpVerdict::forged:
      return "forged";
    case SrtpVerdict::replayed:
      return "replayed";
    case SrtpVerdict::too_many_ssrcs:
      return "too many SSRCs";
    case SrtpVerdict::failed:
      return "failed";
  }
  return "unknown";
}

Result<SrtpReceiver>
SrtpReceiver::create (const SrtpKeys &keys, SrtpEngine engine)
{
  auto rtcp = SrtpCipher::create (keys, SrtpUse::rtcp, Direction::open, engine);
  if (!rtcp)
    return rtcp.error ();
  return SrtpReceiver (keys, engine, *std::move (rtcp));
}

SrtpReceiver::Plain
SrtpReceiver::unprotect_rtcp (std::span<std::uint8_t> data)
{
  const std::size_t tag_bytes = rtcp_.tag_bytes ();
  const std::size_t overhead = kRtcpTrailerBytes + tag_bytes;
  if (data.size () < kRtcpHeadBytes + overhead || data.size () > kMaxPacketBytes
      || !is_version_2 (data))
    return refuse (SrtpVerdict::malformed);

  const std::size_t plain_bytes = data.size () - overhead;
  const std::uint8_t *tag = &data[plain_bytes], *trailer = tag;
  if (rtcp_.is_aead ())
    trailer += tag_bytes;
  else
    tag += kRtcpTrailerBytes;
  const SrtpCipher::Packet packet = {
      .head = data.data (),
      .head_bytes = kRtcpHeadBytes,
      .body_bytes = plain_bytes - kRtcpHeadBytes,
      .ssrc = read32 (&data[4]),
      .index = read32 (trailer) & kMaxRtcpIndex,
      .trailer = read32 (trailer),
  };
  // The profiles allow RTCP in the clear; WebRTC does not.
  if (!(packet.trailer & kRtcpEncrypted))
    return refuse (SrtpVerdict::malformed);

  auto *source = find (rtcp_sources_, packet.ssrc);
  if (!source && rtcp_sources_.size () >= kMaxSsrcs)
    return refuse (SrtpVerdict::too_many_ssrcs);
  if (source && !source->window.is_new (packet.index))
    return refuse (SrtpVerdict::replayed);
  const SrtpVerdict verdict = verdict_of (rtcp_.open (packet, tag));
  if (verdict != SrtpVerdict::ok)
    return refuse (verdict);
  remember (rtcp_sources_, source, packet.ssrc, packet.index);
  return {SrtpVerdict::ok, data.first (plain_bytes)};
}

SrtpReceiver::Plain
SrtpReceiver::unprotect_rtp (std::span<std::uint8_t> data)
{
  if (!rtp_) {
    auto rtp =
        SrtpCipher::create (keys_, SrtpUse::rtp, Direction::open, engine_);
    if (!rtp)
      return refuse (SrtpVerdict::failed);
    rtp_ = std::make_unique<SrtpCipher> (*std::move (rtp));
  }
  const std::size_t tag_bytes = rtp_->tag_bytes ();
  if (data.size () < kRtpHeaderBytes + tag_bytes
      || data.size () > kMaxPacketBytes)
    return refuse (SrtpVerdict::malformed);
  const auto plain = data.first (data.size () - tag_bytes);
  const auto header_bytes = rtp_header_bytes (plain);
  if (!header_bytes)
    return refuse (SrtpVerdict::malformed);

  const std::uint16_t sequence = read16 (&data[2]);
  const std::uint32_t ssrc = read32 (&data[8]);
  auto *source = find (rtp_sources_, ssrc);
  if (!source && rtp_sources_.size () >= kMaxSsrcs)
    return refuse (SrtpVerdict::too_many_ssrcs);
  const auto index = source
      ? estimate_index (source->window.highest (), sequence)
      : std::optional<std::uint64_t> (sequence);
  if (!index || (source && !source->window.is_new (*index)))
    return refuse (SrtpVerdict::replayed);

  const SrtpCipher::Packet packet = {
      .head = data.data (),
      .head_bytes = *header_bytes,
      .body_bytes = plain.size () - *header_bytes,
      .ssrc = ssrc,
      .index = *index,
      .trailer = static_cast<std::uint32_t> (*index >> 16),
  };
  const SrtpVerdict verdict =
      verdict_of (rtp_->open (packet, &data[plain.size ()]));
  if (verdict != SrtpVerdict::ok)
    return refuse (verdict);
  remember (rtp_sources_, source, ssrc, *index);
  return {SrtpVerdict::ok, plain};
}

} // namespace restream::transport::native
