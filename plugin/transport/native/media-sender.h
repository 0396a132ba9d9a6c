// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/header-extensions.h"
#include "plugin/transport/native/io/send-queue.h"
#include "plugin/transport/native/prefetch.h"
#include "plugin/transport/rtcp/bandwidth-estimate.h"
#include "plugin/transport/rtcp/retransmission-budget.h"
#include "plugin/transport/rtcp/round-trip.h"
#include "plugin/transport/native/srtp/srtp-sender.h"
#include "plugin/transport/native/stream-feed.h"
#include "plugin/transport/viewer-line.h"
#include "plugin/transport/viewer.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace restream::transport::native {

// One medium of one viewer, as negotiated.
struct MediaSettings
{
  bool active = false;
  std::uint8_t payload_type = 0;
  std::uint32_t ssrc = 0; // the stream's, the same for all viewers
  std::uint32_t clock_rate = 0; // Hz
  bool nack = false;
  std::optional<std::uint8_t> rtx_payload_type;
  std::uint32_t rtx_ssrc = 0;
  // Without nack: a packet that was sent with redundancy could not be sent again to the byte.
  std::optional<std::uint8_t> red_payload_type;
  // Header extensions; 0 = none.
  std::uint8_t transport_sequence_id = 0;
  std::uint8_t capture_time_id = 0;
  std::uint8_t playout_delay_id = 0;
};

struct SenderSettings
{
  std::array<MediaSettings, kMediaCount> media;
  std::string cname;
};

// What a viewer is sent: its place in the stream's rings, and what of a packet is its own (payload
// type, header extension, keys). Answers its RTCP.
// Thread: the session's.
class MediaSender final : private RtcpHandler
{
public:
  // counters and link outlive it.
  MediaSender (const SenderSettings &settings, SrtpSender srtp,
      std::array<MediaCounters *, kMediaCount> counters, LinkCounters &link);

  // The viewer may begin with the newest keyframe there is, and gets what has gone by since in
  // fast-forward; where its medium can be joined anywhere, with the newest packet.
  void start (const StreamFeed &feed);
  // Queues what is there for the viewer, as much as may go out now. true: it is owed more.
  bool serve (Media media, const StreamFeed &feed, SendQueue &queue,
      const Path &path, std::int64_t now_us);
  // serve() is soon to come: what it reads first is fetched into the cache, then what that points
  // to, and what is the medium's.
  void prefetch () const { prefetch_bytes (this, kServedBytes); }
  void prefetch (Media media) const;
  // Is anything owed?
  bool is_behind (const StreamFeed &feed) const;

  // Deals with a compound of the viewer's, decrypted.
  void handle_rtcp (std::span<const std::uint8_t> compound,
      const StreamFeed &feed, SendQueue &queue, const Path &path,
      std::int64_t now_us);
  // Sender reports of what has been sent, with CNAME, and a BYE at the end; encrypted.
  // Empty: nothing to report. Valid until the next call.
  std::span<const std::uint8_t> make_report (const StreamFeed &feed, bool bye);

private:
  // A burst of this size goes out at once; the rest of a larger one at this pace, in
  // place of filling the queues on its way.
  static constexpr std::int64_t kBurstBytes = 112 * 1024;
  static constexpr std::int64_t kPaceBytes = 28 * 1024; // a millisecond
  // Packets of one message.
  static constexpr unsigned kMaxRun = SendQueue::kMaxSegments;
  // Who is further behind loses the packets in between.
  static constexpr std::int64_t kMaxLagUs = 500'000;
  static constexpr std::size_t kMaxHeader = 12 + 4 * 15 + kMaxExtensionBytes;
  static constexpr std::uint64_t kNsPerUs = 1000;

  struct Cursor
  {
    bool joined = false;
    bool ever_joined = false;
    bool again = false; // the viewer has asked for a keyframe
    std::uint64_t next = 0; // the first one not sent
    std::uint64_t after = 0; // join behind this one
    ViewerLine line;
    std::uint64_t rtx_sequence = 0; // extended
    std::int64_t pace = kPaceBytes; // bytes a millisecond
    std::int64_t credit = kBurstBytes; // bytes that may go out now
    std::int64_t credited_us = 0;
    std::int64_t began_us = 0;
    std::int64_t again_from_us =
        0; // no new start is asked for with success before
    std::int64_t catch_up_by_us = 0; // 0 = it is at the live edge
    std::int64_t redundant_until_us = 0;
    std::int64_t capture_time_due_us = 0;
    std::uint32_t packets = 0; // as sender reports count
    std::uint32_t octets = 0;
  };

  bool join (Cursor &cursor, Media media, const StreamFeed &feed,
      std::int64_t now_us);
  void begin (Cursor &cursor, Media media, const StreamFeed &feed,
      std::uint64_t first, std::int64_t now_us);
  unsigned take_run (Media media, const PacketRing &ring, std::int64_t now_us,
      std::span<PacketRing::Entry, kMaxRun> run, std::uint64_t &next,
      std::size_t &room) const;
  bool fell_behind (const Cursor &cursor, const PacketRing &ring,
      std::int64_t now_us) const;
  bool is_redundant (Media media, std::int64_t now_us) const;
  bool tells_capture_time (Media media, std::int64_t now_us) const;
  bool tells_playout_delay (Media media, std::int64_t now_us) const;
  // What not every packet has.
  struct Extra
  {
    CmBatch *batch = nullptr; // makes it whole later
    PacketRing::Entry before; // borne once more
    std::optional<std::uint64_t> capture_time; // NTP
    bool playout_delay = false;
  };
  std::size_t write_packet (std::uint8_t *out, Media media,
      const PacketRing::Entry &entry, const ViewerLine::Stamp &stamp,
      const Extra &extra);
  void retransmit (Media media, const PacketRing::Entry &entry,
      const ViewerLine::Stamp &stamp);
  std::optional<Media> medium_of (std::uint32_t ssrc) const;

  void on_report (const ReportBlock &report) override;
  void on_nack (std::uint32_t ssrc, std::uint16_t sequence) override;
  void on_pli (std::uint32_t ssrc) override;
  void on_fir (std::uint32_t ssrc, std::uint8_t number) override;
  void on_remb (std::uint64_t bits_per_second) override;
  void on_transport_packet (std::uint16_t sequence,
      std::optional<std::uint32_t> arrival) override;
  void on_transport_feedback_end () override;

  // What serve() looks at whatever the medium, together.
  alignas (kCacheLine) const SenderSettings &settings_; // the session's
  std::array<MediaCounters *, kMediaCount> counters_;
  std::unique_ptr<BandwidthEstimate> estimate_; // once the viewer gives cause
  std::uint64_t rate_bytes_ = 0; // sent since rate_since_us_
  std::uint16_t transport_sequence_ = 0;
  SrtpSender srtp_;
  static constexpr std::size_t kServedBytes = 2 * kCacheLine;

  LinkCounters &link_;
  std::array<Cursor, kMediaCount> cursors_;
  RoundTrip round_trip_;
  RetransmissionBudget budget_;

  // While a compound is read.
  struct Reading
  {
    const StreamFeed *feed;
    SendQueue *queue;
    const Path *path;
    std::int64_t now_us;
  };
  Reading reading_{};
  std::int64_t rate_since_us_ = 0;
};

} // namespace restream::transport::native
