// SPDX-License-Identifier: LGPL-2.1-or-later
// What a webrtcbin viewer is fed who comes in the middle of a group of pictures, through a real appsrc.
#include "plugin/transport/webrtcbin/viewer-feed.h"
#include "tests/src/packets.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include <algorithm>
#include <set>

using namespace restream;
using namespace restream::transport;

namespace {

constexpr std::uint8_t kPayloadType = 100;
constexpr std::uint32_t kFrameTicks = 3000;
constexpr GstClockTime kFrameTime = GST_SECOND / 30;

class Bench
{
public:
  explicit Bench (const InstantStart &start = {}) : group (start)
  {
    pipeline_ = Ref<GstElement>::sink (gst_parse_launch (
        "appsrc name=in format=time ! appsink name=out sync=false", nullptr));
    in_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "in"));
    out_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "out"));
    gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
    feed = ViewerFeed (in_, FeedSettings{.payload_type = kPayloadType});
  }
  ~Bench () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }

  // A picture of so many packets; the viewer is there, or not yet.
  void push (bool key, unsigned packets, bool watched, bool again = false)
  {
    std::vector<std::uint16_t> numbers;
    for (unsigned i = 0; i < packets; i++)
      numbers.push_back (sequence++);
    push_numbers (key, numbers, watched, again);
    timestamp += kFrameTicks;
    arrival += kFrameTime;
  }
  // These packets of the present picture.
  void push_numbers (bool key, const std::vector<std::uint16_t> &numbers,
      bool watched, bool again = false)
  {
    auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    std::size_t bytes = 0;
    for (std::uint16_t number : numbers) {
      packets::Rtp rtp;
      rtp.sequence = number;
      rtp.timestamp = timestamp;
      rtp.marker = whole && number == numbers.back ();
      rtp.payload.assign (1000, static_cast<std::uint8_t> (number));
      rtp.payload[0] = static_cast<std::uint8_t> (number >> 8);
      const packets::Bytes packet = packets::rtp (rtp);
      bytes += packet.size ();
      gst_buffer_list_add (list.get (),
          gst_buffer_new_memdup (packet.data (), packet.size ()));
    }
    PacketBatch batch (Media::video, 90000, std::move (list), bytes, arrival,
        key ? std::optional (0u) : std::nullopt);
    batch.extend_sequence (highest_);
    group.append (batch);
    if (watched)
      feed.push (batch, {.group = &group, .again = again}, counters, "it");
  }

  // Until nothing is queued any more.
  void drain ()
  {
    while (gst_app_src_get_current_level_buffers (GST_APP_SRC (in_.get ())))
      g_usleep (100);
  }

  struct Got
  {
    std::uint16_t sequence;
    std::uint32_t timestamp;
    std::uint16_t original; // the stream's number of what is in it
  };
  // What has come out by now.
  std::vector<Got> take ()
  {
    std::vector<Got> all;
    while (auto sample = Ref<GstSample>::adopt (gst_app_sink_try_pull_sample (
               GST_APP_SINK (out_.get ()), 50 * GST_MSECOND))) {
      GstMapInfo map;
      GstBuffer *buffer = gst_sample_get_buffer (sample.get ());
      g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
      g_assert_cmpuint (map.size, ==, 1012);
      g_assert_cmpuint (map.data[1] & 0x7f, ==, kPayloadType);
      Got got = {GST_READ_UINT16_BE (map.data + 2),
          GST_READ_UINT32_BE (map.data + 4),
          static_cast<std::uint16_t> (map.data[12] << 8 | map.data[1011])};
      gst_buffer_unmap (buffer, &map);
      all.push_back (got);
    }
    return all;
  }

  GroupCache group;
  ViewerFeed feed;
  MediaCounters counters;
  std::uint16_t sequence = 65500;
  std::uint32_t timestamp = 0xfffff000;
  GstClockTime arrival = 0;
  bool whole = true; // pictures have their last packet

