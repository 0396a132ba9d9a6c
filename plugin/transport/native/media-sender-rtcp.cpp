// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer says by RTCP and what it is answered, and the reports that it is sent.
#include "plugin/transport/native/media-sender.h"

#include "common/bytes.h"
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/red.h"
#include "plugin/transport/report-counters.h"
#include "plugin/transport/rtcp/rtcp-writer.h"
#include "plugin/transport/rtcp/rtx.h"

#include <algorithm>
#include <cstring>

namespace restream::transport::native {

namespace {

constexpr std::int64_t kRateWindowUs = 1'000'000;
constexpr std::uint64_t kMinRetransmissionRate = 16 * 1024; // bytes/s

} // namespace

void
MediaSender::retransmit (Media media, const PacketRing::Entry &entry,
    const ViewerLine::Stamp &stamp)
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  Cursor &cursor = cursors_[index_of (media)];
  std::uint8_t *out = reading_.queue->reserve (
      entry.packet->bytes + kMaxExtensionBytes + 2 + kMaxRtpOverhead);
  if (!out)
    return;
  std::size_t bytes;
  std::uint16_t transport_sequence = transport_sequence_;
  if (settings.rtx_payload_type) {
    std::uint8_t extension[kMaxExtensionBytes];
    std::size_t extended = 0;
    if (settings.transport_sequence_id)
      extended = write_extensions (extension,
          {.transport_sequence_id = settings.transport_sequence_id,
              .transport_sequence = transport_sequence_++});
    std::uint64_t sequence = cursor.rtx_sequence++;
    RtxStamp rtx = {settings.rtx_ssrc, static_cast<std::uint16_t> (sequence),
        *settings.rtx_payload_type};
    // Header and payload lie in one piece.
    std::span<const std::uint8_t> original (
        entry.burst->header (*entry.packet).data (), entry.packet->bytes);
    std::optional<RtxHeader> header = write_rtx_header (original, rtx,
        {extension, extended}, {out, kMaxHeader + 2});
    if (!header)
      return;
    // The original sequence number is a part of the payload (RFC 4588, section 4).
    std::size_t clear = header->bytes - 2;
    const std::span<std::uint8_t> written (out, header->bytes);
    put_be32 (written, 4, stamp.timestamp);
    put_be16 (written, clear, static_cast<std::uint16_t> (stamp.sequence));
    std::memcpy (out + header->bytes, header->payload.data (),
        header->payload.size ());
    bytes = srtp_.protect_rtp (out, clear,
        {out + clear, header->payload.size () + 2},
        static_cast<std::uint32_t> (sequence >> 16));
  } else {
    // The very same packet once more, to the byte: one key must never
    // protect two things under one index.
    bytes = write_packet (out, media, entry, stamp, {});
  }
  if (bytes == 0)
    return;
  MediaCounters &counters = *counters_[index_of (media)];
  reading_.queue->commit (*reading_.path, bytes, bytes, counters.dropped);
  count (counters.retransmitted, 1);
  if (estimate_ && settings.transport_sequence_id)
    estimate_->on_sent (transport_sequence, 1,
        static_cast<std::uint32_t> (bytes),
        static_cast<std::uint64_t> (reading_.now_us) * kNsPerUs);
}

std::optional<Media>
MediaSender::medium_of (std::uint32_t ssrc) const
{
  for (Media media : kAllMedia) {
    const MediaSettings &settings = settings_.media[index_of (media)];
    if (settings.active && settings.ssrc == ssrc)
      return media;
  }
  return std::nullopt;
}

void
MediaSender::handle_rtcp (std::span<const std::uint8_t> compound,
    const StreamFeed &feed, SendQueue &queue, const Path &path,
    std::int64_t now_us)
{
  reading_ = {&feed, &queue, &path, now_us};
  if (now_us - rate_since_us_ >= kRateWindowUs) {
    auto window = static_cast<std::uint64_t> (now_us - rate_since_us_);
    budget_.set_rate (std::max (rate_bytes_ * G_USEC_PER_SEC / window,
                          kMinRetransmissionRate),
        static_cast<std::uint64_t> (now_us) * kNsPerUs);
    rate_since_us_ = now_us;
    rate_bytes_ = 0;
  }
  if (read_rtcp (compound, *this) != RtcpFault::none)
    count (link_.rejected, 1);
  reading_ = {};
}

