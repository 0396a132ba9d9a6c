// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/prelude.h"
#include "controller/process/process-log.h"
#include "controller/process/progress.h"

#include <cmath>

using namespace restream;

namespace {

#define assert_near(a, b) g_assert_cmpfloat_with_epsilon (a, b, 1e-6)

void
video_line ()
{
  auto p = parse_progress_line ("frame=  120 fps= 25 q=23.0 size=    2048kB "
                                "time=00:01:04.50 bitrate= 3495.3kbits/s "
                                "dup=3 drop=1 speed=1.01x",
      {});
  g_assert_true (p.has_value ());
  g_assert_cmpuint (p->frame, ==, 120);
  assert_near (p->fps, 25);
  assert_near (p->q, 23);
  g_assert_cmpuint (p->size_kb (), ==, 2048);
  assert_near (p->time_s, 64.5);
  assert_near (p->bitrate_kbit, 3495.3 * 1000 / 1024);
  g_assert_cmpuint (p->dup, ==, 3);
  g_assert_cmpuint (p->drop, ==, 1);
  assert_near (p->speed, 1.01);
}

void
last_line_and_several_q ()
{
  auto p =
      parse_progress_line ("frame=99999999 fps=0.0 q=-1.0 q=28.0 Lsize=N/A "
                           "time=-00:00:01.00 bitrate=N/A speed=N/A",
          {});
  g_assert_true (p.has_value ());
  g_assert_cmpuint (p->frame, ==, 99999999);
  assert_near (p->q, 28);
  g_assert_cmpuint (p->size_kb (), ==, 0);
  assert_near (p->time_s, -1);
}

void
audio_only_and_new_units ()
{
  auto p = parse_progress_line (
      "size=     312KiB time=00:00:19.92 bitrate= 128.3kbits/s speed=1x    ",
      {});
  g_assert_true (p.has_value ());
  g_assert_cmpuint (p->size_kb (), ==, 312);
  assert_near (p->time_s, 19.92);
  assert_near (p->speed, 1);
  // FFmpeg 7 also tells the elapsed time.
  p = parse_progress_line ("frame=  1 fps=0.0 q=0.0 size=       0KiB "
                           "time=00:00:00.04 bitrate=   9.6kbits/s "
                           "speed=0.08x elapsed=0:00:00.50",
      {});
  g_assert_true (p.has_value ());
  assert_near (p->time_s, 0.04);
}

void
other_lines_are_none ()
{
  for (const char *line : {"", "frame=", "size=",
           "Press [q] to stop, [?] for help", "frame= 1", "frame=time",
           "  Stream #0:0: Video: h264, time=1", "x size=1kB time=00:00:01.00"})
    g_assert_false (parse_progress_line (line, {}).has_value ());
}

void
bad_numbers_keep_what_was ()
{
  Progress base;
  base.frame = 7;
  base.time_s = 5;
  auto p = parse_progress_line (
      "frame= -3 fps=nan q=inf size=1e99kB time=99:99 speed= bitrate=-", base);
  g_assert_true (p.has_value ());
  g_assert_cmpuint (p->frame, ==, 7);
  g_assert_cmpuint (p->size_kb (), ==, 0);
  assert_near (p->time_s, 5);
  g_assert_true (std::isfinite (p->fps) && std::isfinite (p->q));
}

void
tracker_has_a_sliding_mean ()
{
  ProgressTracker tracker;
  char line[128];
  // 50 fps for a minute, then 10 fps for a minute.
  std::int64_t frame = 0;
  for (int s = 0; s <= 120; s++) {
    frame += s <= 60 ? 50 : 10;
    g_snprintf (line, sizeof line,
        "frame=%" G_GINT64_FORMAT " fps=1 q=1 size=%dkB time=00:00:%02d.00",
        frame, s * 128, s % 60);
    g_assert_true (
        tracker.add_line (line, std::int64_t (s + 1) * G_USEC_PER_SEC));
  }
  g_assert_cmpfloat_with_epsilon (tracker.at (121 * G_USEC_PER_SEC).fps, 10,
      0.01);
  g_assert_cmpfloat_with_epsilon (
      tracker.at (121 * G_USEC_PER_SEC).bitrate_kbit, 1024, 0.01);
  g_assert_cmpint (tracker.last_growth_us (), ==, 121 * G_USEC_PER_SEC);
  g_assert_false (tracker.add_line ("hello", 1));
  // Nothing grows: no growth is told.
  tracker.add_line (line, 200 * G_USEC_PER_SEC);
  g_assert_cmpint (tracker.last_growth_us (), ==, 121 * G_USEC_PER_SEC);
}

void
feed_reports (ProgressTracker &tracker, std::string text, std::int64_t at_s)
{
  LineSplitter splitter;
  auto sink = [&] (std::string_view line) {
    tracker.add_report_line (line, at_s * G_USEC_PER_SEC);
  };
  splitter.feed (text, sink);
  splitter.finish (sink);
}

void
reports ()
{
  ProgressTracker tracker;
  feed_reports (tracker,
      "frame=26\nfps=25.53\nstream_0_1_q=28.0\nstream_1_0_q=-0.0\n"
      "bitrate=   0.3kbits/s\ntotal_size=36000\nout_time_us=1040000\n"
      "out_time_ms=1040000\nout_time=00:00:01.040000\ndup_frames=2\n"
      "drop_frames=3\nspeed=1.02x\n",
      10);
  // Not before the report is complete.
  g_assert_cmpuint (tracker.at (10 * G_USEC_PER_SEC).frame, ==, 0);
  g_assert_cmpint (tracker.last_growth_us (), ==, 0);
  feed_reports (tracker, "progress=continue\n", 10);
  Progress p = tracker.at (10 * G_USEC_PER_SEC);
  g_assert_cmpuint (p.frame, ==, 26);
  assert_near (p.fps, 25.53);
  assert_near (p.q, 28);
  g_assert_cmpuint (p.size_bytes, ==, 36000);
  g_assert_true (p.timed);
  assert_near (p.time_s, 1.04);
  g_assert_cmpuint (p.dup, ==, 2);
  g_assert_cmpuint (p.drop, ==, 3);
  assert_near (p.speed, 1.02);
  g_assert_cmpint (tracker.last_growth_us (), ==, 10 * G_USEC_PER_SEC);
  // The statistics on stderr say the same, later and less exactly.
  g_assert_true (tracker.add_line (
      "frame=   99 fps=0.0 q=0.0 size=       1kB time=00:00:00.04 speed=1x",
      11 * G_USEC_PER_SEC));
  g_assert_cmpuint (tracker.at (11 * G_USEC_PER_SEC).frame, ==, 26);
  // What is no number changes nothing, and nothing grows by it.
  feed_reports (tracker,
      "frame=x\ntotal_size=N/A\nout_time_us=N/A\nspeed=N/A\nstream_9=1\n"
      "stream_1_2_x=4\n=\nprogress\nfps=inf\nprogress=continue\n",
      12);
  g_assert_cmpuint (tracker.at (12 * G_USEC_PER_SEC).frame, ==, 26);
  g_assert_cmpint (tracker.last_growth_us (), ==, 10 * G_USEC_PER_SEC);
  // Audio only: no frames, but time.
  feed_reports (tracker, "out_time_us=2000000\nprogress=continue\n", 13);
  g_assert_cmpint (tracker.last_growth_us (), ==, 13 * G_USEC_PER_SEC);
}

void
means_fall_in_a_stall ()
{
  ProgressTracker tracker;
  for (int s = 0; s <= 20; s++)
    feed_reports (tracker,
        "frame=" + std::to_string (25 * s) + "\nprogress=continue\n", 100 + s);
  assert_near (tracker.at (120 * G_USEC_PER_SEC).fps, 25);
  // 500 frames in 20 s and then nothing for 10.
  double stalled = tracker.at (130 * G_USEC_PER_SEC).fps;
  g_assert_cmpfloat (stalled, <, 20);
  g_assert_cmpfloat (stalled, >, 10);
  g_assert_cmpfloat (tracker.at (151 * G_USEC_PER_SEC).fps, ==, 0);
}

// As FFmpeg 5.1 wrote it.
constexpr const char *kPrelude = R"(
Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'it's.mp4':
  Metadata:
    major_brand     : isom
    title           : Stream #0:7: Video: evil
    Stream #0:8: Video: evil
  Duration: 00:01:01.28, start: 0.000000, bitrate: 97 kb/s
  Stream #0:0[0x1](und): Video: h264 (High 4:4:4 Predictive) (avc1 / 0x31637661), yuv444p(tv, bt709, progressive), 640x360 [SAR 1:1 DAR 16:9], 16 kb/s, 29.97 fps, 29.97 tbr, 12800 tbn (default)
    Metadata:
      handler_name    : VideoHandler
  Stream #0:1[0x2](ger): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1(side), fltp, 66 kb/s (default)
  Stream #0:2: Data: bin_data (text / 0x74786574), 0 kb/s
  Stream #0:3(eng): Subtitle: mov_text (tx3g / 0x67337874)
Input #1, lavfi, from 'sine=r=44100':
  Duration: N/A, start: 0.000000, bitrate: 705 kb/s
  Stream #1:0: Audio: pcm_s16le, 44100 Hz, mono, s16, 705 kb/s
Stream mapping:
  Stream #0:0 (h264) -> scale:default
  Stream #0:1 -> #0:0 (aac (native) -> opus (libopus))
  Stream #0:1 -> #1:0 (copy)
  scale:default -> Stream #1:1 (libx264)
  Stream #1:0 -> #1:2 (pcm_s16le (native) -> aac (native))
Press [q] to stop, [?] for help
[libx264 @ 0x557a9250d500] using SAR=1/1
Output #1, null, to 'pipe:':
  Metadata:
    encoder         : Lavf59.27.100
  Stream #1:0(ger): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1(side), fltp, 66 kb/s (default)
  Stream #1:1: Video: h264, yuv420p(tv, progressive), 32x32 [SAR 1:1 DAR 1:1], q=2-31, 25 fps, 90k tbn
  Stream #1:2: Audio: aac (LC), 44100 Hz, mono, fltp, 69 kb/s
Output #0, rtp, to 'udp://127.0.0.1:45690':
  Stream #0:0: Audio: opus, 48000 Hz, stereo, s16, 64 kb/s
)";

