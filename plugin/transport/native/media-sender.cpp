// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/media-sender.h"

#include "plugin/transport/native/ntp-clock.h"
#include "plugin/transport/native/rtcp/rtcp-writer.h"
#include "plugin/transport/native/rtcp/rtx.h"
#include "plugin/transport/native/rtcp/transport-sequence.h"

#include <algorithm>
#include <cstring>

namespace restream::transport::native {

namespace {

constexpr std::uint64_t kNsPerUs = 1000;
constexpr std::int64_t kRateWindowUs = 1'000'000;
constexpr std::uint64_t kMinRetransmissionRate = 16 * 1024; // bytes/s

void
count (std::atomic<std::uint64_t> &counter, std::uint64_t n)
{
  // One writer: a plain addition would do, were there no readers.
  counter.store (counter.load (std::memory_order_relaxed) + n,
      std::memory_order_relaxed);
}

} // namespace

MediaSender::MediaSender (const SenderSettings &settings, SrtpSender srtp,
    std::array<MediaCounters *, kMediaCount> counters, LinkCounters &link)
    : settings_ (settings), srtp_ (std::move (srtp)), counters_ (counters),
      link_ (link)
{
}

void
MediaSender::start (const StreamFeed &feed)
{
  for (Media media : kAllMedia) {
    if (const PacketRing &ring = feed.ring (media); !ring.empty ())
      cursors_[index_of (media)].after = ring.newest () - 1;
  }
}

bool
MediaSender::join (Cursor &cursor, const PacketRing &ring)
{
  if (!cursor.joined) {
    const std::optional<std::uint64_t> &at = ring.newest_join ();
    if (!at || *at <= cursor.after)
      return false;
    cursor.next = *at;
    if (!cursor.ever_joined)
      cursor.first = *at;
    cursor.joined = cursor.ever_joined = true;
  }
  return true;
}

bool
MediaSender::fell_behind (const Cursor &cursor, const PacketRing &ring,
    std::int64_t now_us) const
{
  if (cursor.next < ring.kept_from ())
    return true;
  PacketRing::Entry entry = ring.find (cursor.next);
  return entry.burst && now_us - entry.burst->arrival_us () > kMaxLagUs;
}

bool
MediaSender::serve (Media media, const StreamFeed &feed, SendQueue &queue,
    const Path &path, std::int64_t now_us)
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  const PacketRing &ring = feed.ring (media);
  Cursor &cursor = cursors_[index_of (media)];
  if (!settings.active || ring.empty () || !join (cursor, ring))
    return false;
  MediaCounters &counters = *counters_[index_of (media)];
  if (cursor.next <= ring.newest () && fell_behind (cursor, ring, now_us)) {
    // The picture cannot go on from the middle: it waits for the next place to join.
    count (counters.dropped, ring.newest () + 1 - cursor.next);
    cursor.joined = false;
    cursor.after = ring.newest ();
    return false;
  }

  unsigned left = kTurnPackets;
  std::size_t overhead = kMaxRtpOverhead
      + (settings.transport_sequence_id ? kTransportSequenceBytes : 0);
  while (left && cursor.next <= ring.newest ()) {
    // A run that segmentation can send: packets of one size, the last may be shorter.
    PacketRing::Entry run[kTurnPackets];
    unsigned packets = 0;
    std::size_t room = 0;
    std::uint64_t next = cursor.next;
    for (; next <= ring.newest () && packets < left; next++) {
      PacketRing::Entry entry = ring.find (next);
      if (!entry.packet)
        continue; // never came
      std::size_t payload = entry.packet->bytes - entry.packet->header;
      if (packets
          && (entry.packet->bytes > run[0].packet->bytes
              || room + entry.packet->bytes + overhead
                  > SendQueue::kMaxMessageBytes))
        break;
      run[packets++] = entry;
      room += entry.packet->header + payload + overhead;
      if (entry.packet->bytes < run[0].packet->bytes) {
        next++;
        break;
      }
    }
    if (packets == 0) {
      cursor.next = next;
      break;
    }
    std::uint8_t *out = queue.reserve (room);
    if (!out)
      return true;
    std::size_t bytes = 0, segment = 0;
    unsigned written = 0;
    std::uint16_t first_sequence = transport_sequence_;
    for (; written < packets; written++) {
      const PacketRing::Entry &entry = run[written];
      std::size_t size = write_packet (out + bytes, media, entry);
      if (size == 0)
        break; // OpenSSL failed: the viewer sees a loss
      bytes += size;
      segment = std::max (segment, size);
      cursor.octets += static_cast<std::uint32_t> (
          entry.packet->bytes - entry.packet->header);
    }
    cursor.next = next;
    left -= packets;
    count (counters.dropped, packets - written);
    if (written == 0)
      continue;
    queue.commit (path, bytes, segment, counters.dropped);
    cursor.packets += written;
    count (counters.packets, written);
    count (counters.bytes, bytes);
    rate_bytes_ += bytes;
    if (estimate_ && settings.transport_sequence_id)
      estimate_->on_sent (first_sequence, static_cast<std::uint16_t> (written),
          static_cast<std::uint32_t> (bytes),
          static_cast<std::uint64_t> (now_us) * kNsPerUs);
  }
  return cursor.next <= ring.newest ();
}

