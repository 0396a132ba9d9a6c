// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/join-point.h"
#include "tests/codec/recorded.h"

#include <glib.h>

#include <initializer_list>
#include <vector>

using namespace restream::sink;

using Bytes = std::vector<std::uint8_t>;

static void
gives_one_point_for_a_picture_of_several_slices ()
{
  JoinPoint point ("H264");
  Bytes sps{0x67, 1}, pps{0x68, 1}, idr{0x65, 1}, slice{0x41, 1};
  g_assert_false (point.look (100, slice));
  g_assert_true (point.look (200, sps));
  g_assert_false (point.look (200, pps));
  g_assert_false (point.look (200, idr));
  g_assert_false (point.look (200, idr));
  g_assert_false (point.look (300, slice));
  g_assert_true (point.look (400, idr)); // without parameter sets
  g_assert_false (point.look (400, idr));
  g_assert_true (point.needs_keyframe ());
  g_assert_cmpuint (point.keyframes (), ==, 2);
}

// Some encoders repeat the parameter sets between keyframes.
static void
does_not_believe_parameter_sets_for_ever ()
{
  JoinPoint point ("H264");
  Bytes sps{0x67, 1}, idr{0x65, 1}, slice{0x41, 1};
  std::uint32_t now = 0;
  auto picture = [&] (Bytes &last) {
    now += 3000;
    const bool at_parameters = point.look (now, sps);
    return std::pair (at_parameters, point.look (now, last));
  };
  const std::pair first (true, false), second (false, true),
      none (false, false);
  g_assert_true (picture (idr) == first);
  for (int i = 0; i < 3; i++)
    g_assert_true (picture (slice) == first);
  g_assert_true (picture (slice) == none);
  g_assert_true (picture (idr) == second);
  g_assert_true (picture (idr) == first); // kept the last one
  g_assert_cmpuint (point.keyframes (), ==, 3);
}

// Join points of what encoders send, and the packet that each is at.
static void
finds_the_first_packet_of_recorded_keyframes ()
{
  for (const char *name :
      {"h264-slices", "h264-mode0", "h265-ffmpeg", "h265-gst", "vp8-ffmpeg",
          "vp8-gst", "vp9-ffmpeg", "vp9-gst", "av1-libaom"}) {
    const recorded::Stream stream = recorded::load (name);
    JoinPoint point (stream.encoding_name);
    unsigned pictures = 0, joins = 0;
    std::optional<std::uint32_t> timestamp;
    for (const Bytes &bytes : stream.packets) {
      const auto packet = restream::parse_rtp (bytes);
      const bool first = timestamp != packet->timestamp;
      timestamp = packet->timestamp;
      pictures += first;
      Bytes payload (packet->payload.begin (), packet->payload.end ());
      const bool join = point.look (packet->timestamp, payload);
      joins += join;
      // At the first packet, and nowhere else.
      g_assert_cmpint (join, ==, first && (pictures - 1) % 4 == 0);
    }
    g_assert_cmpuint (joins, ==, 3);
    g_assert_cmpuint (point.keyframes (), ==, 3);
  }
}

static void
joins_unknown_formats_anywhere ()
{
  JoinPoint point ("OPUS");
  Bytes any{1, 2, 3};
  g_assert_true (point.look (1, any));
  g_assert_true (point.look (1, any));
  g_assert_false (point.needs_keyframe ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/join-point/slices",
      gives_one_point_for_a_picture_of_several_slices);
  g_test_add_func ("/sink/join-point/promises",
      does_not_believe_parameter_sets_for_ever);
  g_test_add_func ("/sink/join-point/recorded",
      finds_the_first_packet_of_recorded_keyframes);
  g_test_add_func ("/sink/join-point/other", joins_unknown_formats_anywhere);
  return g_test_run ();
}
