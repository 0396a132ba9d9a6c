// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams of every codec, with viewers that are real webrtcbins, and what the sink
// tells of streams that nobody can watch.
#include "tests/codec/recorded.h"
#include "tests/sink/sink-fixture.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"

#include <gst/check/gstcheck.h>

using namespace restream;
using namespace restream::sinktest;

namespace {

gboolean
flag (const Owned<GstStructure> &s, const char *field)
{
  gboolean value = FALSE;
  fail_unless (s && gst_structure_get_boolean (s.get (), field, &value),
      "no %s in the statistics", field);
  return value;
}

// Two streams' worth of a viewer's life: it has both media, without a gap.
void
watch (const char *video, const char *audio)
{
  Rig rig ({.video_codec = video, .audio_codec = audio});
  Viewer viewer ({.video_codec = video, .audio_codec = audio});
  viewer.join (rig);
  fail_unless (viewer.answer ().find (std::string (" ") + video + "/90000")
          != std::string::npos,
      "no %s in\n%s", video, viewer.answer ().c_str ());
  viewer.wait_media ();
  wait_until (std::string ("pictures of ") + video, [&] {
    return viewer.counter (Media::video).frames () >= 20
        && viewer.counter (Media::audio).packets () >= 20;
  });
  for (Media media : kAllMedia) {
    const test::RtpCounter &counter = viewer.counter (media);
    fail_unless_equals_uint64 (counter.lost (), 0);
    fail_unless_equals_uint64 (counter.timestamp_steps_back (), 0);
    fail_unless_equals_uint64 (counter.ssrc_changes (), 0);
  }
  fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
  Owned<GstStructure> stats = stats_of (rig, viewer.id ());
  fail_if (flag (stats, "waiting-for-keyframe"));
  fail_unless (rig.stat ("video", "join-points") >= 2);
}

} // namespace

GST_START_TEST (test_every_codec)
{
  watch ("H265", "PCMU");
  watch ("VP8", "PCMA");
  watch ("VP9", "G722");
  watch ("AV1", "OPUS");
}
GST_END_TEST;

GST_START_TEST (test_refusal_names_both_codecs)
{
  struct
  {
    const char *stream, *offered;
  } cases[] = {{"VP8", "H264"}, {"H264", "VP9"}, {"AV1", "H265"}};
  for (const auto &c : cases) {
    Rig rig ({.audio = false, .video_codec = c.stream});
    Viewer viewer ({.audio = false, .video_codec = c.offered});
    Reply reply = rig.add_viewer (viewer.offer ());
    fail_unless_equals_int (reply.wait_status (), 406);
    const std::string expected = std::string ("the stream is ") + c.stream
        + ", the offer has " + c.offered;
    fail_unless (reply.text ("message").find (expected) != std::string::npos,
        "%s", reply.text ("message").c_str ());
  }
  Rig rig ({.video = false, .audio_codec = "G722"});
  Viewer viewer ({.video = false, .audio_codec = "OPUS"});
  fail_unless_equals_int (rig.add_viewer (viewer.offer ()).wait_status (), 406);
}
GST_END_TEST;

// Its viewers end with a reason, and are welcome again as viewers of the new one.
GST_START_TEST (test_stream_of_another_codec)
{
  Rig rig;
  Viewer both, audio ({.video = false});
  both.join (rig);
  audio.join (rig);
  both.wait_media ();
  audio.wait_media ();
  rig.stop_feed ();
  rig.push_caps (Media::video, "H264"); // no change
  rig.push_caps (Media::video, "VP8");
  wait_until ("the end of the viewer that had the video",
      [&] { return rig.saw ("removed", both.id ()); });
  const std::string reason = rig.reason_of_removal (both.id ());
  fail_unless (reason == "the stream's video is VP8 now, it was H264", "%s",
      reason.c_str ());
  both.wait_closed ();
  fail_if (rig.saw ("removed", audio.id ()));

  for (const auto &packet : recorded::load ("vp8-ffmpeg").packets)
    rig.push (Media::video, packet);
  Viewer again ({.video_codec = "VP8"}), old;
  again.join (rig);
  fail_unless_equals_int (rig.add_viewer (old.offer ()).wait_status (), 406);
}
GST_END_TEST;

