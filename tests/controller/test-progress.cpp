// SPDX-License-Identifier: LGPL-2.1-or-later
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
  g_assert_cmpfloat_with_epsilon (tracker.at (121 * G_USEC_PER_SEC).fps, 10, 0.01);
  g_assert_cmpfloat_with_epsilon (tracker.at (121 * G_USEC_PER_SEC).bitrate_kbit, 1024, 0.01);
  g_assert_cmpint (tracker.last_growth_us (), ==, 121 * G_USEC_PER_SEC);
  g_assert_false (tracker.add_line ("hello", 1));
  // Nothing grows: no growth is told.
  tracker.add_line (line, 200 * G_USEC_PER_SEC);
  g_assert_cmpint (tracker.last_growth_us (), ==, 121 * G_USEC_PER_SEC);
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
  g_test_add_func ("/process-log/splits", splits_lines);
  g_test_add_func ("/process-log/bounds", bounds_lines_and_mends_bytes);
  g_test_add_func ("/process-log/ring", log_is_bounded);
  return g_test_run ();
}