private:
  std::optional<std::uint64_t> highest_;
  Ref<GstElement> pipeline_, in_, out_;
};

// Each packet once, in order, none sooner than its time; then the stream's own timestamps.
void
begins_in_the_past ()
{
  Bench bench;
  bench.push (true, 20, false);
  for (unsigned i = 0; i < 59; i++)
    bench.push (false, 2, false);
  const std::uint32_t live = bench.timestamp - kFrameTicks;
  const gint64 began = g_get_monotonic_time ();
  std::vector<Bench::Got> got;
  unsigned pushed = 138;
  bool behind = false;
  do {
    bench.push (false, 2, true);
    pushed += 2;
    g_usleep (33'333);
    for (const Bench::Got &packet : bench.take ())
      got.push_back (packet);
    behind |= got.size () < pushed;
    g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * G_USEC_PER_SEC);
  } while (got.size () < pushed
      || got.back ().timestamp != bench.timestamp - kFrameTicks);
  g_assert_true (behind);
  g_assert_cmpuint (got.size (), ==, pushed);
  std::uint32_t before = live;
  for (std::size_t i = 0; i < got.size (); i++) {
    g_assert_cmpuint (got[i].sequence, ==,
        static_cast<std::uint16_t> (65500 + i));
    g_assert_cmpuint (got[i].original, ==, got[i].sequence);
    const auto step = static_cast<std::int32_t> (got[i].timestamp - before);
    g_assert_cmpint (step, >=, 0);
    g_assert_cmpint (step, <=, i == 0 ? kFrameTicks + 500 : kFrameTicks);
    before = got[i].timestamp;
  }
  g_assert_cmpuint (bench.counters.packets, ==, pushed);
  g_assert_cmpuint (bench.counters.dropped, ==, 0);
}

