// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/media-sender.h"

#include "common/bytes.h"
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/report-counters.h"
#include "plugin/transport/red.h"
#include "plugin/transport/rtcp/rtcp-writer.h"
#include "plugin/transport/rtcp/rtx.h"

#include <algorithm>
#include <cstring>

namespace restream::transport::native {

namespace {

constexpr std::uint64_t kNsPerUs = 1000;
constexpr std::uint8_t kPadding = 0x20; // in the first byte of a header
constexpr std::int64_t kRateWindowUs = 1'000'000;
constexpr std::uint64_t kMinRetransmissionRate = 16 * 1024; // bytes/s

void
count (std::atomic<std::uint64_t> &counter, std::uint64_t n)
{
  // One writer: a plain addition would do, were there no readers.
  counter.store (counter.load (std::memory_order_relaxed) + n,
      std::memory_order_relaxed);
}

void
write_stamp (std::uint8_t *header, const ViewerLine::Stamp &stamp)
{
  const std::span<std::uint8_t> h (header, 8); // up to the SSRC
  put_be16 (h, 2, static_cast<std::uint16_t> (stamp.sequence));
  put_be32 (h, 4, stamp.timestamp);
}

} // namespace

MediaSender::MediaSender (const SenderSettings &settings, SrtpSender srtp,
    std::array<MediaCounters *, kMediaCount> counters, LinkCounters &link)
    : settings_ (settings), counters_ (counters), srtp_ (std::move (srtp)),
      link_ (link)
{
}

void
MediaSender::start (const StreamFeed &feed)
{
  for (Media media : kAllMedia) {
    const PacketRing &ring = feed.ring (media);
    if (ring.empty ())
      continue;
    std::optional<std::uint64_t> at = ring.group_start ();
    cursors_[index_of (media)].after = at ? *at - 1 : ring.newest ();
  }
}

bool
MediaSender::join (Cursor &cursor, Media media, const StreamFeed &feed,
    std::int64_t now_us)
{
  const PacketRing &ring = feed.ring (media);
  if (cursor.joined) {
    if (!cursor.again)
      return true;
    cursor.again = false;
    std::optional<std::uint64_t> at = ring.group_start ();
    // The keyframe that has come meanwhile does as well.
    if (at && *at < cursor.next)
      begin (cursor, media, feed, *at, now_us);
    return true;
  }
  const std::optional<std::uint64_t> &at = ring.newest_join ();
  if (!at || *at <= cursor.after || *at < ring.kept_from ())
    return false;
  if (cursor.ever_joined) {
    // What is in between has been counted as dropped, and is missing.
    cursor.next = *at;
    cursor.joined = true;
  } else {
    begin (cursor, media, feed, *at, now_us);
  }
  return true;
}

// From this packet on, which may be an old one: then up to the live edge in fast-forward.
void
MediaSender::begin (Cursor &cursor, Media media, const StreamFeed &feed,
    std::uint64_t first, std::int64_t now_us)
{
  const PacketRing &ring = feed.ring (media);
  PacketRing::Entry from = ring.find (first), to = ring.find (ring.newest ());
  std::optional<CatchUp> plan;
  if (from.packet && to.packet)
    plan = plan_catch_up (from.burst->timestamp (*from.packet),
        to.burst->timestamp (*to.packet),
        settings_.media[index_of (media)].clock_rate, ring.group_bytes (),
        feed.shared->gop.settings ());
  cursor.pace = plan ? plan->pace : kPaceBytes;
  cursor.catch_up_by_us = plan ? now_us + 2 * plan->takes_us + kMaxLagUs : 0;
  PacketRing::Entry last = ring.find (cursor.next - 1);
  bool torn = !last.packet || !last.burst->ends_frame (*last.packet);
  cursor.line.begin (first, cursor.next, torn,
      plan ? plan->forward : FastForward{});
  cursor.next = first;
  cursor.began_us = cursor.credited_us = now_us;
  cursor.again_from_us = now_us + again_after_us (plan);
  cursor.credit = kBurstBytes;
  cursor.joined = cursor.ever_joined = true;
}

bool
MediaSender::fell_behind (const Cursor &cursor, const PacketRing &ring,
    std::int64_t now_us) const
{
  if (cursor.next < ring.kept_from ())
    return true;
  if (cursor.catch_up_by_us)
    return now_us > cursor.catch_up_by_us;
  PacketRing::Entry entry = ring.find (cursor.next);
  return entry.burst && now_us - entry.burst->arrival_us () > kMaxLagUs;
}

// A run that segmentation can send: packets of one size, the last may be shorter. Returns
// their number; next: the first one that is not in it; room: what they need.
unsigned
MediaSender::take_run (Media media, const PacketRing &ring, std::int64_t now_us,
    std::span<PacketRing::Entry, kMaxRun> run, std::uint64_t &next,
    std::size_t &room) const
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  const Cursor &cursor = cursors_[index_of (media)];
  std::size_t overhead = kMaxRtpOverhead
      + (settings.transport_sequence_id || settings.capture_time_id
                  || settings.playout_delay_id
              ? kMaxExtensionBytes
              : 0);
  std::int64_t ticks =
      (now_us - cursor.began_us) * settings.clock_rate / G_USEC_PER_SEC;
  const bool alone =
      is_redundant (media, now_us) || tells_capture_time (media, now_us);
  const unsigned most = alone ? 1 : kMaxRun;
  unsigned packets = 0;
  room = 0;
  for (next = cursor.next; next <= ring.newest () && packets < most; next++) {
    PacketRing::Entry entry = ring.find (next);
    if (!entry.packet)
      continue; // never came
    if (cursor.catch_up_by_us
        && !cursor.line.is_due (next, entry.burst->timestamp (*entry.packet),
            ticks))
      break;
    if (packets
        && (entry.packet->bytes > run[0].packet->bytes
            || static_cast<std::int64_t> (room) >= cursor.credit
            || room + entry.packet->bytes + overhead
                > SendQueue::kMaxMessageBytes))
      break;
    run[packets++] = entry;
    room += entry.packet->bytes + overhead;
    if (entry.packet->bytes < run[0].packet->bytes) {
      next++;
      break;
    }
  }
  return packets;
}

