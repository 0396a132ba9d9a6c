// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/log.h"
#include "controller/process/probe.h"
#include "tests/controller/process-fixture.h"

#include <csignal>
#include <cstring>

using namespace restream;

namespace {

std::shared_ptr<FfmpegProcess>
make (const std::string &binary = fake_ffmpeg)
{
  return std::make_shared<FfmpegProcess> ("p",
      FfmpegSettings{.binary = binary,
          .stop_timeout_ms = kShortStopMs,
          .log_lines = 20});
}

bool
log_has (const FfmpegProcess &process, const char *text)
{
  for (const LogLine &line : process.log ().current ().lines)
    if (line.text.find (text) != std::string::npos)
      return true;
  return false;
}

void
stop (FfmpegProcess &process)
{
  bool stopped = false;
  process.stop ([&] { stopped = true; });
  wait_until ([&] { return stopped; });
  g_assert_false (process.running ());
  g_assert_cmpint (process.pid (), ==, 0);
}

bool
alive (pid_t pid)
{
  return kill (pid, 0) == 0;
}

void
runs_and_stops ()
{
  auto process = make ();
  g_assert_true (process->state () == ExecState::finished);
  process->start ({{"run"}});
  g_assert_true (process->state () == ExecState::running);
  wait_until ([&] { return process->progress ().frame >= 3; });
  g_assert_cmpuint (process->memory_bytes (), >, 0);
  g_assert_true (log_has (*process, "fake ffmpeg: run"));
  pid_t pid = process->pid ();
  process->stop (nullptr);
  g_assert_true (process->state () == ExecState::finishing);
  stop (*process);
  g_assert_true (process->state () == ExecState::finished); // exit code 255
  g_assert_false (alive (pid));
  g_assert_true (log_has (*process, "Exiting normally"));
  // Statistics are no log.
  g_assert_false (log_has (*process, "frame="));
}

void
ends_by_itself ()
{
  struct
  {
    const char *how;
    ExecState state;
  } const cases[] = {{"exit:0", ExecState::finished},
      {"exit:255", ExecState::finished}, {"exit:1", ExecState::failed},
      {"crash", ExecState::killed}};
  for (const auto &c : cases) {
    auto process = make ();
    process->start ({{c.how}});
    wait_until ([&] { return !process->running (); });
    g_assert_cmpstr (name_of (process->state ()), ==, name_of (c.state));
    g_assert_cmpint (process->reconnect_seconds (), ==, -1);
    g_assert_true (log_has (*process, c.how));
  }
}

void
ignored_interrupt_is_killed ()
{
  auto process = make ();
  process->start ({{"ignore"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  stop (*process);
  g_assert_true (process->state () == ExecState::killed);
}

void
cannot_be_run ()
{
  for (const char *binary :
      {"/does/not/exist", "no-such-program-anywhere", "/etc/passwd", "/"}) {
    auto process = make (binary);
    process->start ({{"run"}, true, 60000});
    g_assert_true (process->state () == ExecState::failed);
    g_assert_cmpuint (process->log ().current ().lines.size (), ==, 1);
    g_assert_true (log_has (*process, binary));
    g_assert_cmpint (process->reconnect_seconds (), ==, 60);
    stop (*process);
    g_assert_cmpint (process->reconnect_seconds (), ==, -1);
  }
}

void
reconnects_until_stopped ()
{
  auto process = make ();
  process->start ({{"exit:0"}, true, 100});
  std::size_t runs = 0;
  wait_until ([&] {
    runs = process->log ().history ().size ();
    return runs >= 3;
  });
  stop (*process);
  std::int64_t last = process->log ().current ().created_at_s;
  // Longer than the delay: nothing may start again.
  bool waited = false;
  Timer timer (nullptr, 400, [&] { return !(waited = true); });
  wait_until ([&] { return waited; });
  g_assert_cmpint (process->log ().current ().created_at_s, ==, last);
  g_assert_false (process->running ());
}

void
restart_brings_it_back ()
{
  auto process = make ();
  process->start ({{"run"}, true, 100});
  wait_until ([&] { return process->progress ().frame >= 1; });
  pid_t first = process->pid ();
  bool ended = false;
  process->restart ([&] { ended = true; });
  wait_until ([&] { return ended; });
  g_assert_true (process->reconnect_pending ());
  wait_until ([&] { return process->state () == ExecState::running; });
  g_assert_cmpint (process->pid (), !=, first);
  stop (*process);
  // Without reconnect it stays where it is.
  process->start ({{"run"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  ended = false;
  process->restart ([&] { ended = true; });
  wait_until ([&] { return ended; });
  g_assert_false (process->reconnect_pending ());
}

void
every_stop_is_answered ()
{
  auto process = make ();
  process->start ({{"run"}});
  int stopped = 0;
  for (int i = 0; i < 3; i++)
    process->stop ([&] { stopped++; });
  wait_until ([&] { return stopped == 3; });
  process->stop ([&] { stopped++; });
  g_assert_cmpint (stopped, ==, 4);
}

void
flood_is_bounded ()
{
  auto process = make ();
  process->start ({{"flood"}});
  // The flood goes on; the main loop still turns, and the log stays small.
  int ticks = 0;
  Timer timer (nullptr, 20, [&] {
    ticks++;
    return true;
  });
  wait_until ([&] { return ticks >= 20; });
  g_assert_cmpuint (process->log ().current ().lines.size (), ==, 20);
  g_assert_cmpuint (process->log ().current ().prelude.size (), ==, 151);
  stop (*process);
}

void
binary_output ()
{
  auto process = make ();
  process->start ({{"binary"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  g_assert_true (log_has (*process, "after"));
  for (const LogLine &line : process->log ().current ().lines) {
    g_assert_true (g_utf8_validate (line.text.data (),
        gssize (line.text.size ()), nullptr));
    g_assert_cmpuint (line.text.size (), <=, 3 * kMaxLogLineBytes);
  }
  stop (*process);
}

void
grandchildren_go_too ()
{
  auto process = make ();
  process->start ({{"fork"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  int child = 0;
  for (const LogLine &line : process->log ().current ().lines)
    sscanf (line.text.c_str (), "child %d", &child);
  g_assert_cmpint (child, >, 0);
  stop (*process);
  // Its new parent may take a moment to reap it.
  wait_until ([&] {
    Owned<char> path (g_strdup_printf ("/proc/%d/stat", child));
    Owned<char> text;
    bool exists =
        g_file_get_contents (path.get (), out (text), nullptr, nullptr);
    return !exists || strstr (text.get (), ") Z ");
  });
}

void
clean_environment ()
{
  int extra[2];
  g_assert_cmpint (pipe (extra), ==, 0); // inheritable on purpose
  auto process = make ();
  process->start ({{"inspect"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  g_assert_true (
      log_has (*process, "environment=0 descriptors=4 leader=1 null=1"));
  stop (*process);
  close (extra[0]);
  close (extra[1]);
}

void
destruction_kills ()
{
  auto process = make ();
  process->start ({{"ignore"}});
  wait_until ([&] { return process->progress ().frame >= 1; });
  pid_t pid = process->pid ();
  process.reset ();
  g_assert_false (alive (pid));
}

// Ends by itself for this reason, and comes back.
void
assert_ended (FfmpegCommand command, const char *reason)
{
  auto process = make ();
  command.reconnect = true;
  command.reconnect_delay_ms = 100;
  process->start (command);
  wait_until ([&] { return !process->log ().history ().empty (); });
  bool told = false;
  for (const LogLine &line : process->log ().history ()[0].lines)
    told = told || line.text.starts_with (reason);
  g_assert_true (told);
  stop (*process);
}

void
stale_is_ended ()
{
  assert_ended ({.arguments = {"stall"}, .stale_timeout_s = 2},
      "stale: no progress for 2 seconds");
}

void
progress_is_not_stale ()
{
  auto process = make ();
  process->start ({.arguments = {"run"}, .stale_timeout_s = 1});
  wait_until ([&] { return process->progress ().frame >= 25; });
  g_assert_true (process->state () == ExecState::running);
  stop (*process);
}

void
limits_end_it ()
{
  assert_ended ({.arguments = {"memory:64"}, .limits = {0, 32, 0}},
      "limit exceeded: memory");
  // The group's, not only the leader's.
  assert_ended ({.arguments = {"busy"}, .limits = {5, 0, 1}},
      "limit exceeded: CPU");
  auto process = make ();
  process->start ({.arguments = {"memory:16"}, .limits = {100, 4000, 0}});
  wait_until ([&] { return process->progress ().frame >= 15; });
  g_assert_true (process->state () == ExecState::running);
  g_assert_cmpuint (process->memory_bytes (), >, 16 << 20);
  stop (*process);
  g_assert_cmpuint (process->memory_bytes (), ==, 0);
}

void
flood_is_slowed_down ()
{
  auto process = make ();
  std::int64_t began_us = g_get_monotonic_time ();
  process->start ({{"flood"}});
  int ticks = 0;
  Timer timer (nullptr, 20, [&] {
    ticks++;
    return true;
  });
  wait_until ([&] { return ticks >= 50; });
  unsigned long lines = 0;
  for (const std::string &line : process->log ().current ().prelude)
    sscanf (line.c_str (), "... truncated %lu lines", &lines);
  g_assert_cmpuint (lines, >, 0);
  // 256 KiB, and at most a turn's 64 more, in each tenth of a second.
  auto periods = (g_get_monotonic_time () - began_us) / 100000 + 1;
  g_assert_cmpuint (lines
          * strlen ("flood flood flood flood flood flood flood "
                    "flood\n"),
      <=, std::uint64_t (periods) * 320 * 1024);
  stop (*process);
}

void
probe ()
{
  int answers = 0;
  ProbeResult result;
  auto done = [&] (const ProbeResult &r) {
    answers++;
    result = r;
  };
  {
    // Takes as long as it does; several may wait for it.
    Probe probe ("p", {.binary = fake_ffmpeg, .stop_timeout_ms = kShortStopMs},
        {"ignore"}, 500);
    probe.wait (done);
    probe.wait (done);
    wait_until ([&] { return answers == 2; });
    g_assert_cmpuint (result.streams.size (), ==, 0);
    g_assert_cmpstr (result.log[0].c_str (), ==, "fake ffmpeg: ignore");
    g_assert_cmpstr (result.log.back ().c_str (), ==,
        "ended, since it took too long");
  }
  {
    Probe probe ("p", {.binary = "/does/not/exist"}, {"x"});
    probe.wait (done);
    g_assert_cmpint (answers, ==, 3);
    g_assert_cmpuint (result.log.size (), ==, 1);
  }
  {
    Probe probe ("p", {.binary = fake_ffmpeg}, {"run"});
    probe.wait (done);
  }
  g_assert_cmpint (answers, ==, 4); // its end answers
}

void
real_probe ()
{
  Owned<char> path (g_find_program_in_path ("ffmpeg"));
  if (!path)
    return g_test_skip ("no ffmpeg");
  ProbeResult result;
  bool answered = false;
  Probe probe ("p", {.binary = "ffmpeg"},
      {"-f", "lavfi", "-i", "testsrc=size=320x240:rate=10", "-f", "lavfi", "-i",
          "sine=r=44100"});
  probe.wait ([&] (const ProbeResult &r) {
    answered = true;
    result = r;
  });
  wait_until ([&] { return answered; });
  g_assert_cmpuint (result.streams.size (), ==, 2);
  g_assert_cmpstr (result.streams[0].type.c_str (), ==, "video");
  g_assert_cmpuint (result.streams[0].width, ==, 320);
  g_assert_cmpuint (result.streams[1].index, ==, 1);
  g_assert_cmpuint (result.streams[1].sampling_hz, ==, 44100);
}

void
real_ffmpeg ()
{
  Owned<char> path (g_find_program_in_path ("ffmpeg"));
  if (!path)
    return g_test_skip ("no ffmpeg");
  auto process = make ("ffmpeg");
  process->start ({{"-re", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=25",
      "-f", "null", "-"}});
  wait_until ([&] { return process->progress ().frame >= 25; });
  g_assert_cmpfloat (process->progress ().fps, >, 0);
  g_assert_cmpfloat (process->progress ().time_s, >, 0);
  stop (*process);
  g_assert_true (process->state () == ExecState::finished);
  // As it was asked, without what we ask it for besides.
  g_assert_cmpstr (process->arguments ()[0].c_str (), ==, "-re");

  // Says nothing but its reports; they need no log.
  process->start ({{"-loglevel", "quiet", "-re", "-f", "lavfi", "-i",
      "testsrc=size=64x64:rate=25", "-f", "null", "-"}});
  wait_until ([&] { return process->progress ().frame >= 5; });
  g_assert_cmpuint (process->log ().current ().lines.size (), ==, 0);
  stop (*process);

  // Its user wants them elsewhere: from the statistics, then.
  process->start ({{"-progress", "/dev/null", "-re", "-f", "lavfi", "-i",
      "testsrc=size=64x64:rate=25", "-f", "null", "-"}});
  wait_until ([&] { return process->progress ().frame >= 5; });
  g_assert_false (log_has (*process, "frame="));
  stop (*process);

  process->start ({{"-re", "-f", "lavfi", "-i", "sine", "-c:a", "libopus", "-f",
      "ogg", "/dev/null", "-y"}});
  wait_until ([&] { return process->progress ().size_kb () >= 1; });
  g_assert_cmpuint (process->progress ().frame, ==, 0);
  g_assert_cmpfloat (process->progress ().time_s, >, 0);
  stop (*process);

  process->start ({{"-i", "/does/not/exist", "-f", "null", "-"}});
  wait_until ([&] { return !process->running (); });
  g_assert_true (process->state () == ExecState::failed);
  g_assert_true (log_has (*process, "No such file"));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  log_init (LogLevel::silent);
  g_assert_cmpint (argc, ==, 2);
  fake_ffmpeg = argv[1];
  g_test_add_func ("/ffmpeg-process/runs-and-stops", runs_and_stops);
  g_test_add_func ("/ffmpeg-process/ends-by-itself", ends_by_itself);
  g_test_add_func ("/ffmpeg-process/ignored-interrupt",
      ignored_interrupt_is_killed);
  g_test_add_func ("/ffmpeg-process/cannot-be-run", cannot_be_run);
  g_test_add_func ("/ffmpeg-process/reconnects", reconnects_until_stopped);
  g_test_add_func ("/ffmpeg-process/restart", restart_brings_it_back);
  g_test_add_func ("/ffmpeg-process/every-stop-answered",
      every_stop_is_answered);
  g_test_add_func ("/ffmpeg-process/flood", flood_is_bounded);
  g_test_add_func ("/ffmpeg-process/binary", binary_output);
  g_test_add_func ("/ffmpeg-process/grandchildren", grandchildren_go_too);
  g_test_add_func ("/ffmpeg-process/environment", clean_environment);
  g_test_add_func ("/ffmpeg-process/destruction", destruction_kills);
  g_test_add_func ("/ffmpeg-process/stale", stale_is_ended);
  g_test_add_func ("/ffmpeg-process/not-stale", progress_is_not_stale);
  g_test_add_func ("/ffmpeg-process/limits", limits_end_it);
  g_test_add_func ("/ffmpeg-process/flood-rate", flood_is_slowed_down);
  g_test_add_func ("/ffmpeg-process/probe", probe);
  g_test_add_func ("/ffmpeg-process/real-probe", real_probe);
  g_test_add_func ("/ffmpeg-process/real-ffmpeg", real_ffmpeg);
  return g_test_run ();
}
