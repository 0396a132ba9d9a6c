// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/task.h"

#include "controller/log.h"

#include <algorithm>
#include <cerrno>

namespace restream {

namespace {

std::vector<CleanupRule>
rules_of (const ProcessConfig &config)
{
  std::vector<CleanupRule> rules;
  for (const ProcessIo &io : config.output)
    rules.insert (rules.end (), io.cleanup.begin (), io.cleanup.end ());
  return rules;
}

} // namespace

Task::Task (ProcessConfig config, const FfmpegSettings &settings,
    Environment environment)
    : config_ (std::move (config)), settings_ (settings),
      environment_ (std::move (environment)),
      process_ (std::make_shared<FfmpegProcess> (config_.id, settings))
{
}

Task::~Task ()
{
  if (environment_.cleaner)
    environment_.cleaner->set_rules (this, id (), {});
}

std::vector<std::string>
Task::command () const
{
  std::vector<std::string> argv =
      resolved_ ? resolved_->arguments () : config_.arguments ();
  argv.insert (argv.end (), appended_.begin (), appended_.end ());
  return argv;
}

std::int64_t
Task::reconnect_seconds () const
{
  if (!retry_timer_.active ())
    return process_->reconnect_seconds ();
  std::int64_t left = retry_at_us_ - g_get_monotonic_time ();
  return std::max<std::int64_t> (0,
      (left + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

ProcessProgress
Task::progress () const
{
  ProcessProgress progress = process_->stream_progress ();
  const ProcessConfig &config = resolved_ ? *resolved_ : config_;
  for (StreamProgress &stream : progress.inputs)
    if (stream.info.index < config.input.size ())
      stream.id = config.input[stream.info.index].id;
  for (StreamProgress &stream : progress.outputs) {
    if (stream.info.index < config.output.size ())
      stream.id = config.output[stream.info.index].id;
    else if (!appended_.empty ())
      stream.id = "webrtc";
  }
  return progress;
}

Result<ProcessConfig>
Task::resolved (const ProcessConfig &config) const
{
  return environment_.resolve ? environment_.resolve (config) : Result (config);
}

Result<void>
Task::resolve ()
{
  auto config = resolved (config_);
  if (!config)
    return config.error ();
  resolved_ = *std::move (config);
  set_rules ();
  return {};
}

void
Task::set_rules ()
{
  if (!environment_.cleaner)
    return;
  std::vector<CleanupRule> rules = rules_of (*resolved_);
  for (const CleanupRule &rule : rules)
    if (!cleanup_pattern (rule, environment_.cleaner->folder ()))
      log_event (G_LOG_LEVEL_WARNING, id (),
          "cleanup: " + rule.pattern + " is not below the storage folder");
  environment_.cleaner->set_rules (this, id (), std::move (rules));
}

void
Task::purge_files ()
{
  if (!environment_.cleaner)
    return;
  if (resolved_ || resolve ())
    environment_.cleaner->purge (id (), rules_of (*resolved_));
}

Result<void>
Task::start ()
{
  order_ = Order::start;
  if (phase_ == Phase::stopping) {
    start_pending_ = true;
    return {};
  }
  if (phase_ == Phase::active)
    return {};
  return begin ();
}

// The ordered start proper: what the configuration means, hook, then FFmpeg.
Result<void>
Task::begin ()
{
  retry_timer_.cancel ();
  appended_.clear ();
  if (!resolved_)
    if (auto ok = resolve (); !ok)
      return refuse (ok.error ());
  if (ProcessHooks *hooks = environment_.hooks ()) {
    if (auto ok = hooks->on_process_start (id (), config_); !ok)
      return refuse (ok.error ());
  }
  phase_ = Phase::active;
  run ();
  return {};
}

Error
Task::refuse (Error error)
{
  phase_ = Phase::refused;
  process_->refuse (error.what);
  if (config_.reconnect) {
    auto delay_s =
        guint (std::clamp<std::uint64_t> (config_.reconnect_delay_s, 1, 86400));
    retry_at_us_ =
        g_get_monotonic_time () + std::int64_t (delay_s) * G_USEC_PER_SEC;
    retry_timer_ = Timer (nullptr, delay_s * 1000, [this] {
      (void) begin (); // shows in state and log
      return false;
    });
  }
  return error;
}

// The storage folder and its "memfs" are there for those who write to them.
void
Task::make_folders ()
{
  if (!environment_.cleaner)
    return;
  const std::string &storage = environment_.cleaner->folder ();
  const std::string memory = storage + "/memfs";
  auto names = [this] (const std::string &folder) {
    auto in = [&folder] (const std::string &text) {
      return text.find (folder) != std::string::npos;
    };
    return std::any_of (resolved_->output.begin (), resolved_->output.end (),
        [&in] (const ProcessIo &io) {
          return in (io.address)
              || std::any_of (io.options.begin (), io.options.end (), in);
        });
  };
  if (!names (storage))
    return;
  const std::string &folder = names (memory) ? memory : storage;
  if (g_mkdir_with_parents (folder.c_str (), 0755) != 0)
    process_->note ("cannot make " + folder + ": " + g_strerror (errno));
}

std::vector<std::string>
Task::run_arguments ()
{
  ProcessHooks *hooks = environment_.hooks ();
  appended_ = hooks ? hooks->run_arguments (id (), config_)
                    : std::vector<std::string> ();
  return appended_;
}

void
Task::run ()
{
  make_folders ();
  process_->start ({.arguments = resolved_->arguments (),
      .reconnect = config_.reconnect,
      .reconnect_delay_ms = config_.reconnect_delay_s * 1000,
      .stale_timeout_s = config_.stale_timeout_s,
      .limits = config_.limits,
      .appended = [weak = weak_from_this ()] {
        auto self = weak.lock ();
        return self ? self->run_arguments () : std::vector<std::string> ();
      }});
}

void
Task::stop (Done done)
{
  order_ = Order::stop;
  start_pending_ = false;
  end (std::move (done));
}

void
Task::shut_down (Done done)
{
  probe_.reset (); // answers with what it has
  start_pending_ = false;
  end (std::move (done));
}

void
Task::end (Done done)
{
  retry_timer_.cancel ();
  if (phase_ == Phase::idle || phase_ == Phase::refused) {
    phase_ = Phase::idle;
    if (done)
      done ({});
    return;
  }
  if (done)
    waiters_.push_back (std::move (done));
  if (phase_ == Phase::stopping)
    return;
  phase_ = Phase::stopping;
  if (ProcessHooks *hooks = environment_.hooks ())
    hooks->before_process_stop (id ());
  process_->stop ([weak = weak_from_this ()] {
    auto self = weak.lock ();
    if (!self)
      return;
    // Asked again: the consumer may have changed while FFmpeg ended.
    ProcessHooks *hooks = self->environment_.hooks ();
    if (!hooks)
      return self->ended ();
    hooks->on_process_stop (self->id (), [weak] {
      if (auto task = weak.lock ())
        task->ended ();
    });
  });
}

void
Task::ended ()
{
  auto self = shared_from_this (); // a waiter may drop us
  phase_ = Phase::idle;
  bool again = std::exchange (start_pending_, false);
  for (Done &done : std::exchange (waiters_, {}))
    done ({});
  if (again && phase_ == Phase::idle && order_ == Order::start)
    (void) begin (); // shows in state and log
}

void
Task::restart (Done done)
{
  if (order_ == Order::stop || phase_ != Phase::active)
    return done ({});
  process_->restart ([done = std::move (done)] { done ({}); });
}

void
Task::reload (Done done)
{
  if (auto ok = resolve (); !ok)
    return done (ok);
  restart_ffmpeg (std::move (done));
}

// With what is resolved now. Its log's history goes, the hook's part stays.
void
Task::restart_ffmpeg (Done done)
{
  if (order_ == Order::stop || phase_ == Phase::stopping
      || phase_ == Phase::idle)
    return done ({}); // the next start takes the new configuration
  if (phase_ == Phase::refused)
    return done (begin ());
  process_->stop ([weak = weak_from_this (), done = std::move (done)] {
    auto self = weak.lock ();
    // A stop or another reload may have come meanwhile.
    if (self && self->phase_ == Phase::active && !self->process_->running ()) {
      self->process_->log ().clear_history ();
      self->run ();
    }
    done ({});
  });
}

void
Task::update (ProcessConfig config, Done done)
{
  bool under_way = order_ == Order::start
      && (phase_ == Phase::active || phase_ == Phase::refused);
  bool same_part = config.webrtc == config_.webrtc && config.id == config_.id;
  auto next = resolved (config);
  if (!under_way || (same_part && next)) {
    config_ = std::move (config);
    resolved_.reset ();
    if (!next)
      return done (next.error ());
    resolved_ = *std::move (next);
    set_rules ();
    return restart_ffmpeg (std::move (done));
  }
  // What the hook has set up goes with the old configuration, or with none that can run. The order stays.
  start_pending_ = false;
  end ([weak = weak_from_this (), config = std::move (config),
           done = std::move (done)] (Result<void>) {
    auto self = weak.lock ();
    if (!self)
      return done ({});
    self->config_ = config;
    self->resolved_.reset ();
    // A stop that came meanwhile wins.
    done (self->order_ == Order::start && self->phase_ == Phase::idle
            ? self->begin ()
            : Result<void> ());
  });
}

void
Task::probe (ProbeDone done)
{
  if (!resolved_)
    if (auto ok = resolve (); !ok)
      return done ({{}, {ok.error ().what}});
  // Who comes while one runs shares it.
  if (!probe_ || !probe_->running ())
    probe_ = std::make_shared<Probe> (id (), settings_,
        resolved_->input_arguments ());
  auto probe = probe_; // done may drop it
  probe->wait (std::move (done));
}

} // namespace restream