Prelude
prelude_of (const char *text, const std::string &prefix = "")
{
  Prelude prelude;
  LineSplitter splitter;
  splitter.feed (text, [&] (std::string_view line) {
    prelude.add_line (prefix + std::string (line));
  });
  return prelude;
}

void
prelude ()
{
  for (const char *prefix : {"", "[info] "}) {
    Prelude p = prelude_of (kPrelude, prefix);
    const auto &in = p.inputs (), &out = p.outputs ();
    g_assert_cmpuint (in.size (), ==, 4);
    g_assert_cmpstr (in[0].address.c_str (), ==, "it's.mp4");
    g_assert_cmpstr (in[0].format.c_str (), ==, "mov,mp4,m4a,3gp,3g2,mj2");
    g_assert_cmpstr (in[0].type.c_str (), ==, "video");
    g_assert_cmpstr (in[0].language.c_str (), ==, "und");
    g_assert_cmpstr (in[0].codec.c_str (), ==, "h264");
    g_assert_cmpstr (in[0].coder.c_str (), ==, "h264");
    g_assert_cmpstr (in[0].pix_fmt.c_str (), ==, "yuv444p");
    g_assert_cmpuint (in[0].width, ==, 640);
    g_assert_cmpuint (in[0].height, ==, 360);
    assert_near (in[0].fps, 29.97);
    assert_near (in[0].bitrate_kbps, 16);
    assert_near (in[0].duration_s, 61.28);
    g_assert_cmpstr (in[1].language.c_str (), ==, "ger");
    g_assert_cmpstr (in[1].layout.c_str (), ==, "5.1(side)");
    g_assert_cmpuint (in[1].channels, ==, 6);
    g_assert_cmpuint (in[1].sampling_hz, ==, 44100);
    g_assert_cmpstr (in[1].coder.c_str (), ==, "aac"); // decoded, and copied
    g_assert_cmpstr (in[2].type.c_str (), ==, "subtitle");
    g_assert_cmpuint (in[2].stream, ==, 3);
    g_assert_cmpuint (in[3].index, ==, 1);
    g_assert_cmpuint (in[3].channels, ==, 1);
    assert_near (in[3].duration_s, 0);
    g_assert_cmpuint (out.size (), ==, 4);
    g_assert_cmpstr (out[0].coder.c_str (), ==, "copy");
    g_assert_cmpstr (out[1].coder.c_str (), ==, "libx264");
    g_assert_cmpstr (out[1].codec.c_str (), ==, "h264");
    g_assert_cmpstr (out[2].coder.c_str (), ==, "aac");
    g_assert_cmpstr (out[3].coder.c_str (), ==, "libopus");
    g_assert_cmpstr (out[3].address.c_str (), ==, "udp://127.0.0.1:45690");
  }
}