void
MediaSender::on_report (const ReportBlock &report)
{
  std::optional<Media> media = medium_of (report.ssrc);
  if (!media)
    return;
  note_report (*counters_[index_of (*media)], report,
      settings_.media[index_of (*media)].clock_rate);
  if (report.fraction_lost >= kRedundantFromLoss)
    cursors_[index_of (*media)].redundant_until_us =
        reading_.now_us + kRedundantUs;
  if (round_trip_.add (ntp_now (), report))
    link_.round_trip_us.store (round_trip_.smoothed_ns () / kNsPerUs,
        std::memory_order_relaxed);
}

void
MediaSender::on_nack (std::uint32_t ssrc, std::uint16_t sequence)
{
  std::optional<Media> media = medium_of (ssrc);
  if (!media || !settings_.media[index_of (*media)].nack)
    return;
  count (link_.nacks, 1);
  const Cursor &cursor = cursors_[index_of (*media)];
  std::optional<ViewerLine::Origin> origin =
      cursor.line.find (sequence, cursor.next);
  if (!origin)
    return; // never sent; what is to come, comes
  PacketRing::Entry entry =
      reading_.feed->ring (*media).find (origin->sequence);
  if (!entry.packet)
    return;
  std::uint32_t key = std::uint32_t{sequence}
      | static_cast<std::uint32_t> (index_of (*media)) << 16;
  if (budget_.ask (key, entry.packet->bytes,
          static_cast<std::uint64_t> (reading_.now_us) * kNsPerUs,
          round_trip_.smoothed_ns ())
      == RetransmissionBudget::Verdict::send)
    retransmit (*media, entry,
        cursor.line.again (*origin, entry.burst->timestamp (*entry.packet)));
}

// The picture is lost to the viewer: it begins again where a new viewer would, but not
// again soon.
void
MediaSender::on_pli (std::uint32_t ssrc)
{
  std::optional<Media> media = medium_of (ssrc);
  if (!media)
    return;
  count (link_.keyframe_requests, 1);
  Cursor &cursor = cursors_[index_of (*media)];
  if (cursor.joined && reading_.now_us >= cursor.again_from_us)
    cursor.again = true;
}

void
MediaSender::on_fir (std::uint32_t ssrc, std::uint8_t)
{
  on_pli (ssrc);
}

void
MediaSender::on_remb (std::uint64_t bits_per_second)
{
  if (!estimate_)
    estimate_ = std::make_unique<BandwidthEstimate> ();
  auto now = static_cast<std::uint64_t> (reading_.now_us) * kNsPerUs;
  estimate_->on_remb (bits_per_second, now);
  link_.estimate_bps.store (estimate_->bits_per_second (now),
      std::memory_order_relaxed);
}

void
MediaSender::on_transport_packet (std::uint16_t sequence,
    std::optional<std::uint32_t> arrival)
{
  if (!estimate_)
    estimate_ = std::make_unique<BandwidthEstimate> ();
  estimate_->on_transport_packet (sequence, arrival);
}

void
MediaSender::on_transport_feedback_end ()
{
  if (!estimate_)
    return;
  auto now = static_cast<std::uint64_t> (reading_.now_us) * kNsPerUs;
  estimate_->on_transport_feedback_end (now);
  link_.estimate_bps.store (estimate_->bits_per_second (now),
      std::memory_order_relaxed);
}

std::span<const std::uint8_t>
MediaSender::make_report (const StreamFeed &feed, bool bye)
{
  // The thread's: one report is made at a time.
  static thread_local std::array<std::uint8_t, 512> buffer;
  RtcpWriter writer ({buffer.data (), buffer.size () - kMaxRtcpOverhead});
  std::uint32_t ssrcs[2 * kMediaCount];
  std::size_t count = 0;
  std::uint64_t now = ntp_now ();
  for (Media media : kAllMedia) {
    const Cursor &cursor = cursors_[index_of (media)];
    const MediaSettings &settings = settings_.media[index_of (media)];
    if (!cursor.ever_joined)
      continue;
    const std::optional<SenderClock> &clock = feed.clocks[index_of (media)];
    std::optional<std::uint32_t> rtp_time;
    if (clock)
      rtp_time = clock->rtp_at (now);
    if (rtp_time)
      writer.sender_report ({.ntp = now,
          .ssrc = settings.ssrc,
          .rtp_time = *rtp_time,
          .packets = cursor.packets,
          .octets = cursor.octets});
    ssrcs[count++] = settings.ssrc;
    if (cursor.rtx_sequence)
      ssrcs[count++] = settings.rtx_ssrc;
  }
  if (count == 0)
    return {};
  writer.canonical_name ({ssrcs, count}, settings_.cname);
  if (bye)
    writer.bye ({ssrcs, count});
  std::size_t bytes = srtp_.protect_rtcp (buffer.data (), writer.size ());
  return {buffer.data (), bytes};
}

} // namespace restream::transport::native
