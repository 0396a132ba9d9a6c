// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/log.h"
#include "tests/controller/process-fixture.h"

#include <csignal>

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
  g_test_add_func ("/ffmpeg-process/real-ffmpeg", real_ffmpeg);
  return g_test_run ();
}