void
odd_preludes ()
{
  for (const char *text : {"Input #0, x\n  Stream #0:0: Video: h264\n",
           "Input #x, a, from 'b':\n  Stream #0:0: Video: h264\n",
           "  Stream #0:0: Video: h264\n",
           "Input #0, a, from 'b':\n  Stream #0: Video: x\n  Stream #:\n"
           "  Stream #9999999999:0: Video: x\n  Stream #0:0[: Video: x\n"
           "  Stream #0:0(: Audio: x\n  Stream #0:0: Video:\n"
           "Stream mapping:\n  Stream #0:0 -> #0:0 (\n  -> Stream #0:0\n",
           "Output #0, a, to '\n  Stream\n"}) {
    Prelude p = prelude_of (text);
    g_assert_cmpuint (p.inputs ().size () + p.outputs ().size (), ==, 0);
  }
  Prelude p =
      prelude_of ("Input #0, a, from 'b':\n  Stream #0:0: Video: ,, 0x, xx5\n"
                  "  Stream #0:1: Audio: (, 1 Hz\n");
  g_assert_cmpuint (p.inputs ().size (), ==, 2);
  std::string many = "Input #0, a, from 'b':\n";
  for (int i = 0; i < 1000; i++)
    many += "  Stream #0:" + std::to_string (i) + ": Audio: opus\n";
  p = prelude_of (many.c_str ());
  g_assert_cmpuint (p.inputs ().size (), ==, Prelude::kMaxStreams);
}

