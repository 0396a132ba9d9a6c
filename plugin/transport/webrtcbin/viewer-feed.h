// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/fast-forward.h"
#include "plugin/transport/lag-meter.h"
#include "plugin/transport/viewer.h"
#include "plugin/transport/webrtcbin/group-cache.h"

#include <deque>
#include <optional>
#include <string>

namespace restream::transport {

// One medium of one viewer: what goes into its appsrc. It begins with the last keyframe, and
// gets what has gone by since in fast-forward; who is too slow loses packets until the next keyframe.
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

  // Never blocks. group: null if the medium has none; it has this batch. id: the viewer's, for the log.
  void push (PacketBatch &batch, const GroupCache *group,
      MediaCounters &counters, const std::string &id);

private:
  bool is_too_slow (const PacketBatch &batch);
  void drop (const PacketBatch &batch, MediaCounters &counters,
      const std::string &id);
  bool begin (const GroupCache &group);
  void catch_up (const PacketBatch &batch, MediaCounters &counters);
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
  bool joined_ = false;
  bool too_slow_ = false; // and so has lost packets since it last joined
  std::optional<Past> past_;
  LagMeter lag_;
};

} // namespace restream::transport
