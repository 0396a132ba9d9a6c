// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/fast-forward.h"
#include "plugin/transport/lag-meter.h"
#include "plugin/transport/rtcp/sender-clock.h"
#include "plugin/transport/viewer-line.h"
#include "plugin/transport/viewer.h"
#include "plugin/transport/webrtcbin/group-cache.h"

#include <deque>
#include <optional>
#include <string>

namespace restream::transport {

// How a viewer has a medium.
struct FeedSettings
{
  std::uint8_t payload_type = 0;
  std::optional<std::uint8_t> red_payload_type;
  // Header extensions; 0 = none.
  std::uint8_t capture_time_id = 0;
  std::uint8_t playout_delay_id = 0;
};

// What there is to a burst.
struct FeedInput
{
  // With the burst; null if the medium has none.
  const GroupCache *group = nullptr;
  const SenderClock *clock = nullptr; // null: capture times are not known
  // The viewer has lost its picture; not heard if it has begun just now.
  bool again = false;
  bool redundant = false; // the viewer loses packets
};

// One medium of one viewer: what goes into its appsrc. It begins with the last keyframe, and
// gets what has gone by since in fast-forward; who is too slow loses packets until the next keyframe. Who asks for a
// keyframe begins again, and has headers of its own from then on: the stream's numbers have gone back.
// Thread: the medium's streaming thread, but for appsrc().
class ViewerFeed
{
public:
  ViewerFeed () = default; // of a medium that the viewer does not take
  ViewerFeed (Ref<GstElement> appsrc, const FeedSettings &settings)
      : appsrc_ (std::move (appsrc)), settings_ (settings)
  {
  }

  // Any thread.
  const Ref<GstElement> &appsrc () const { return appsrc_; }

  // Never blocks. batch: with extended numbers. id: the viewer's, for the log.
  void push (PacketBatch &batch, const FeedInput &input,
      MediaCounters &counters, const std::string &id);

private:
  bool is_too_slow (const PacketBatch &batch);
  void drop (const PacketBatch &batch, MediaCounters &counters,
      const std::string &id);
  bool begin (const GroupCache &group);
  // Has it been sent the beginning of the group, and long enough ago?
  bool may_begin_again (const GroupCache &group) const;
  void catch_up (const PacketBatch &batch, MediaCounters &counters);
  void send_live (PacketBatch &batch, unsigned from, const FeedInput &input,
      MediaCounters &counters);
  HeaderExtensions extensions (std::uint32_t timestamp,
      const SenderClock *clock);
  Ref<GstBufferList> dressed (PacketBatch &batch, unsigned from,
      HeaderExtensions first, bool redundant, MediaCounters &counters);
  Ref<GstBuffer> with_the_one_before (GstBuffer *packet, std::uint64_t sequence,
      const HeaderExtensions &extensions);
  void note_sent (std::uint64_t sequence, bool ends_frame);
  void send (Ref<GstBufferList> list, GstClockTime now,
      MediaCounters &counters);

  // The way to the live edge.
  struct Past
  {
    CatchUp plan;
    std::uint32_t clock_rate = 0;
    std::deque<GroupCache::Packet> packets; // not sent yet
    gint64 began_us = 0;
    std::int64_t sent_bytes = 0;
  };

  Ref<GstElement> appsrc_;
  FeedSettings settings_;
  ViewerLine line_;
  std::uint64_t sent_to_ = 0; // behind the highest packet that was sent
  bool whole_ = true; // that one was the last of its picture
  gint64 began_us_ = 0;
  gint64 again_from_us_ = 0;
  gint64 capture_time_due_us_ = 0;
  // The last one, while packets are sent twice.
  Ref<GstBuffer> before_;
  std::uint64_t before_sequence_ = 0;
  bool joined_ = false, ever_joined_ = false;
  bool too_slow_ = false; // and so has lost packets since it last joined
  std::optional<Past> past_;
  LagMeter lag_;
};

} // namespace restream::transport