void
progress_by_streams ()
{
  ProgressTracker tracker;
  feed_reports (tracker,
      "frame=50\nfps=25\nstream_1_1_q=23.0\ntotal_size=20480\n"
      "out_time_us=2000000\nprogress=continue\n",
      10);
  ProcessProgress progress =
      tracker.at (10 * G_USEC_PER_SEC, prelude_of (kPrelude));
  g_assert_cmpuint (progress.inputs.size (), ==, 4);
  const auto &out = progress.outputs;
  g_assert_cmpuint (out.size (), ==, 4);
  // By output and stream, not as they got ready.
  g_assert_cmpuint (out[0].info.index, ==, 0);
  g_assert_cmpuint (out[0].size_kb, ==, 20);
  g_assert_cmpuint (out[2].info.stream, ==, 1);
  g_assert_cmpuint (out[2].frame, ==, 50);
  assert_near (out[2].q, 23);
  g_assert_cmpuint (out[1].frame + out[3].frame, ==, 0);
  JsonWriter json;
  progress.write (json);
  std::string text = json.take ();
  auto root = parse_json (text);
  g_assert_true (root.has_value ());
  JsonObject *object = json_node_get_object (root->get ());
  for (const char *side : {"inputs", "outputs"}) {
    JsonArray *list = json_object_get_array_member (object, side);
    for (guint i = 0; i < json_array_get_length (list); i++)
      for (const char *name :
          {"id", "address", "format", "type", "codec", "coder", "fps", "frame",
              "index", "stream", "packet", "pps", "size_kb", "bitrate_kbit"}) {
        JsonNode *node = json_object_get_member (
            json_array_get_object_element (list, i), name);
        g_assert_true (node && !JSON_NODE_HOLDS_NULL (node));
      }
  }
}

