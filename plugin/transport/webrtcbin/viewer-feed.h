// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/fast-forward.h"
#include "plugin/transport/lag-meter.h"
#include "plugin/transport/viewer-line.h"
#include "plugin/transport/viewer.h"
#include "plugin/transport/webrtcbin/group-cache.h"

#include <deque>
#include <optional>
#include <string>

namespace restream::transport {

// One medium of one viewer: what goes into its appsrc. It begins with the last keyframe, and
// gets what has gone by since in fast-forward; who is too slow loses packets until the next keyframe. Who asks for a
// keyframe begins again, and has headers of its own from then on: the stream's numbers have gone back.
// Thread: the medium's streaming thread, but for appsrc().
class ViewerFeed
{
public:
  ViewerFeed () = default; // of a medium that the viewer does not take
  ViewerFeed (Ref<GstElement> appsrc, std::uint8_t payload_type)
      : appsrc_ (std::move (appsrc)), payload_type_ (payload_type)
  {
  }

  // Any thread.
  const Ref<GstElement> &appsrc () const { return appsrc_; }

  // Never blocks. batch: with extended numbers. group: null if the medium has none; it has this batch. again: the viewer
  // has lost its picture; not heard if it has begun just now. id: the viewer's, for the log.
  void push (PacketBatch &batch, const GroupCache *group, bool again,
      MediaCounters &counters, const std::string &id);

private:
  bool is_too_slow (const PacketBatch &batch);
  void drop (const PacketBatch &batch, MediaCounters &counters,
      const std::string &id);
  bool begin (const GroupCache &group);
  // Has it been sent the beginning of the group, and long enough ago?
  bool may_begin_again (const GroupCache &group) const;
  void catch_up (const PacketBatch &batch, MediaCounters &counters);
  void send_live (PacketBatch &batch, unsigned from, MediaCounters &counters);
  Ref<GstBufferList> restamped (PacketBatch &batch, unsigned from);
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
  std::uint8_t payload_type_ = 0;
  ViewerLine line_;
  std::uint64_t sent_to_ = 0; // behind the highest packet that was sent
  bool whole_ = true; // that one was the last of its picture
  gint64 again_from_us_ = 0;
  bool joined_ = false, ever_joined_ = false;
  bool too_slow_ = false; // and so has lost packets since it last joined
  std::optional<Past> past_;
  LagMeter lag_;
};

} // namespace restream::transport
