// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/rtcp-compound.h"

namespace restream::src {

namespace {

using Bytes = std::span<const std::uint8_t>;

// The parsers get a packet's body (no header, no padding) and its count field.

bool
read_sender_report (Bytes body, std::size_t count, RtcpContents &contents)
{
  if (body.size () < kRtcpSenderInfo + count * kRtcpReportBlock)
    return false;
  contents.add ({
      .ntp = be64 (body, 4),
      .ssrc = be32 (body, 0),
      .rtp_time = be32 (body, 12),
      .packets = be32 (body, 16),
      .octets = be32 (body, 20),
  });
  return true;
}

bool
check_sdes (Bytes body, std::size_t count)
{
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < count; chunk++) {
    if (body.size () - at < 5)
      return false;
    at += 4; // SSRC
    while (true) {
      if (at >= body.size ())
        return false;
      if (body[at] == 0)
        break; // end of the chunk's items
      if (body.size () - at < 2 || body.size () - at - 2 < body[at + 1])
        return false;
      at += 2 + std::size_t{body[at + 1]};
    }
    at = (at + 4) & ~std::size_t{3}; // at least one null, then aligned
    if (at > body.size ())
      return false;
  }
  return true;
}

bool
read_bye (Bytes body, std::size_t count, RtcpContents &contents)
{
  const std::size_t sources = 4 * count;
  if (body.size () < sources)
    return false;
  if (body.size () > sources && body.size () - sources - 1 < body[sources])
    return false; // the reason is cut off
  for (std::size_t i = 0; i < count; i++)
    contents.add_bye (be32 (body, 4 * i));
  return true;
}

} // namespace

void
RtcpContents::add (const SenderReport &report)
{
  if (report_count_ < reports_.size ())
    reports_[report_count_++] = report;
}

void
RtcpContents::add_bye (std::uint32_t ssrc)
{
  if (bye_count_ < byes_.size ())
    byes_[bye_count_++] = ssrc;
}

std::optional<RtcpContents>
parse_rtcp (Bytes b)
{
  if (b.empty ())
    return std::nullopt;
  RtcpContents contents;
  RtcpPackets packets (b);
  while (const auto packet = packets.next ()) {
    const std::size_t count = packet->count;
    bool ok = true;
    switch (packet->type) {
      case RtcpType::sender_report:
        ok = read_sender_report (packet->body, count, contents);
        break;
      case RtcpType::receiver_report:
        ok = packet->body.size () >= 4 + count * kRtcpReportBlock;
        break;
      case RtcpType::sdes:
        ok = check_sdes (packet->body, count);
        break;
      case RtcpType::bye:
        ok = read_bye (packet->body, count, contents);
        break;
      default: // feedback, extended reports, application: not for us
        break;
    }
    if (!ok)
      return std::nullopt;
  }
  if (packets.malformed ())
    return std::nullopt;
  return contents;
}

} // namespace restream::src
