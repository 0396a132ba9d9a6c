// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/media-sender.h"

#include "common/bytes.h"
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/red.h"

#include <algorithm>
#include <cstring>

namespace restream::transport::native {

namespace {

constexpr std::uint8_t kPadding = 0x20; // in the first byte of a header

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

} // namespace restream::transport::native
