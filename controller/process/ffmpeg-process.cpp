// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/ffmpeg-process.h"

#include "controller/log.h"

#include <glib-unix.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace restream {

namespace {

// A child that floods its log gets this much of the main loop's turn, at a priority
// below everything else; the full pipe then slows it down.
constexpr std::size_t kReadPerTurn = 64 * 1024;
constexpr int kReadPriority = G_PRIORITY_DEFAULT + 50;
// What is read of a dead child's pipe. A grandchild may hold its other end open.
constexpr std::size_t kReadAtExit = 1024 * 1024;

// Between fork and exec: async-signal-safe calls only.
void
set_up_child (gpointer data)
{
  auto parent = static_cast<pid_t> (GPOINTER_TO_INT (data));
  setpgid (0, 0);
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid () != parent)
    _exit (127); // the daemon died before the kernel knew whom to signal
}

} // namespace

const char *
name_of (ExecState state)
{
  switch (state) {
    case ExecState::finished:
      return "finished";
    case ExecState::starting:
      return "starting";
    case ExecState::running:
      return "running";
    case ExecState::finishing:
      return "finishing";
    case ExecState::failed:
      return "failed";
    case ExecState::killed:
      return "killed";
  }
  return "failed";
}

FfmpegProcess::FfmpegProcess (std::string id, FfmpegSettings settings)
    : id_ (std::move (id)), settings_ (std::move (settings)),
      state_since_us_ (g_get_monotonic_time ()),
      log_ (settings_.log_lines, settings_.log_history)
{
}