bool
MediaSender::is_redundant (Media media, std::int64_t now_us) const
{
  const Cursor &cursor = cursors_[index_of (media)];
  return settings_.media[index_of (media)].red_payload_type
      && now_us < cursor.redundant_until_us && !cursor.catch_up_by_us;
}

// Not in fast-forward, whose timestamps are not the capture's.
bool
MediaSender::tells_capture_time (Media media, std::int64_t now_us) const
{
  const Cursor &cursor = cursors_[index_of (media)];
  return settings_.media[index_of (media)].capture_time_id
      && now_us >= cursor.capture_time_due_us && !cursor.catch_up_by_us;
}

bool
MediaSender::tells_playout_delay (Media media, std::int64_t now_us) const
{
  return media == Media::video
      && settings_.media[index_of (media)].playout_delay_id
      && settings_.media[index_of (Media::audio)].active
      && now_us < cursors_[index_of (media)].began_us + kTellDelayUs;
}

bool
MediaSender::serve (Media media, const StreamFeed &feed, SendQueue &queue,
    const Path &path, std::int64_t now_us)
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  const PacketRing &ring = feed.ring (media);
  Cursor &cursor = cursors_[index_of (media)];
  if (!settings.active || ring.empty () || !join (cursor, media, feed, now_us))
    return false;
  if (cursor.next > ring.newest ())
    return false;
  MediaCounters &counters = *counters_[index_of (media)];
  if (fell_behind (cursor, ring, now_us)) {
    // The picture cannot go on from the middle: it waits for the next place to join.
    count (counters.dropped, ring.newest () + 1 - cursor.next);
    cursor.joined = false;
    cursor.after = ring.newest ();
    cursor.catch_up_by_us = 0;
    cursor.pace = kPaceBytes;
    return false;
  }

  std::int64_t earned = (now_us - cursor.credited_us) * cursor.pace / 1000;
  if (earned > 0) {
    cursor.credit = std::min (cursor.credit + earned, kBurstBytes);
    cursor.credited_us = now_us;
  }
  while (cursor.credit > 0 && cursor.next <= ring.newest ()) {
    std::array<PacketRing::Entry, kMaxRun> run;
    std::uint64_t next;
    std::size_t room;
    unsigned packets = take_run (media, ring, now_us, run, next, room);
    if (packets == 0) {
      cursor.next = next;
      break;
    }
    Extra extra{.batch = srtp_.can_batch () ? queue.batch (path) : nullptr,
        .before = {},
        .capture_time = {},
        .playout_delay = tells_playout_delay (media, now_us)};
    if (is_redundant (media, now_us)) {
      extra.before = ring.find (run[0].packet->sequence - 1);
      if (extra.before.packet)
        room += extra.before.packet->bytes + kRedHeaderBytes;
    }
    if (const std::optional<SenderClock> &clock = feed.clocks[index_of (media)];
        clock && tells_capture_time (media, now_us)) {
      extra.capture_time = clock->ntp_of (
          run[0].burst->timestamp (*run[0].packet), ntp_at (now_us));
      cursor.capture_time_due_us = now_us + kCaptureTimeEveryUs;
    }
    std::uint8_t *out = queue.reserve (room);
    if (!out)
      return true;
    std::size_t bytes = 0, segment = 0;
    unsigned written = 0;
    std::uint16_t first_sequence = transport_sequence_;
    for (; written < packets; written++) {
      const PacketRing::Entry &entry = run[written];
      std::size_t size = write_packet (out + bytes, media, entry,
          cursor.line.next (entry.packet->sequence,
              entry.burst->timestamp (*entry.packet)),
          extra);
      if (size == 0)
        break; // OpenSSL failed: the viewer sees a loss
      bytes += size;
      segment = std::max (segment, size);
      cursor.octets += static_cast<std::uint32_t> (
          entry.packet->bytes - entry.packet->header);
    }
    cursor.next = next;
    cursor.credit -= static_cast<std::int64_t> (room);
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
  if (cursor.next <= ring.newest ())
    return true;
  if (cursor.catch_up_by_us) {
    cursor.catch_up_by_us = 0;
    cursor.pace = kPaceBytes;
  }
  return false;
}

