// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"
#include "controller/process/line-pipe.h"
#include "controller/process/process-config.h"
#include "controller/process/process-log.h"
#include "controller/process/progress.h"
#include "controller/process/usage-sampler.h"
#include "controller/process/watchdog.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace restream {

// As the log and the API tell times.
inline std::int64_t
wall_clock_s ()
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

// The state of the child, apart from what was ordered.
//
//   finished  → starting                            (also the first state)
//   starting  → running | failed
//   running   → finishing | finished | failed | killed
//   finishing → finished | failed | killed
//   failed    → starting
//   killed    → starting
//
// finished: exit code 0 or 255 (FFmpeg after SIGINT); failed: any other code, or no
// start at all; killed: by a signal.
enum class ExecState
{
  finished = 1,
  starting,
  running,
  finishing,
  failed,
  killed
};

const char *name_of (ExecState state);

// How often each state was entered.
using StateCounts = std::map<ExecState, std::uint64_t>;

struct FfmpegSettings
{
  std::string binary =
      "ffmpeg"; // a path, or a name looked up in PATH at each start
  unsigned stop_timeout_ms = 5000; // from SIGINT to SIGKILL
  std::size_t log_lines = 50;
  std::size_t log_history = 3;
  // Shared by the processes; null = one of its own.
  std::shared_ptr<UsageSampler> sampler;
  // Counts the states of all processes; may be null.
  std::shared_ptr<StateCounts> state_totals;
};

// One run's worth of orders.
struct FfmpegCommand
{
  std::vector<std::string> arguments; // without the binary
  bool reconnect = false;
  std::uint64_t reconnect_delay_ms = 0;
  std::uint64_t stale_timeout_s = 0; // 0 = never
  ProcessLimits limits;
  // What comes behind the arguments, asked for before each run; may be null.
  std::function<std::vector<std::string> ()> appended;
};

// One supervised FFmpeg: started again after every end while it is wanted and its
// command says so. The child has a process group of its own, an empty environment
// and /dev/null for input and output, and dies with the daemon. FFmpeg is asked for its progress on a pipe
// besides, which its arguments do not show. Thread: main.
class FfmpegProcess : public std::enable_shared_from_this<FfmpegProcess>
{
public:
  using Done = std::function<void ()>;

  FfmpegProcess (std::string id, FfmpegSettings settings);
  ~FfmpegProcess (); // a child that still runs is killed
  FfmpegProcess (const FfmpegProcess &) = delete;
  FfmpegProcess &operator= (const FfmpegProcess &) = delete;

  // Wanted from now on. Failing to start shows in state and log. Must not be
  // called while it runs.
  void start (FfmpegCommand command);
  // Not wanted any more: SIGINT to the group, SIGKILL after the timeout. done is
  // called when the child is gone, at once if there is none.
  void stop (Done done);
  // Ends the child as stop() does, but leaves it wanted: the reconnect brings it
  // back. done is called when the child is gone.
  void restart (Done done);
  // done is called when the child is gone, at once if there is none.
  void wait (Done done);
  // The start was refused before it came to FFmpeg: state failed, and the reason
  // in the log.
  void refuse (const std::string &reason);
  // A line of the supervisor's own in the process's log.
  void note (const std::string &text);

  ExecState state () const { return state_; }
  const StateCounts &state_counts () const { return state_counts_; }
  bool running () const; // starting, running or finishing
  bool reconnect_pending () const { return reconnect_timer_.active (); }
  std::int64_t seconds_in_state () const;
  std::int64_t reconnect_seconds () const; // -1 = none pending
  // Of the last run.
  const std::vector<std::string> &arguments () const { return arguments_; }
  Progress progress () const;
  // The same by streams, whose ids it does not know.
  ProcessProgress stream_progress () const;
  const Prelude &prelude () const { return prelude_; }
  ProcessLog &log () { return log_; }
  const ProcessLog &log () const { return log_; }
  pid_t pid () const { return pid_; } // 0 = no child
  // Of its whole group in the last second; 0 when it does not run.
  std::uint64_t memory_bytes () const;
  double cpu_usage () const { return usage_.cpu_percent; } // 100 = all cores

private:
  void spawn ();
  Result<void> try_spawn ();
  void set_state (ExecState state);
  void end_child (Done done);
  void signal_group (int signal);
  void add_line (std::string_view line);
  void on_usage (const GroupUsage &usage);
  void child_exited (int status);
  void let_go ();
  void schedule_reconnect ();

  const std::string id_;
  const FfmpegSettings settings_;
  const std::shared_ptr<UsageSampler> sampler_;
  FfmpegCommand command_;
  std::vector<std::string> arguments_;
  ExecState state_ = ExecState::finished;
  StateCounts state_counts_;
  std::int64_t state_since_us_;
  bool wanted_ = false;
  pid_t pid_ = 0;
  std::unique_ptr<LinePipe> stderr_, reports_;
  Ref<GSource> child_watch_;
  Timer kill_timer_, reconnect_timer_;
  std::int64_t reconnect_at_us_ = 0;
  std::vector<Done> waiters_; // for the child's end
  ProcessLog log_;
  Prelude prelude_;
  ProgressTracker progress_;
  Watchdog watchdog_;
  GroupUsage usage_;
};

} // namespace restream