GST_START_TEST (test_b_frames_are_warned_of)
{
  Rig rig ({.audio = false, .feed = false});
  for (const auto &packet : recorded::load ("h264-b-frames").packets)
    rig.push (Media::video, packet);
  auto message = rig.wait_message (GST_MESSAGE_WARNING);
  GError *error = nullptr;
  gst_message_parse_warning (message.get (), &error, nullptr);
  fail_unless (strstr (error->message, "-bf 0"), "%s", error->message);
  g_error_free (error);
  Owned<GstStructure> stats = rig.stats ();
  const GstStructure *video =
      gst_value_get_structure (gst_structure_get_value (stats.get (), "video"));
  gboolean b_frames = FALSE;
  fail_unless (gst_structure_get_boolean (video, "b-frames", &b_frames));
  fail_unless (b_frames);
}
GST_END_TEST;

// A stream without keyframes: the viewer is connected, gets nothing, and it is told why.
GST_START_TEST (test_stream_without_keyframes)
{
  Rig rig ({.audio = false, .feed = false});
  std::vector<std::uint8_t> packet = {0x80, 102, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4,
      0x41, 0x9a, 0, 0};
  std::uint16_t sequence = 0;
  auto slice = [&] {
    packet[2] = static_cast<std::uint8_t> (sequence >> 8);
    packet[3] = static_cast<std::uint8_t> (sequence);
    packet[5] = static_cast<std::uint8_t> (sequence >> 5);
    packet[6] = static_cast<std::uint8_t> (sequence << 3);
    sequence++;
    rig.push (Media::video, packet);
  };
  slice ();
  Viewer viewer ({.audio = false});
  viewer.join (rig);
  wait_until ("the connection", [&] { return viewer.connected (); });
  wait_until ("that it is told", [&] {
    slice ();
    Owned<GstStructure> stats = rig.stats ();
    const GstStructure *video = gst_value_get_structure (
        gst_structure_get_value (stats.get (), "video"));
    gboolean waiting = FALSE;
    gst_structure_get_boolean (video, "waiting-for-keyframe", &waiting);
    return waiting;
  });
  auto message = rig.wait_message (GST_MESSAGE_ELEMENT);
  const GstStructure *s = gst_message_get_structure (message.get ());
  gboolean waiting = FALSE;
  fail_unless (gst_structure_has_name (s, "GstRtpRestreamSinkKeyframe"));
  fail_unless (gst_structure_get_boolean (s, "waiting", &waiting) && waiting);
  rig.wait_message (GST_MESSAGE_WARNING);
  wait_until ("the viewer's state", [&] {
    return flag (stats_of (rig, viewer.id ()), "waiting-for-keyframe");
  });
  fail_unless_equals_uint64 (viewer.counter (Media::video).packets (), 0);

  // And then there is one.
  packet[12] = 0x65;
  slice ();
  packet[12] = 0x41;
  slice ();
  message = rig.wait_message (GST_MESSAGE_ELEMENT);
  s = gst_message_get_structure (message.get ());
  fail_unless (gst_structure_get_boolean (s, "waiting", &waiting) && !waiting);
  wait_until ("a picture", [&] {
    slice ();
    return viewer.counter (Media::video).packets () > 2;
  });
  fail_if (flag (stats_of (rig, viewer.id ()), "waiting-for-keyframe"));
}
GST_END_TEST;

static Suite *
rtprestreamsink_codecs_suite ()
{
  Suite *s = suite_create ("rtprestreamsink-codecs");
  TCase *tc = tcase_create ("codecs");
  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 150);
  add_viewer_fixtures (tc);
  tcase_add_test (tc, test_every_codec);
  tcase_add_test (tc, test_refusal_names_both_codecs);
  tcase_add_test (tc, test_stream_of_another_codec);
  tcase_add_test (tc, test_b_frames_are_warned_of);
  tcase_add_test (tc, test_stream_without_keyframes);
  return s;
}

GST_CHECK_MAIN (rtprestreamsink_codecs)
