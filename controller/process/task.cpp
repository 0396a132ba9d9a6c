// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/task.h"

#include "controller/log.h"

#include <algorithm>

namespace restream {

Task::Task (ProcessConfig config, const FfmpegSettings &settings,
    std::function<ProcessHooks *()> hooks)
    : config_ (std::move (config)), hooks_ (std::move (hooks)),
      process_ (std::make_shared<FfmpegProcess> (config_.id, settings))
{
}

std::vector<std::string>
Task::command () const
{
  std::vector<std::string> argv = config_.arguments ();
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

// The ordered start proper: hook, then FFmpeg.
Result<void>
Task::begin ()
{
  retry_timer_.cancel ();
  appended_.clear ();
  if (ProcessHooks *hooks = hooks_ ()) {
    auto arguments = hooks->on_process_start (id (), config_);
    if (!arguments) {
      phase_ = Phase::refused;
      process_->refuse (arguments.error ().what);
      if (config_.reconnect) {
        auto delay_s = guint (
            std::clamp<std::uint64_t> (config_.reconnect_delay_s, 1, 86400));
        retry_at_us_ =
            g_get_monotonic_time () + std::int64_t (delay_s) * G_USEC_PER_SEC;
        retry_timer_ = Timer (nullptr, delay_s * 1000, [this] {
          (void) begin (); // shows in state and log
          return false;
        });
      }
      return arguments.error ();
    }
    appended_ = *std::move (arguments);
  }
  phase_ = Phase::active;
  run ();
  return {};
}

void
Task::run ()
{
  process_->start (
      {command (), config_.reconnect, config_.reconnect_delay_s * 1000});
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
  if (ProcessHooks *hooks = hooks_ ())
    hooks->before_process_stop (id ());
  process_->stop ([weak = weak_from_this ()] {
    auto self = weak.lock ();
    if (!self)
      return;
    // Asked again: the consumer may have changed while FFmpeg ended.
    ProcessHooks *hooks = self->hooks_ ();
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
  bool same_part = config.webrtc == config_.webrtc && config.id == config_.id;
  if (same_part || order_ == Order::stop || phase_ == Phase::idle
      || phase_ == Phase::stopping) {
    config_ = std::move (config);
    return reload (std::move (done));
  }
  // What the hook has set up goes with the old configuration. The order stays.
  auto weak = weak_from_this ();
  shut_down ([weak, config = std::move (config), done = std::move (done)] (
                 Result<void>) mutable {
    auto self = weak.lock ();
    if (!self)
      return done ({});
    self->config_ = std::move (config);
    // A stop that came meanwhile wins.
    done (self->order_ == Order::start && self->phase_ == Phase::idle
            ? self->begin ()
            : Result<void> ());
  });
}

} // namespace restream
