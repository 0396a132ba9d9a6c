// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/cleaner.h"
#include "controller/process/ffmpeg-process.h"
#include "controller/process/probe.h"
#include "controller/process/process-config.h"
#include "controller/process/process-hooks.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace restream {

enum class Order
{
  start = 1,
  stop
};

inline const char *
name_of (Order order)
{
  return order == Order::start ? "start" : "stop";
}

// A process of the API: what is ordered, and the way from there to the child.
//
//   idle     nothing set up.              start → hook → active, or refused
//   refused  the hook said no.            start → tries again; reconnect does too
//   active   the hook has set up its part; FFmpeg runs, or has ended by itself
//   stopping FFmpeg ends, then the hook.  → idle; a start meanwhile waits for that
//
// Thread: main.
class Task : public std::enable_shared_from_this<Task>
{
public:
  using Done = std::function<void (Result<void>)>;
  using ProbeDone = std::function<void (const ProbeResult &)>;
  // What the configuration means: placeholders and references resolved, addresses allowed.
  using Resolve = std::function<Result<ProcessConfig> (const ProcessConfig &)>;
  // What the tasks share.
  struct Environment
  {
    // Asked at each step, so that they may be replaced or detached any time; may return null.
    std::function<ProcessHooks *()> hooks;
    Resolve resolve; // null = it means what it says
    std::shared_ptr<Cleaner> cleaner; // null = no cleanup rules
  };

  Task (ProcessConfig config, const FfmpegSettings &settings,
      Environment environment);
  ~Task ();

  // Orders a start. An error means that the start was refused; a failure of FFmpeg
  // itself shows in the state. Does nothing when it is ordered and under way.
  Result<void> start ();
  // Orders a stop; done is called when FFmpeg and the hook have ended.
  void stop (Done done);
  // Ends FFmpeg and lets the reconnect bring it back. Nothing when stopped.
  void restart (Done done);
  // FFmpeg anew with the configuration resolved anew, its log's history lost; what the
  // hook has set up stays. If it does not resolve, all stays as it is.
  void reload (Done done);
  // Another configuration: reloads, or starts anew if the hook's part changes. If it does not resolve, FFmpeg
  // ends, and the state says why.
  void update (ProcessConfig config, Done done);
  // As stop(), but the order stays: the daemon ends.
  void shut_down (Done done);
  // What FFmpeg finds in the inputs, whether it runs or not. done is called once, in bounded time.
  void probe (ProbeDone done);
  // The process has been deleted: removes the files that its rules say.
  void purge_files ();

  const ProcessConfig &config () const { return config_; }
  const std::string &id () const { return config_.id; }
  Order order () const { return order_; }
  bool counts_as_running () const { return phase_ != Phase::idle; }
  bool stopping () const { return phase_ == Phase::stopping; }
  FfmpegProcess &process () { return *process_; }
  const FfmpegProcess &process () const { return *process_; }
  std::vector<std::string> command () const;
  ProcessProgress progress () const;
  // Until FFmpeg, or a refused start, is tried again; -1 = not planned.
  std::int64_t reconnect_seconds () const;

  std::int64_t created_at_s = 0, updated_at_s = 0;
  // Takes the order as stored; the caller starts it.
  void restore_order (Order order) { order_ = order; }

private:
  enum class Phase
  {
    idle = 1,
    refused,
    active,
    stopping
  };
  Result<void> begin ();
  Result<ProcessConfig> resolved (const ProcessConfig &config) const;
  Result<void> resolve ();
  void set_rules ();
  Error refuse (Error error);
  void make_folders ();
  void run ();
  void restart_ffmpeg (Done done);
  std::vector<std::string> run_arguments ();
  void end (Done done);
  void ended ();

  ProcessConfig config_;
  std::optional<ProcessConfig> resolved_; // nullopt = not yet, or it did not
  const FfmpegSettings settings_;
  const Environment environment_;
  std::shared_ptr<FfmpegProcess> process_;
  Order order_ = Order::stop;
  Phase phase_ = Phase::idle;
  bool start_pending_ = false; // ordered while stopping
  std::vector<std::string> appended_; // by the hook, to the last run
  std::vector<Done> waiters_; // for the end of stopping
  Timer retry_timer_;
  std::int64_t retry_at_us_ = 0;
  std::shared_ptr<Probe> probe_;
};

} // namespace restream
