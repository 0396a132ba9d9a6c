// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/rtcp-writer.h"

#include <algorithm>

namespace restream::transport {

namespace {

constexpr std::uint8_t kCname = 1;
constexpr std::size_t kMaxText = 255;

std::size_t
to_words (std::size_t bytes)
{
  return (bytes + 3) & ~std::size_t{3};
}

void
put_text (std::span<std::uint8_t> b, std::size_t at, std::string_view text)
{
  b[at] = static_cast<std::uint8_t> (text.size ());
  std::copy (text.begin (), text.end (), b.begin () + at + 1);
}

} // namespace

std::span<std::uint8_t>
RtcpWriter::begin (RtcpType type, std::size_t count, std::size_t body_bytes)
{
  if (failed_ || buffer_.size () - size_ < kRtcpHeader + body_bytes) {
    failed_ = true;
    return {};
  }
  const auto b = buffer_.subspan (size_, kRtcpHeader + body_bytes);
  size_ += b.size ();
  std::fill (b.begin (), b.end (), 0);
  b[0] = static_cast<std::uint8_t> (0x80 | count);
  b[1] = static_cast<std::uint8_t> (type);
  put_be16 (b, 2, static_cast<std::uint16_t> (body_bytes / 4));
  return b.subspan (kRtcpHeader);
}

void
RtcpWriter::sender_report (const SenderReport &report)
{
  const auto b = begin (RtcpType::sender_report, 0, kRtcpSenderInfo);
  if (b.empty ())
    return;
  put_be32 (b, 0, report.ssrc);
  put_be64 (b, 4, report.ntp);
  put_be32 (b, 12, report.rtp_time);
  put_be32 (b, 16, report.packets);
  put_be32 (b, 20, report.octets);
}

void
RtcpWriter::receiver_report (std::uint32_t ssrc,
    std::span<const ReportBlock> blocks)
{
  if (blocks.size () > kRtcpMaxCount) {
    failed_ = true;
    return;
  }
  auto b = begin (RtcpType::receiver_report, blocks.size (),
      4 + kRtcpReportBlock * blocks.size ());
  if (b.empty ())
    return;
  put_be32 (b, 0, ssrc);
  b = b.subspan (4);
  for (const ReportBlock &block : blocks) {
    put_be32 (b, 0, block.ssrc);
    put_be32 (b, 4,
        std::uint32_t{block.fraction_lost} << 24
            | (static_cast<std::uint32_t> (block.cumulative_lost) & 0xffffff));
    put_be32 (b, 8, block.highest_sequence);
    put_be32 (b, 12, block.jitter);
    put_be32 (b, 16, block.last_sr);
    put_be32 (b, 20, block.delay_since_last_sr);
    b = b.subspan (kRtcpReportBlock);
  }
}

void
RtcpWriter::canonical_name (std::span<const std::uint32_t> ssrcs,
    std::string_view name)
{
  if (ssrcs.empty () || ssrcs.size () > kRtcpMaxCount
      || name.size () > kMaxText) {
    failed_ = true;
    return;
  }
  // SSRC, item, at least one zero to end the items, up to a full word.
  const std::size_t chunk = to_words (4 + 2 + name.size () + 1);
  auto b = begin (RtcpType::sdes, ssrcs.size (), chunk * ssrcs.size ());
  if (b.empty ())
    return;
  for (const std::uint32_t ssrc : ssrcs) {
    put_be32 (b, 0, ssrc);
    b[4] = kCname;
    put_text (b, 5, name);
    b = b.subspan (chunk);
  }
}

void
RtcpWriter::bye (std::span<const std::uint32_t> ssrcs, std::string_view reason)
{
  if (ssrcs.empty () || ssrcs.size () > kRtcpMaxCount
      || reason.size () > kMaxText) {
    failed_ = true;
    return;
  }
  const std::size_t text = reason.empty () ? 0 : to_words (1 + reason.size ());
  const auto b = begin (RtcpType::bye, ssrcs.size (), 4 * ssrcs.size () + text);
  if (b.empty ())
    return;
  for (std::size_t i = 0; i < ssrcs.size (); i++)
    put_be32 (b, 4 * i, ssrcs[i]);
  if (!reason.empty ())
    put_text (b, 4 * ssrcs.size (), reason);
}

} // namespace restream::transport