std::vector<std::string>
split (const std::vector<std::string> &chunks)
{
  std::vector<std::string> lines;
  LineSplitter splitter;
  auto sink = [&] (std::string_view line) { lines.emplace_back (line); };
  for (const std::string &chunk : chunks)
    splitter.feed (chunk, sink);
  splitter.finish (sink);
  return lines;
}

void
splits_lines ()
{
  g_assert_true (split ({"a\rb\r\n", "\n\nc", "d\n", "e"})
      == std::vector<std::string> ({"a", "b", "cd", "e"}));
}

void
bounds_lines_and_mends_bytes ()
{
  auto lines = split ({std::string (100000, 'x') + "\n", "y\n"});
  g_assert_cmpuint (lines.size (), ==, 2);
  g_assert_cmpuint (lines[0].size (), ==, kMaxLogLineBytes);
  g_assert_cmpstr (lines[1].c_str (), ==, "y");
  lines = split ({std::string ("a\xff\0b\xc3\xa4\n", 7)});
  g_assert_cmpuint (lines.size (), ==, 1);
  g_assert_true (
      g_utf8_validate (lines[0].c_str (), gssize (lines[0].size ()), nullptr));
  g_assert_nonnull (strstr (lines[0].c_str (), "\xc3\xa4"));
}

void
log_is_bounded ()
{
  ProcessLog log (10, 2);
  for (int run = 0; run < 4; run++) {
    log.begin_run (1000 + run);
    for (int i = 0; i < 200; i++)
      log.add ("line " + std::to_string (i), i);
    log.end_prelude ();
    log.add ("after", 999);
  }
  RunLog current = log.current ();
  g_assert_cmpint (current.created_at_s, ==, 1003);
  g_assert_cmpuint (current.prelude.size (), ==, 151);
  g_assert_cmpstr (current.prelude[99].c_str (), ==, "line 99");
  g_assert_cmpstr (current.prelude[100].c_str (), ==,
      "... truncated 50 lines ...");
  g_assert_cmpstr (current.prelude[150].c_str (), ==, "line 199");
  g_assert_cmpuint (current.lines.size (), ==, 10);
  g_assert_cmpstr (current.lines[9].text.c_str (), ==, "after");
  g_assert_cmpuint (log.history ().size (), ==, 2);
  g_assert_cmpint (log.history ()[0].created_at_s, ==, 1001);
  g_assert_cmpstr (log.last_line ().c_str (), ==, "after");
  // A run that said nothing leaves no history.
  log.begin_run (2000);
  log.begin_run (2001);
  g_assert_cmpint (log.history ().back ().created_at_s, ==, 1003);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/progress/video", video_line);
  g_test_add_func ("/progress/last-line", last_line_and_several_q);
  g_test_add_func ("/progress/audio-only", audio_only_and_new_units);
  g_test_add_func ("/progress/other-lines", other_lines_are_none);
  g_test_add_func ("/progress/bad-numbers", bad_numbers_keep_what_was);
  g_test_add_func ("/progress/sliding-mean", tracker_has_a_sliding_mean);
  g_test_add_func ("/progress/reports", reports);
  g_test_add_func ("/progress/stall", means_fall_in_a_stall);
  g_test_add_func ("/progress/by-streams", progress_by_streams);
  g_test_add_func ("/prelude/all", prelude);
  g_test_add_func ("/prelude/odd", odd_preludes);
  g_test_add_func ("/process-log/splits", splits_lines);
  g_test_add_func ("/process-log/bounds", bounds_lines_and_mends_bytes);
  g_test_add_func ("/process-log/ring", log_is_bounded);
  return g_test_run ();
}
