// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/viewer-feed.h"

#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/webrtcbin/redundant-packet.h"

#include <gst/app/gstappsrc.h>

GST_DEBUG_CATEGORY_STATIC (feed_debug);

namespace restream::transport {

namespace {

// How much a viewer may lag before it loses packets.
constexpr GstClockTime kMaxQueueTime = 500 * GST_MSECOND;
constexpr guint64 kMaxQueueBytes = 8 * 1024 * 1024;
// What goes out at once when a viewer begins: a keyframe, mostly.
constexpr std::int64_t kBurstBytes = 112 * 1024;

void
init_debug ()
{
  static gsize done = 0;
  if (g_once_init_enter (&done)) {
    GST_DEBUG_CATEGORY_INIT (feed_debug, "rtprestreamfeed", 0,
        "rtprestreamsink: what a webrtcbin viewer is fed");
    g_once_init_leave (&done, 1);
  }
}

} // namespace

bool
ViewerFeed::is_too_slow (const PacketBatch &batch)
{
  auto *appsrc = GST_APP_SRC (appsrc_.get ());
  return lag_.lag_ns (gst_app_src_get_current_level_buffers (appsrc),
             batch.arrival ())
      > kMaxQueueTime
      || gst_app_src_get_current_level_bytes (appsrc) > kMaxQueueBytes;
}

void
ViewerFeed::drop (const PacketBatch &batch, MediaCounters &counters,
    const std::string &id)
{
  init_debug ();
  if (joined_)
    GST_CAT_INFO (feed_debug,
        "viewer %s is too slow for the %s: it loses packets until the "
        "next keyframe",
        id.c_str (), name_of (batch.media ()));
  std::uint64_t packets = batch.size ();
  if (past_)
    packets += past_->packets.size ();
  counters.dropped.fetch_add (packets, std::memory_order_relaxed);
  past_.reset ();
  joined_ = false; // after a hole only a keyframe helps
  too_slow_ = true;
}

void
ViewerFeed::push (PacketBatch &batch, const FeedInput &input,
    MediaCounters &counters, const std::string &id)
{
  if (!appsrc_)
    return;
  const GroupCache *group = input.group;
  if (is_too_slow (batch))
    return drop (batch, counters, id);
  if (input.again && group && may_begin_again (*group) && begin (*group))
    return catch_up (batch, counters);
  if (past_) {
    for (unsigned i = 0; i < batch.size (); i++)
      past_->packets.push_back (
          {Ref<GstBuffer>::retain (gst_buffer_list_get (batch.packets (), i)),
              batch.sequence (i), batch.timestamp (i)});
    return catch_up (batch, counters);
  }
  if (joined_)
    return send_live (batch, 0, input, counters);
  if (const std::optional<unsigned> &join = batch.join_index ()) {
    if (!ever_joined_) {
      line_.begin (batch.sequence (*join), 0, false, {});
      began_us_ = g_get_monotonic_time ();
      again_from_us_ = began_us_ + again_after_us ({});
    }
    joined_ = ever_joined_ = true;
    too_slow_ = false;
    return send_live (batch, *join, input, counters);
  }
  // Who was too slow does not get the past on top of it.
  if (too_slow_)
    counters.dropped.fetch_add (batch.size (), std::memory_order_relaxed);
  else if (group && begin (*group))
    catch_up (batch, counters);
}

// A keyframe that has not been sent yet does as well.
bool
ViewerFeed::may_begin_again (const GroupCache &group) const
{
  return joined_ && !group.packets ().empty ()
      && group.packets ().front ().sequence < sent_to_
      && g_get_monotonic_time () >= again_from_us_;
}

bool
ViewerFeed::begin (const GroupCache &group)
{
  const std::vector<GroupCache::Packet> &packets = group.packets ();
  if (packets.empty ())
    return false;
  std::optional<CatchUp> plan =
      plan_catch_up (packets.front ().timestamp, packets.back ().timestamp,
          group.clock_rate (), group.bytes (), group.settings ());
  past_ = Past{}; // clang 14 cannot emplace() it
  if (plan)
    past_->plan = *plan;
  past_->clock_rate = group.clock_rate ();
  past_->packets.assign (packets.begin (), packets.end ());
  began_us_ = past_->began_us = g_get_monotonic_time ();
  line_.begin (packets.front ().sequence, sent_to_, !whole_,
      past_->plan.forward);
  sent_to_ = packets.front ().sequence;
  whole_ = true;
  again_from_us_ = past_->began_us + again_after_us (plan);
  joined_ = ever_joined_ = true;
  return true;
}

void
ViewerFeed::note_sent (std::uint64_t sequence, bool ends_frame)
{
  if (sequence < sent_to_)
    return; // it came late
  sent_to_ = sequence + 1;
  whole_ = ends_frame;
}

void
ViewerFeed::catch_up (const PacketBatch &batch, MediaCounters &counters)
{
  Past &past = *past_;
  gint64 elapsed_us = g_get_monotonic_time () - past.began_us;
  std::int64_t ticks = elapsed_us * past.clock_rate / G_USEC_PER_SEC;
  std::int64_t allowed = kBurstBytes + past.plan.pace * elapsed_us / 1000;
  const FastForward &forward = past.plan.forward;
  // Its timestamps are not the capture's.
  const HeaderExtensions told = extensions (0, nullptr);
  auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
  // Where nothing is shown fast, the past is over with its packets.
  bool over = forward.span == 0;
  for (; !past.packets.empty (); past.packets.pop_front ()) {
    const GroupCache::Packet &packet = past.packets.front ();
    if (line_.is_before (packet.sequence))
      continue;
    over |= forward.is_over (packet.timestamp);
    if (!over
        && (past.sent_bytes > allowed
            || !line_.is_due (packet.sequence, packet.timestamp, ticks)))
      break;
    const ViewerLine::Stamp stamp =
        line_.next (packet.sequence, packet.timestamp);
    Ref<GstBuffer> sent =
        with_header (packet.buffer.get (), settings_.payload_type,
            static_cast<std::uint16_t> (stamp.sequence), stamp.timestamp, told);
    GST_BUFFER_PTS (sent.get ()) = GST_BUFFER_DTS (sent.get ()) =
        batch.arrival ();
    past.sent_bytes +=
        static_cast<std::int64_t> (gst_buffer_get_size (sent.get ()));
    note_sent (packet.sequence, has_marker (packet.buffer.get ()));
    gst_buffer_list_add (list.get (), sent.release ());
  }
  bool done = over && past.packets.empty ();
  if (gst_buffer_list_length (list.get ()) > 0)
    send (std::move (list), batch.arrival (), counters);
  if (done)
    past_.reset ();
}

// What the next packet is to tell. clock: null if not when it was captured.
HeaderExtensions
ViewerFeed::extensions (std::uint32_t timestamp, const SenderClock *clock)
{
  HeaderExtensions told;
  if (!settings_.playout_delay_id && !(settings_.capture_time_id && clock))
    return told;
  const gint64 now_us = g_get_monotonic_time ();
  if (now_us < began_us_ + kTellDelayUs) {
    told.playout_delay_id = settings_.playout_delay_id;
    told.least_delay_ms = kPictureBesideSoundMs;
  }
  if (clock && now_us >= capture_time_due_us_) {
    capture_time_due_us_ = now_us + kCaptureTimeEveryUs;
    if (const auto captured = clock->ntp_of (timestamp, ntp_at (now_us))) {
      told.capture_time_id = settings_.capture_time_id;
      told.capture_time = *captured;
    }
  }
  return told;
}

// The stream's packets, from this one on.
void
ViewerFeed::send_live (PacketBatch &batch, unsigned from,
    const FeedInput &input, MediaCounters &counters)
{
  const HeaderExtensions told =
      extensions (batch.timestamp (from), input.clock);
  const bool own = line_.is_streams_own (batch.sequence (from));
  const bool redundant =
      own && input.redundant && settings_.red_payload_type.has_value ();
  if (!redundant)
    before_.reset ();
  Ref<GstBufferList> list;
  if (!own || redundant || told.playout_delay_id || told.capture_time_id)
    list = dressed (batch, from, told, redundant, counters);
  else
    list = from ? batch.list_from_join (settings_.payload_type)
                : batch.list (settings_.payload_type);
  note_sent (batch.highest (), batch.ends_frame ());
  if (gst_buffer_list_length (list.get ()) > 0)
    send (std::move (list), batch.arrival (), counters);
}

// With headers of the viewer's own. first: what the first one tells.
Ref<GstBufferList>
ViewerFeed::dressed (PacketBatch &batch, unsigned from, HeaderExtensions first,
    bool redundant, MediaCounters &counters)
{
  batch.list (settings_.payload_type); // before others have a part in it
  auto list =
      Ref<GstBufferList>::adopt (gst_buffer_list_new_sized (batch.size ()));
  for (unsigned i = from; i < batch.size (); i++) {
    const std::uint64_t sequence = batch.sequence (i);
    if (line_.is_before (sequence)) {
      first.capture_time_id = 0; // it is another one's
      continue;
    }
    GstBuffer *packet = gst_buffer_list_get (batch.packets (), i);
    const ViewerLine::Stamp stamp = line_.next (sequence, batch.timestamp (i));
    Ref<GstBuffer> sent;
    if (redundant)
      sent = with_the_one_before (packet, sequence, first);
    if (sent)
      counters.redundant.fetch_add (1, std::memory_order_relaxed);
    else
      sent = with_header (packet, settings_.payload_type,
          static_cast<std::uint16_t> (stamp.sequence), stamp.timestamp, first);
    first.capture_time_id = 0;
    gst_buffer_list_add (list.get (), sent.release ());
  }
  return list;
}

// Null: there is none, or not right before it. Then this is the one.
Ref<GstBuffer>
ViewerFeed::with_the_one_before (GstBuffer *packet, std::uint64_t sequence,
    const HeaderExtensions &extensions)
{
  Ref<GstBuffer> both;
  if (before_ && before_sequence_ + 1 == sequence)
    both = redundant_packet (packet, before_.get (),
        {settings_.payload_type, *settings_.red_payload_type}, extensions);
  // Those of the source come from a pool that they must go back to.
  before_ = Ref<GstBuffer>::adopt (gst_buffer_copy_deep (packet));
  before_sequence_ = sequence;
  return both;
}

void
ViewerFeed::send (Ref<GstBufferList> list, GstClockTime now,
    MediaCounters &counters)
{
  unsigned packets = gst_buffer_list_length (list.get ());
  std::size_t bytes = gst_buffer_list_calculate_size (list.get ());
  // GStreamer 1.22's gst_base_src_submit_buffer_list() copies a list that is
  // shared, and then logs the length of the shared one, which may be gone: a
  // list of its own, at the price of the same copy.
  if (!gst_buffer_list_is_writable (list.get ()))
    list = Ref<GstBufferList>::adopt (gst_buffer_list_copy (list.get ()));
  if (gst_app_src_push_buffer_list (GST_APP_SRC (appsrc_.get ()),
          list.release ())
      != GST_FLOW_OK) {
    counters.dropped.fetch_add (packets, std::memory_order_relaxed);
    return;
  }
  lag_.pushed (packets, now);
  counters.packets.fetch_add (packets, std::memory_order_relaxed);
  counters.bytes.fetch_add (bytes, std::memory_order_relaxed);
}

} // namespace restream::transport
