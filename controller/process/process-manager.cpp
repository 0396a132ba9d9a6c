// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/process-manager.h"

#include "controller/log.h"

namespace restream {

namespace {

// Bounds what a client can make the daemon hold.
constexpr std::size_t kMaxTasks = 10000;

Error
unknown_process (const std::string &id)
{
  return {Code::not_found, "unknown process (" + id + ")"};
}

} // namespace

std::shared_ptr<Task>
ProcessManager::lookup (const std::string &id) const
{
  auto it = tasks_.find (id);
  return it == tasks_.end () ? nullptr : it->second;
}

const Task *
ProcessManager::find (const std::string &id) const
{
  return lookup (id).get ();
}

void
ProcessManager::note (const std::string &id, const std::string &text)
{
  if (auto task = lookup (id))
    task->process ().note (text);
}

void
ProcessManager::changed ()
{
  if (on_change_)
    on_change_ ();
}

std::shared_ptr<Task>
ProcessManager::make_task (ProcessConfig config)
{
  auto task = std::make_shared<Task> (std::move (config), settings_.ffmpeg,
      [this] { return hooks_; });
  task->created_at_s = task->updated_at_s = wall_clock_s ();
  return task;
}

Result<void>
ProcessManager::check_room (const Task *starting) const
{
  if (shutting_down_)
    return Error{Code::unavailable, "shutting down"};
  if (settings_.max_processes == 0)
    return {};
  std::uint64_t running = 0;
  for (const auto &[id, task] : tasks_)
    running += task.get () != starting && task->counts_as_running ();
  if (running >= settings_.max_processes)
    return Error{Code::bad_request,
        "max. number of running processes ("
            + std::to_string (settings_.max_processes) + ") reached"};
  return {};
}

Result<void>
ProcessManager::add (ProcessConfig config)
{
  if (auto ok = config.validate (); !ok)
    return ok;
  if (tasks_.contains (config.id))
    return Error{Code::bad_request, "process already exists"};
  if (tasks_.size () >= kMaxTasks)
    return Error{Code::bad_request, "too many processes"};
  bool start = config.autostart;
  auto task = make_task (std::move (config));
  if (start) {
    if (auto ok = check_room (nullptr); !ok)
      return ok;
    if (auto ok = task->start (); !ok)
      return ok;
  }
  tasks_[task->id ()] = task;
  log_event (G_LOG_LEVEL_INFO, task->id (), "added");
  changed ();
  return {};
}

Result<void>
ProcessManager::restore (ProcessConfig config, Order order,
    std::int64_t created_at_s, std::int64_t updated_at_s)
{
  if (tasks_.contains (config.id))
    return Error{Code::bad_request, "process already exists"};
  auto task = make_task (std::move (config));
  task->created_at_s = created_at_s;
  task->updated_at_s = updated_at_s;
  task->restore_order (order);
  tasks_[task->id ()] = task;
  return {};
}

void
ProcessManager::start_ordered ()
{
  for (const auto &[id, task] : tasks_) {
    if (task->order () != Order::start)
      continue;
    if (auto room = check_room (task.get ()); !room)
      task->process ().refuse (room.error ().what);
    else
      (void) task->start (); // shows in state and log
  }
}

Result<void>
ProcessManager::start (const std::string &id)
{
  auto task = lookup (id);
  if (!task)
    return unknown_process (id);
  if (auto ok = check_room (task.get ()); !ok)
    return ok;
  auto result = task->start ();
  changed ();
  return result;
}

void
ProcessManager::stop (const std::string &id, Done done)
{
  auto task = lookup (id);
  if (!task)
    return done (unknown_process (id));
  task->stop (std::move (done));
  changed ();
}

void
ProcessManager::restart (const std::string &id, Done done)
{
  if (auto task = lookup (id))
    return task->restart (std::move (done));
  done (unknown_process (id));
}

void
ProcessManager::reload (const std::string &id, Done done)
{
  if (auto task = lookup (id))
    return task->reload (std::move (done));
  done (unknown_process (id));
}

void
ProcessManager::update (const std::string &id, ProcessConfig config, Done done)
{
  auto task = lookup (id);
  if (!task)
    return done (unknown_process (id));
  if (auto ok = config.validate (); !ok)
    return done (ok);
  if (config.id != id) // its log, channel and URL are known by the id
    return done (Error{Code::bad_request, "the ID cannot be changed"});
  if (config == task->config ())
    return done ({}); // nothing to restart for
  task->updated_at_s = wall_clock_s ();
  log_event (G_LOG_LEVEL_INFO, id, "updated");
  task->update (std::move (config), std::move (done));
  changed ();
}

void
ProcessManager::remove (const std::string &id, Done done)
{
  auto task = lookup (id);
  if (!task)
    return done (unknown_process (id));
  task->stop ([this, id, weak = std::weak_ptr (task), done = std::move (done)] (
                  Result<void>) {
    // Another removal may have been first, and a start in between is overruled.
    auto stopped = weak.lock ();
    if (stopped && lookup (id) == stopped) {
      stopped->stop (nullptr);
      tasks_.erase (id);
      log_event (G_LOG_LEVEL_INFO, id, "deleted");
      changed ();
    }
    done ({});
  });
}

void
ProcessManager::shut_down (std::function<void ()> done)
{
  shutting_down_ = true;
  auto left = std::make_shared<std::size_t> (tasks_.size () + 1);
  auto one_ended = [left, done = std::move (done)] (Result<void>) {
    if (--*left == 0)
      done ();
  };
  auto tasks = tasks_; // a callback may erase
  for (const auto &[id, task] : tasks)
    task->shut_down (one_ended);
  one_ended ({});
}

} // namespace restream
