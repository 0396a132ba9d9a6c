// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/ffmpeg-process.h"

#include "controller/log.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace restream {

namespace {

constexpr int kReportFd = 3; // in the child

// Whether the program takes FFmpeg's options, and the command leaves the progress to us.
bool
takes_reports (const std::string &binary,
    const std::vector<std::string> &arguments)
{
  std::size_t slash = binary.rfind ('/');
  std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  return binary.find ("ffmpeg", name) != std::string::npos
      && std::find (arguments.begin (), arguments.end (), "-progress")
      == arguments.end ();
}

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
      sampler_ (settings_.sampler ? settings_.sampler
                                  : std::make_shared<UsageSampler> ()),
      state_since_us_ (g_get_monotonic_time ()),
      log_ (settings_.log_lines, settings_.log_history)
{
}

FfmpegProcess::~FfmpegProcess ()
{
  if (pid_ <= 0)
    return;
  pid_t pid = pid_;
  let_go ();
  kill (-pid, SIGKILL);
  // Killed, so this does not last.
  while (waitpid (pid, nullptr, 0) < 0 && errno == EINTR) {
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
  // Before the first sample, what the child itself has by now.
  return usage_.memory_bytes || pid_ <= 0 ? usage_.memory_bytes
                                          : resident_bytes (pid_);
}

Progress
FfmpegProcess::progress () const
{
  return progress_.at (g_get_monotonic_time ());
}

ProcessProgress
FfmpegProcess::stream_progress () const
{
  return progress_.at (g_get_monotonic_time (), prelude_);
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
FfmpegProcess::wait (Done done)
{
  if (pid_ <= 0)
    return done ();
  waiters_.push_back (std::move (done));
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
  state_counts_[state]++;
  if (settings_.state_totals)
    (*settings_.state_totals)[state]++;
}

void
FfmpegProcess::spawn ()
{
  log_.begin_run (wall_clock_s ());
  prelude_ = {};
  progress_ = {};
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
  arguments_ = command_.arguments;
  if (command_.appended)
    for (std::string &argument : command_.appended ())
      arguments_.push_back (std::move (argument));
  Owned<char> path (g_find_program_in_path (settings_.binary.c_str ()));
  if (!path)
    return Error{Code::internal,
        "cannot run " + settings_.binary + ": no such program"};
  const bool reports = takes_reports (settings_.binary, arguments_);
  std::vector<const char *> argv = {path.get ()};
  if (reports)
    argv.insert (argv.end (), {"-progress", "pipe:3"});
  for (const std::string &argument : arguments_)
    argv.push_back (argument.c_str ());
  argv.push_back (nullptr);
  const char *environment[] = {nullptr};
  int pipe[2] = {-1, -1};
  if (reports && pipe2 (pipe, O_CLOEXEC) != 0)
    return Error{Code::internal,
        std::string ("no pipe for the progress: ") + g_strerror (errno)};
  const int report_target = kReportFd;
  GPid pid = 0;
  int fd = -1;
  Owned<GError> error;
  // GLib closes every other descriptor in the child, and tells when exec fails.
  auto flags =
      GSpawnFlags (G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDIN_FROM_DEV_NULL
          | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_CLOEXEC_PIPES);
  bool ok = g_spawn_async_with_pipes_and_fds (nullptr, argv.data (),
      environment, flags, set_up_child, GINT_TO_POINTER (getpid ()), -1, -1, -1,
      &pipe[1], &report_target, reports ? 1 : 0, &pid, nullptr, nullptr, &fd,
      out (error));
  if (reports)
    close (pipe[1]);
  if (!ok) {
    if (reports)
      close (pipe[0]);
    return Error::from (error.get ());
  }
  // Also here: a signal to the group may come before the child has made it.
  setpgid (pid, pid);
  pid_ = pid;
  stderr_ = std::make_unique<LinePipe> (fd,
      [this] (std::string_view line) { add_line (line); });
  if (reports)
    reports_ =
        std::make_unique<LinePipe> (pipe[0], [this] (std::string_view line) {
          log_.end_prelude ();
          progress_.add_report_line (line, g_get_monotonic_time ());
        });

  child_watch_ = Ref<GSource>::adopt (g_child_watch_source_new (pid));
  GChildWatchFunc on_exit = +[] (GPid, gint status, gpointer data) {
    static_cast<FfmpegProcess *> (data)->child_exited (status);
  };
  g_source_set_callback (child_watch_.get (), G_SOURCE_FUNC (on_exit), this,
      nullptr);
  g_source_attach (child_watch_.get (), nullptr);

  watchdog_ = Watchdog (command_.limits, command_.stale_timeout_s,
      g_get_monotonic_time ());
  sampler_->watch (pid, [this] (const GroupUsage &usage) { on_usage (usage); });
  return {};
}

void
FfmpegProcess::on_usage (const GroupUsage &usage)
{
  usage_ = usage;
  if (state_ != ExecState::running)
    return;
  std::int64_t now_us = g_get_monotonic_time ();
  std::string reason = watchdog_.check (usage, progress_.last_growth_us (),
      !progress_.at (now_us).timed, now_us);
  if (reason.empty ())
    return;
  note (reason);
  log_event (G_LOG_LEVEL_WARNING, id_, reason + ", ending it");
  end_child (nullptr);
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

void
FfmpegProcess::add_line (std::string_view line)
{
  if (progress_.add_line (line, g_get_monotonic_time ())) {
    log_.end_prelude ();
    return;
  }
  prelude_.add_line (line);
  log_.add (line, wall_clock_s ());
}

// The child is no longer ours to watch.
void
FfmpegProcess::let_go ()
{
  g_source_destroy (child_watch_.get ());
  child_watch_.reset ();
  stderr_.reset ();
  reports_.reset ();
  sampler_->unwatch (pid_);
  usage_ = {};
  kill_timer_.cancel ();
  pid_ = 0;
}

void
FfmpegProcess::child_exited (int status)
{
  std::shared_ptr<FfmpegProcess> self =
      shared_from_this (); // a waiter may drop us
  stderr_->drain (); // first: a report ends the prelude
  if (reports_)
    reports_->drain ();
  // What FFmpeg itself had started goes with it. GLib has reaped the leader this
  // very moment, so its number cannot have come round again.
  kill (-pid_, SIGKILL);
  let_go ();

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
