// SPDX-License-Identifier: LGPL-2.1-or-later
// What a webrtcbin viewer is fed who comes in the middle of a group of pictures, through a real appsrc.
#include "plugin/transport/webrtcbin/viewer-feed.h"
#include "tests/src/packets.h"

#include <gst/app/gstappsink.h>

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
    feed = ViewerFeed (in_, kPayloadType);
  }
  ~Bench () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }

  // A picture of so many packets; the viewer is there, or not yet.
  void push (bool key, unsigned packets, bool watched)
  {
    auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    std::size_t bytes = 0;
    for (unsigned i = 0; i < packets; i++) {
      packets::Rtp rtp;
      rtp.sequence = sequence++;
      rtp.timestamp = timestamp;
      rtp.payload.assign (1000, static_cast<std::uint8_t> (rtp.sequence));
      const packets::Bytes packet = packets::rtp (rtp);
      bytes += packet.size ();
      gst_buffer_list_add (list.get (),
          gst_buffer_new_memdup (packet.data (), packet.size ()));
    }
    timestamp += kFrameTicks;
    arrival += kFrameTime;
    PacketBatch batch (Media::video, 90000, std::move (list), bytes, arrival,
        key ? std::optional (0u) : std::nullopt);
    group.append (batch);
    if (watched)
      feed.push (batch, &group, counters, "it");
  }

  struct Got
  {
    std::uint16_t sequence;
    std::uint32_t timestamp;
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
          GST_READ_UINT32_BE (map.data + 4)};
      g_assert_cmpuint (map.data[1011], ==, got.sequence & 0xff);
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

private:
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

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/viewer-feed/past", begins_in_the_past);
  g_test_add_func ("/viewer-feed/no-past", waits_for_the_next);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