FfmpegProcess::~FfmpegProcess ()
{
  if (child_watch_)
    g_source_destroy (child_watch_.get ());
  close_stderr ();
  if (pid_ > 0) {
    kill (-pid_, SIGKILL);
    // Killed, so this does not last.
    while (waitpid (pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

bool
FfmpegProcess::running () const
{
  return state_ == ExecState::starting || state_ == ExecState::running
      || state_ == ExecState::finishing;
}

std::int64_t
FfmpegProcess::seconds_in_state () const
{
  return (g_get_monotonic_time () - state_since_us_) / G_USEC_PER_SEC;
}

std::int64_t
FfmpegProcess::reconnect_seconds () const
{
  if (!reconnect_timer_.active ())
    return -1;
  std::int64_t left = reconnect_at_us_ - g_get_monotonic_time ();
  return std::max<std::int64_t> (0,
      (left + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

std::uint64_t
FfmpegProcess::memory_bytes () const
{
  if (pid_ <= 0)
    return 0;
  std::string path = "/proc/" + std::to_string (pid_) + "/statm";
  Owned<char> text;
  if (!g_file_get_contents (path.c_str (), out (text), nullptr, nullptr))
    return 0; // gone meanwhile
  unsigned long long size = 0, resident = 0;
  if (sscanf (text.get (), "%llu %llu", &size, &resident) != 2)
    return 0;
  return resident * std::uint64_t (sysconf (_SC_PAGESIZE));
}

void
FfmpegProcess::start (FfmpegCommand command)
{
  g_return_if_fail (!running ());
  command_ = std::move (command);
  wanted_ = true;
  reconnect_timer_.cancel ();
  spawn ();
}

void
FfmpegProcess::stop (Done done)
{
  wanted_ = false;
  reconnect_timer_.cancel ();
  end_child (std::move (done));
}

void
FfmpegProcess::restart (Done done)
{
  end_child (std::move (done));
}

void
FfmpegProcess::refuse (const std::string &reason)
{
  g_return_if_fail (!running ());
  log_.begin_run (wall_clock_s ());
  log_.add (to_utf8 (reason), wall_clock_s ());
  set_state (ExecState::starting);
  set_state (ExecState::failed);
  log_event (G_LOG_LEVEL_WARNING, id_, "start refused: " + reason);
}

void
FfmpegProcess::note (const std::string &text)
{
  log_.add (to_utf8 (text), wall_clock_s ());
}

void
FfmpegProcess::set_state (ExecState state)
{
  if (state == state_)
    return;
  state_ = state;
  state_since_us_ = g_get_monotonic_time ();
}

void
FfmpegProcess::spawn ()
{
  log_.begin_run (wall_clock_s ());
  progress_.reset ();
  splitter_ = LineSplitter ();
  set_state (ExecState::starting);
  auto ok = try_spawn ();
  if (ok) {
    set_state (ExecState::running);
    log_event (G_LOG_LEVEL_INFO, id_, "started, pid " + std::to_string (pid_));
    return;
  }
  set_state (ExecState::failed);
  note (ok.error ().what);
  log_event (G_LOG_LEVEL_WARNING, id_, "start failed: " + ok.error ().what);
  schedule_reconnect ();
}

Result<void>
FfmpegProcess::try_spawn ()
{
  Owned<char> path (g_find_program_in_path (settings_.binary.c_str ()));
  if (!path)
    return Error{Code::internal,
        "cannot run " + settings_.binary + ": no such program"};
  std::vector<const char *> argv = {path.get ()};
  for (const std::string &argument : command_.arguments)
    argv.push_back (argument.c_str ());
  argv.push_back (nullptr);
  const char *environment[] = {nullptr};
  GPid pid = 0;
  int fd = -1;
  Owned<GError> error;
  // GLib closes every other descriptor in the child, and tells when exec fails.
  auto flags =
      GSpawnFlags (G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDIN_FROM_DEV_NULL
          | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_CLOEXEC_PIPES);
  if (!g_spawn_async_with_pipes_and_fds (nullptr, argv.data (), environment,
          flags, set_up_child, GINT_TO_POINTER (getpid ()), -1, -1, -1, nullptr,
          nullptr, 0, &pid, nullptr, nullptr, &fd, out (error)))
    return Error::from (error.get ());
  // Also here: a signal to the group may come before the child has made it.
  setpgid (pid, pid);
  pid_ = pid;
  stderr_fd_ = fd;
  g_unix_set_fd_nonblocking (fd, TRUE, nullptr);

  stderr_watch_ = Ref<GSource>::adopt (
      g_unix_fd_source_new (fd, GIOCondition (G_IO_IN | G_IO_HUP)));
  g_source_set_priority (stderr_watch_.get (), kReadPriority);
  GUnixFDSourceFunc on_readable =
      +[] (gint, GIOCondition, gpointer data) -> gboolean {
    return static_cast<FfmpegProcess *> (data)->read_stderr (kReadPerTurn);
  };
  g_source_set_callback (stderr_watch_.get (), G_SOURCE_FUNC (on_readable),
      this, nullptr);
  g_source_attach (stderr_watch_.get (), nullptr);

  child_watch_ = Ref<GSource>::adopt (g_child_watch_source_new (pid));
  GChildWatchFunc on_exit = +[] (GPid, gint status, gpointer data) {
    static_cast<FfmpegProcess *> (data)->child_exited (status);
  };
  g_source_set_callback (child_watch_.get (), G_SOURCE_FUNC (on_exit), this,
      nullptr);
  g_source_attach (child_watch_.get (), nullptr);
  return {};
}

void
FfmpegProcess::signal_group (int signal)
{
  // The group may already be empty of all but the zombie.
  if (pid_ > 0 && kill (-pid_, signal) != 0 && errno != ESRCH)
    log_event (G_LOG_LEVEL_WARNING, id_,
        std::string ("cannot signal: ") + g_strerror (errno));
}

void
FfmpegProcess::end_child (Done done)
{
  if (pid_ <= 0) {
    if (done)
      done ();
    return;
  }
  if (done)
    waiters_.push_back (std::move (done));
  if (state_ == ExecState::finishing)
    return; // under way
  set_state (ExecState::finishing);
  signal_group (SIGINT);
  kill_timer_ = Timer (nullptr, settings_.stop_timeout_ms, [this] {
    log_event (G_LOG_LEVEL_WARNING, id_,
        "does not react to SIGINT, killing it");
    signal_group (SIGKILL);
    return false;
  });
}

// Returns whether to go on watching.
bool
FfmpegProcess::read_stderr (std::size_t limit)
{
  static char buffer[16 * 1024];
  std::size_t total = 0;
  while (total < limit) {
    ssize_t n = read (stderr_fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return true;
    if (n <= 0)
      return false;
    total += std::size_t (n);
    splitter_.feed ({buffer, std::size_t (n)},
        [this] (std::string_view line) { add_line (line); });
  }
  return true;
}

void
FfmpegProcess::add_line (std::string_view line)
{
  if (progress_.add_line (line, g_get_monotonic_time ()))
    log_.end_prelude ();
  else
    log_.add (line, wall_clock_s ());
}

void
FfmpegProcess::close_stderr ()
{
  if (stderr_watch_)
    g_source_destroy (stderr_watch_.get ());
  stderr_watch_.reset ();
  if (stderr_fd_ >= 0)
    close (stderr_fd_);
  stderr_fd_ = -1;
}

void
FfmpegProcess::child_exited (int status)
{
  std::shared_ptr<FfmpegProcess> self =
      shared_from_this (); // a waiter may drop us
  read_stderr (kReadAtExit);
  splitter_.finish ([this] (std::string_view line) { add_line (line); });
  close_stderr ();
  // What FFmpeg itself had started goes with it. GLib has reaped the leader this
  // very moment, so its number cannot have come round again.
  kill (-pid_, SIGKILL);
  pid_ = 0;
  child_watch_.reset ();
  kill_timer_.cancel ();

  if (WIFSIGNALED (status)) {
    set_state (ExecState::killed);
    log_event (G_LOG_LEVEL_INFO, id_,
        "killed by signal " + std::to_string (WTERMSIG (status)));
  } else {
    int code = WEXITSTATUS (status);
    set_state (
        code == 0 || code == 255 ? ExecState::finished : ExecState::failed);
    if (state_ == ExecState::failed)
      log_event (G_LOG_LEVEL_WARNING, id_,
          "exited with code " + std::to_string (code) + ": "
              + log_.last_line ());
    else
      log_event (G_LOG_LEVEL_INFO, id_,
          "exited with code " + std::to_string (code));
  }
  schedule_reconnect ();
  for (Done &done : std::exchange (waiters_, {}))
    done ();
}

void
FfmpegProcess::schedule_reconnect ()
{
  if (!wanted_ || !command_.reconnect)
    return;
  // A delay of 0 must not become a busy loop of failing starts.
  std::uint64_t delay_ms =
      std::clamp<std::uint64_t> (command_.reconnect_delay_ms, 100, G_MAXINT);
  reconnect_at_us_ = g_get_monotonic_time () + std::int64_t (delay_ms) * 1000;
  reconnect_timer_ = Timer (nullptr, guint (delay_ms), [this] {
    spawn ();
    return false;
  });
}

} // namespace restream