void
MediaSender::prefetch (Media media) const
{
  prefetch_bytes (&settings_.media[index_of (media)], sizeof (MediaSettings));
  prefetch_bytes (&cursors_[index_of (media)], sizeof (Cursor));
  prefetch_bytes (counters_[index_of (media)], sizeof (MediaCounters));
  srtp_.prefetch ();
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

std::size_t
MediaSender::write_packet (std::uint8_t *out, Media media,
    const PacketRing::Entry &entry, const ViewerLine::Stamp &stamp,
    const Extra &extra)
{
  const MediaSettings &settings = settings_.media[index_of (media)];
  std::span<const std::uint8_t> header = entry.burst->header (*entry.packet);
  std::size_t bytes = header.size ();
  std::memcpy (out, header.data (), bytes);
  out[1] = static_cast<std::uint8_t> ((out[1] & 0x80) | settings.payload_type);
  write_stamp (out, stamp);
  HeaderExtensions extensions;
  if (settings.transport_sequence_id) {
    extensions.transport_sequence_id = settings.transport_sequence_id;
    extensions.transport_sequence = transport_sequence_++;
  }
  if (extra.capture_time) {
    extensions.capture_time_id = settings.capture_time_id;
    extensions.capture_time = *extra.capture_time;
  }
  if (extra.playout_delay) {
    extensions.playout_delay_id = settings.playout_delay_id;
    extensions.least_delay_ms = kPictureBesideSoundMs;
  }
  if (std::size_t extended =
          write_extensions ({out + bytes, kMaxExtensionBytes}, extensions)) {
    out[0] |= 0x10;
    bytes += extended;
  }
  // The viewer takes the roll-over counter to be 0 at its first packet.
  auto roc = static_cast<std::uint32_t> ((stamp.sequence >> 16)
      - (cursors_[index_of (media)].line.first () >> 16));
  std::span<const std::uint8_t> payload = entry.burst->payload (*entry.packet);
  const PacketRing::Entry &before = extra.before;
  if (before.packet
      && !((header[0] | before.burst->header (*before.packet)[0]) & kPadding)) {
    // Encrypted where it is written.
    std::uint8_t *red = out + bytes;
    const auto block = [&settings] (const PacketRing::Entry &e) {
      return RedBlock{settings.payload_type, e.burst->timestamp (*e.packet),
          e.burst->payload (*e.packet)};
    };
    if (std::size_t size = write_red (block (before), block (entry),
            {red,
                before.packet->bytes + entry.packet->bytes
                    + kRedHeaderBytes})) {
      out[1] = static_cast<std::uint8_t> (
          (out[1] & 0x80) | *settings.red_payload_type);
      payload = {red, size};
      count (counters_[index_of (media)]->redundant, 1);
    }
  }
  return srtp_.protect_rtp (out, bytes, payload, roc, extra.batch);
}

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
