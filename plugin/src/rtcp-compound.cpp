// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/rtcp-compound.h"

#include "plugin/src/bytes.h"

namespace restream::src {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 4;
constexpr std::size_t kSenderInfo = 24; // SSRC, NTP, RTP, packets, octets
constexpr std::size_t kReportBlock = 24;

enum : std::uint8_t
{
  kSr = 200,
  kRr = 201,
  kSdes = 202,
  kBye = 203
};

// The parsers get a packet's body (no header, no padding) and its count field.

bool
read_sender_report (Bytes body, std::size_t count, RtcpContents &contents)
{
  if (body.size () < kSenderInfo + count * kReportBlock)
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
  while (!b.empty ()) {
    if (b.size () < kHeader || b[0] >> 6 != 2)
      return std::nullopt;
    const bool has_padding = b[0] & 0x20;
    const std::size_t count = b[0] & 0x1f;
    const std::uint8_t type = b[1];
    const std::size_t length = 4 * (std::size_t{be16 (b, 2)} + 1);
    if (length > b.size () || type < 192 || type > 223)
      return std::nullopt;
    Bytes body = b.subspan (kHeader, length - kHeader);
    b = b.subspan (length);
    if (has_padding) {
      // Only the last one may be padded.
      if (!b.empty () || body.empty () || body.back () == 0
          || body.back () % 4 != 0 || body.back () > body.size ())
        return std::nullopt;
      body = body.first (body.size () - body.back ());
    }
    bool ok = true;
    switch (type) {
      case kSr:
        ok = read_sender_report (body, count, contents);
        break;
      case kRr:
        ok = body.size () >= 4 + count * kReportBlock;
        break;
      case kSdes:
        ok = check_sdes (body, count);
        break;
      case kBye:
        ok = read_bye (body, count, contents);
        break;
      default: // feedback, extended reports, application: not for us
        break;
    }
    if (!ok)
      return std::nullopt;
  }
  return contents;
}

} // namespace restream::src