bool
MediaSender::is_behind (const StreamFeed &feed) const
{
  for (Media media : kAllMedia) {
    const Cursor &cursor = cursors_[index_of (media)];
    const PacketRing &ring = feed.ring (media);
    if (cursor.joined && !ring.empty () && cursor.next <= ring.newest ())
      return true;
  }
  return false;
}

// Returns the header's length with the extension.
std::size_t
MediaSender::write_header (std::uint8_t *out, const MediaSettings &settings,
    std::span<const std::uint8_t> header)
{
  std::memcpy (out, header.data (), header.size ());
  out[1] = static_cast<std::uint8_t> ((out[1] & 0x80) | settings.payload_type);
  if (!settings.transport_sequence_id)
    return header.size ();
  out[0] |= 0x10;
  return header.size ()
      + write_transport_sequence (
          {out + header.size (), kTransportSequenceBytes},
          settings.transport_sequence_id, transport_sequence_++);
}

std::size_t
MediaSender::write_packet (std::uint8_t *out, Media media,
    const PacketRing::Entry &entry)
{
  const Cursor &cursor = cursors_[index_of (media)];
  std::size_t header = write_header (out, settings_.media[index_of (media)],
      entry.burst->header (*entry.packet));
  // The viewer takes the roll-over counter to be 0 at its first packet.
  auto roc = static_cast<std::uint32_t> (
      (entry.packet->sequence >> 16) - (cursor.first >> 16));
  return srtp_.protect_rtp (out, header, entry.burst->payload (*entry.packet),
      roc);
}

void
MediaSender::retransmit (Media media, const PacketRing::Entry &entry)
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  Cursor &cursor = cursors_[index_of (media)];
  std::uint8_t *out = reading_.queue->reserve (
      entry.packet->bytes + kTransportSequenceBytes + 2 + kMaxRtpOverhead);
  if (!out)
    return;
  std::size_t bytes;
  std::uint16_t transport_sequence = transport_sequence_;
  if (settings.rtx_payload_type) {
    std::uint8_t extension[kTransportSequenceBytes];
    std::size_t extended = settings.transport_sequence_id
        ? write_transport_sequence (extension, settings.transport_sequence_id,
            transport_sequence_++)
        : 0;
    std::uint64_t sequence = cursor.rtx_sequence++;
    RtxStamp stamp = {settings.rtx_ssrc, static_cast<std::uint16_t> (sequence),
        *settings.rtx_payload_type};
    // Header and payload lie in one piece.
    std::span<const std::uint8_t> original (
        entry.burst->header (*entry.packet).data (), entry.packet->bytes);
    std::optional<RtxHeader> header = write_rtx_header (original, stamp,
        {extension, extended}, {out, kMaxHeader + 2});
    if (!header)
      return;
    // The original sequence number is a part of the payload (RFC 4588, section 4).
    std::size_t clear = header->bytes - 2;
    std::memcpy (out + header->bytes, header->payload.data (),
        header->payload.size ());
    bytes = srtp_.protect_rtp (out, clear,
        {out + clear, header->payload.size () + 2},
        static_cast<std::uint32_t> (sequence >> 16));
  } else {
    // The very same packet once more, to the byte: one key must never
    // protect two things under one index.
    bytes = write_packet (out, media, entry);
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
  std::uint32_t rate = settings_.media[index_of (*media)].clock_rate;
  MediaCounters &counters = *counters_[index_of (*media)];
  counters.lost.store (report.cumulative_lost, std::memory_order_relaxed);
  if (rate)
    counters.jitter_us.store (std::uint64_t{report.jitter} * G_USEC_PER_SEC
            / rate,
        std::memory_order_relaxed);
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
  PacketRing::Entry entry = reading_.feed->ring (*media).find_recent (sequence);
  // Only what the viewer has been sent: what is to come, comes.
  if (!entry.packet || !cursor.ever_joined
      || entry.packet->sequence < cursor.first
      || entry.packet->sequence >= cursor.next)
    return;
  std::uint32_t key = std::uint32_t{sequence}
      | static_cast<std::uint32_t> (index_of (*media)) << 16;
  if (budget_.ask (key, entry.packet->bytes,
          static_cast<std::uint64_t> (reading_.now_us) * kNsPerUs,
          round_trip_.smoothed_ns ())
      == RetransmissionBudget::Verdict::send)
    retransmit (*media, entry);
}

void
MediaSender::on_pli (std::uint32_t ssrc)
{
  if (medium_of (ssrc))
    count (link_.keyframe_requests, 1);
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
