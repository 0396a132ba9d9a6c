// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/rtcp-reader.h"

#include "plugin/transport/rtcp/transport-feedback.h"

namespace restream::transport {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kFeedbackHeader = 8; // SSRC of sender, SSRC of media
constexpr std::size_t kFirEntry = 8;

// Formats of feedback, the count field of types 205 and 206.
constexpr std::uint8_t kNack = 1, kTransportWide = 15;
constexpr std::uint8_t kPli = 1, kFir = 4, kApplicationLayer = 15;

constexpr std::uint32_t kRembMark = 0x52454d42; // "REMB"

std::int32_t
signed_24 (std::uint32_t value)
{
  return static_cast<std::int32_t> (value << 8) >> 8;
}

class Reader
{
public:
  explicit Reader (RtcpHandler &handler) : handler_ (handler) {}

  RtcpFault read (const RtcpPacket &packet)
  {
    const Bytes body = packet.body;
    switch (packet.type) {
      case RtcpType::sender_report:
        return reports (body, kRtcpSenderInfo, packet.count);
      case RtcpType::receiver_report:
        return reports (body, 4, packet.count);
      case RtcpType::bye:
        return bye (body, packet.count);
      case RtcpType::transport_feedback:
        if (packet.count == kNack)
          return nack (body);
        if (packet.count == kTransportWide)
          return transport_wide (body);
        return RtcpFault::none;
      case RtcpType::payload_feedback:
        if (packet.count == kPli)
          return pli (body);
        if (packet.count == kFir)
          return fir (body);
        if (packet.count == kApplicationLayer)
          return remb (body);
        return RtcpFault::none;
      default:
        return RtcpFault::none;
    }
  }

private:
  RtcpFault reports (Bytes body, std::size_t before, std::size_t count)
  {
    if (body.size () < before + count * kRtcpReportBlock)
      return RtcpFault::report;
    for (std::size_t i = 0; i < count; i++) {
      const Bytes b = body.subspan (before + i * kRtcpReportBlock);
      handler_.on_report ({
          .ssrc = be32 (b, 0),
          .fraction_lost = b[4],
          .cumulative_lost = signed_24 (be24 (b, 5)),
          .highest_sequence = be32 (b, 8),
          .jitter = be32 (b, 12),
          .last_sr = be32 (b, 16),
          .delay_since_last_sr = be32 (b, 20),
      });
    }
    return RtcpFault::none;
  }

  RtcpFault bye (Bytes body, std::size_t count)
  {
    if (body.size () < 4 * count)
      return RtcpFault::bye;
    for (std::size_t i = 0; i < count; i++)
      handler_.on_bye (be32 (body, 4 * i));
    return RtcpFault::none;
  }

  RtcpFault nack (Bytes body)
  {
    if (body.size () < kFeedbackHeader + 4 || body.size () % 4 != 0)
      return RtcpFault::nack;
    const std::uint32_t ssrc = be32 (body, 4);
    for (std::size_t at = kFeedbackHeader; at < body.size (); at += 4) {
      std::uint16_t sequence = be16 (body, at);
      // The packet itself, then a bit for each of the 16 after it.
      for (std::uint32_t lost = be16 (body, at + 2) << 1 | 1; lost != 0;
           lost >>= 1, sequence++) {
        if (!(lost & 1))
          continue;
        if (nacks_ == kMaxNacks)
          return RtcpFault::flood;
        nacks_++;
        handler_.on_nack (ssrc, sequence);
      }
    }
    return RtcpFault::none;
  }

  RtcpFault transport_wide (Bytes body)
  {
    if (body.size () < kFeedbackHeader)
      return RtcpFault::transport_feedback;
    const auto feedback =
        TransportFeedbackReader::create (body.subspan (kFeedbackHeader));
    if (!feedback)
      return RtcpFault::transport_feedback;
    const std::size_t packets = feedback->header ().packets;
    if (packets > kMaxFeedbackPackets - feedback_packets_)
      return RtcpFault::flood;
    feedback_packets_ += packets;
    feedback->report_to (handler_);
    return RtcpFault::none;
  }

  RtcpFault pli (Bytes body)
  {
    if (body.size () < kFeedbackHeader)
      return RtcpFault::key_request;
    handler_.on_pli (be32 (body, 4));
    return RtcpFault::none;
  }

  RtcpFault fir (Bytes body)
  {
    if (body.size () < kFeedbackHeader + kFirEntry
        || body.size () % kFirEntry != 0)
      return RtcpFault::key_request;
    for (std::size_t at = kFeedbackHeader; at < body.size (); at += kFirEntry)
      handler_.on_fir (be32 (body, at), body[at + 4]);
    return RtcpFault::none;
  }

  RtcpFault remb (Bytes body)
  {
    // Other messages of the application layer begin otherwise.
    if (body.size () < kFeedbackHeader + 4
        || be32 (body, kFeedbackHeader) != kRembMark)
      return RtcpFault::none;
    const Bytes b = body.subspan (kFeedbackHeader + 4);
    if (b.size () < 4 || b.size () < 4 + 4 * std::size_t{b[0]})
      return RtcpFault::remb;
    const unsigned exponent = b[1] >> 2;
    const std::uint64_t mantissa = be24 (b, 1) & 0x3ffff;
    const std::uint64_t bits_per_second = mantissa << exponent;
    if (bits_per_second >> exponent != mantissa)
      return RtcpFault::remb; // more than 64 bits hold
    handler_.on_remb (bits_per_second);
    return RtcpFault::none;
  }

  RtcpHandler &handler_;
  std::size_t nacks_ = 0;
  std::size_t feedback_packets_ = 0;
};

} // namespace

const char *
name_of (RtcpFault fault)
{
  switch (fault) {
    case RtcpFault::none:
      return "none";
    case RtcpFault::empty:
      return "empty";
    case RtcpFault::header:
      return "header";
    case RtcpFault::report:
      return "report";
    case RtcpFault::nack:
      return "nack";
    case RtcpFault::key_request:
      return "key request";
    case RtcpFault::remb:
      return "remb";
    case RtcpFault::transport_feedback:
      return "transport feedback";
    case RtcpFault::bye:
      return "bye";
    case RtcpFault::flood:
      return "flood";
  }
  return "unknown";
}

RtcpFault
read_rtcp (Bytes datagram, RtcpHandler &handler)
{
  if (datagram.empty ())
    return RtcpFault::empty;
  Reader reader (handler);
  RtcpPackets packets (datagram);
  while (const auto packet = packets.next ()) {
    const RtcpFault fault = reader.read (*packet);
    if (fault != RtcpFault::none)
      return fault;
  }
  return packets.malformed () ? RtcpFault::header : RtcpFault::none;
}

} // namespace restream::transport