// Of a group beyond the bounds there is nothing: it waits for the next keyframe.
void
waits_for_the_next ()
{
  for (const InstantStart &start :
      {InstantStart{.max_bytes = 0}, InstantStart{.max_bytes = 50'000},
          InstantStart{.max_time = GST_SECOND}}) {
    Bench bench (start);
    bench.push (true, 20, false);
    for (unsigned i = 0; i < 59; i++)
      bench.push (false, 2, false);
    g_assert_true (bench.group.packets ().empty ());
    bench.push (false, 2, true);
    g_assert_cmpuint (bench.take ().size (), ==, 0);
    bench.push (true, 20, true);
    bench.push (false, 2, true);
    const auto got = bench.take ();
    g_assert_cmpuint (got.size (), ==, 22);
    g_assert_cmpuint (got.back ().timestamp, ==, bench.timestamp - kFrameTicks);
  }
}

// A viewer that had all of a group of three seconds, and asks for a keyframe; what it has had.
std::vector<Bench::Got>
ask_again (Bench &bench)
{
  bench.push (true, 20, true);
  for (unsigned i = 0; i < 90; i++) {
    bench.push (false, 2, true);
    bench.drain (); // or it is too slow
  }
  std::vector<Bench::Got> had = bench.take ();
  g_assert_cmpuint (had.size (), ==, 200);
  g_usleep (1'100'000); // which is once a second
  bench.push (false, 2, true, true);
  return had;
}

// What comes until it is at the live edge.
std::vector<Bench::Got>
watch (Bench &bench)
{
  std::vector<Bench::Got> got = bench.take ();
  const gint64 began = g_get_monotonic_time ();
  while (got.empty () || got.back ().timestamp != bench.timestamp - kFrameTicks
      || got.back ().original
          != static_cast<std::uint16_t> (bench.sequence - 1)) {
    bench.push (false, 2, true);
    g_usleep (33'333);
    for (const Bench::Got &packet : bench.take ())
      got.push_back (packet);
    g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * G_USEC_PER_SEC);
  }
  return got;
}

// From the keyframe on once more, as something new.
void
keyframe_again ()
{
  for (bool whole : {true, false}) {
    Bench bench;
    bench.whole = whole;
    const std::vector<Bench::Got> had = ask_again (bench);
    const std::vector<Bench::Got> got = watch (bench);
    // One number is left out if the picture in hand is not whole.
    g_assert_cmpuint (got[0].sequence, ==,
        static_cast<std::uint16_t> (had.back ().sequence + (whole ? 1 : 2)));
    std::uint32_t before = had.back ().timestamp;
    for (std::size_t i = 0; i < got.size (); i++) {
      g_assert_cmpuint (got[i].sequence, ==,
          static_cast<std::uint16_t> (got[0].sequence + i));
      g_assert_cmpuint (got[i].original, ==,
          static_cast<std::uint16_t> (had[0].original + i));
      const auto step = static_cast<std::int32_t> (got[i].timestamp - before);
      g_assert_cmpint (step, >=, i == 0 ? 1 : 0);
      before = got[i].timestamp;
    }
    g_assert_cmpuint (bench.counters.packets, ==, had.size () + got.size ());
    g_assert_cmpuint (bench.counters.dropped, ==, 0);

    // And so it goes on.
    bench.push (true, 20, true);
    const std::vector<Bench::Got> next = bench.take ();
    g_assert_cmpuint (next.size (), ==, 20);
    g_assert_cmpuint (next[0].sequence, ==,
        static_cast<std::uint16_t> (got.back ().sequence + 1));
    g_assert_cmpuint (next[0].timestamp, ==, bench.timestamp - kFrameTicks);
  }
}

// What is not worth it, or not due.
void
keyframe_not_again ()
{
  Bench bench;
  const std::size_t had = ask_again (bench).size ();
  bench.push (false, 2, true, true); // once a second
  g_assert_cmpuint (watch (bench).size (), <, 2 * had);
  g_usleep (2'500'000); // four times of what it took
  bench.push (true, 20, true, true); // here it is
  g_assert_cmpuint (bench.take ().size (), ==, 20);
  bench.push (false, 2, true);
  g_assert_cmpuint (bench.take ().size (), ==, 2);

  Bench none (InstantStart{.max_bytes = 0});
  none.push (true, 20, true);
  g_usleep (1'100'000);
  none.push (false, 2, true, true);
  g_assert_cmpuint (none.take ().size (), ==, 22);
}

// Under one key a number must never protect two packets, whatever comes late.
void
each_number_once ()
{
  Bench bench;
  std::vector<Bench::Got> all = ask_again (bench);
  // Of before the keyframe, and of behind it.
  const auto old = static_cast<std::uint16_t> (all[0].original - 3);
  const std::uint16_t late = bench.sequence++;
  bench.push_numbers (false, {old}, true);
  bench.push (false, 2, true);
  bench.push_numbers (false, {late}, true);
  for (const Bench::Got &packet : watch (bench))
    all.push_back (packet);
  std::set<std::uint16_t> used;
  unsigned came_late = 0;
  for (const Bench::Got &packet : all) {
    g_assert_true (used.insert (packet.sequence).second);
    g_assert_cmpuint (packet.original, !=, old);
    came_late += packet.original == late;
  }
  g_assert_cmpuint (came_late, ==, 1);
  // No more than what is missing of them is: the torn picture's.
  g_assert_cmpuint (
      static_cast<std::uint16_t> (all.back ().sequence - all.front ().sequence)
          + 1u - used.size (),
      <=, 1);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/viewer-feed/past", begins_in_the_past);
  g_test_add_func ("/viewer-feed/no-past", waits_for_the_next);
  g_test_add_func ("/viewer-feed/again", keyframe_again);
  g_test_add_func ("/viewer-feed/not-again", keyframe_not_again);
  g_test_add_func ("/viewer-feed/each-number-once", each_number_once);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
