// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/process-manager.h"

#include "controller/log.h"
#include "controller/process/resolver.h"

#include <utility>

namespace restream {

namespace {

// Bounds what a client can make the daemon hold.
constexpr std::size_t kMaxTasks = 10000;

ManagerSettings
with_shared_parts (ManagerSettings settings)
{
  settings.ffmpeg.sampler = std::make_shared<UsageSampler> ();
  settings.ffmpeg.state_totals = std::make_shared<StateCounts> ();
  return settings;
}

Error
unknown_process (const std::string &id)
{
  return {Code::not_found, "unknown process (" + id + ")"};
}

Error
shutting_down ()
{
  return {Code::unavailable, "shutting down"};
}

} // namespace

ProcessManager::ProcessManager (ManagerSettings settings)
    : settings_ (with_shared_parts (std::move (settings))),
      cleaner_ (settings_.storage_dir.empty ()
              ? nullptr
              : std::make_shared<Cleaner> (settings_.storage_dir))
{
}

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
ProcessManager::probe (const std::string &id, Task::ProbeDone done)
{
  if (auto task = lookup (id))
    task->probe (std::move (done));
  else
    done ({{}, {"Unknown process ID (" + id + ")"}});
}

void
ProcessManager::note (const std::string &id, const std::string &text)
{
  if (auto task = lookup (id))
    task->process ().note (text);
}

void
ProcessManager::set_store (StateStore *store)
{
  store_ = store;
  if (store_)
    store_->set_on_failure ([this] { go_back (); });
}

ProcessManager::Slot *
ProcessManager::live (const std::string &id)
{
  auto it = slots_.find (id);
  return it != slots_.end () && it->second.latest && tasks_.contains (id)
      ? &it->second
      : nullptr;
}

const ProcessConfig *
ProcessManager::latest_config (const std::string &id) const
{
  auto it = slots_.find (id);
  return it != slots_.end () && it->second.latest && tasks_.contains (id)
      ? &it->second.latest->config
      : nullptr;
}

const Metadata *
ProcessManager::metadata (const std::string &id) const
{
  auto it = slots_.find (id);
  return it != slots_.end () && it->second.kept && tasks_.contains (id)
      ? &it->second.kept->metadata
      : nullptr;
}

std::shared_ptr<Task>
ProcessManager::make_task (const ProcessRecord &record)
{
  auto resolve = [this] (const ProcessConfig &config) {
    return this->resolve (config);
  };
  auto task = std::make_shared<Task> (record.config, settings_.ffmpeg,
      Task::Environment{[this] { return hooks_; }, resolve, cleaner_});
  task->created_at_s = record.created_at_s;
  task->updated_at_s = record.updated_at_s;
  task->restore_order (record.order);
  return task;
}

Result<ProcessConfig>
ProcessManager::resolve (const ProcessConfig &config) const
{
  ResolveEnvironment environment;
  environment.storage_dir = settings_.storage_dir;
  environment.process = [this] (const std::string &id) {
    const Task *task = find (id);
    return task ? &task->config () : nullptr;
  };
  auto resolved = resolve_config (config, environment);
  if (resolved && access_)
    if (auto ok = access_->check (*resolved); !ok)
      return ok.error ();
  return resolved;
}

Result<void>
ProcessManager::check_room (const Task *starting) const
{
  if (shutting_down_)
    return shutting_down ();
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
ProcessManager::put (const std::string &id, Record record)
{
  if (store_ && record) {
    if (auto ok = store_->put (*record); !ok)
      return ok;
  } else if (store_) {
    store_->erase (id);
  }
  slots_[id].latest = std::move (record);
  return {};
}

// The record is where it is to be, and what came before it is history.
void
ProcessManager::settle (const std::string &id, const Record &record)
{
  auto it = slots_.find (id);
  if (it == slots_.end ())
    return;
  it->second.kept = record;
  if (!it->second.kept && !it->second.latest)
    slots_.erase (it);
}

void
ProcessManager::commit (Done done)
{
  if (store_)
    store_->commit (std::move (done));
  else
    done ({});
}

// A write has failed, and everybody who waits for one will be told so.
void
ProcessManager::go_back ()
{
  auto keep = [] (const Result<void> &ok) {
    if (!ok) // it was there before, so there is room for it
      log_event (G_LOG_LEVEL_WARNING, "", ok.error ().what);
  };
  for (auto it = slots_.begin (); it != slots_.end ();) {
    auto &[id, slot] = *it;
    if (slot.kept && slot.latest == slot.kept) {
      it++;
      continue;
    }
    // A stop happens all the same.
    if (slot.kept && slot.latest && slot.latest->order == Order::stop
        && slot.kept->order == Order::start) {
      ProcessRecord stopped = *slot.kept;
      stopped.order = Order::stop;
      slot.kept = std::make_shared<const ProcessRecord> (std::move (stopped));
    }
    if (slot.kept) {
      keep (put (id, slot.kept));
      it++;
    } else {
      store_->erase (id);
      it = slots_.erase (it);
    }
  }
  app_metadata_.latest = app_metadata_.kept;
  keep (store_->put_app_metadata (app_metadata_.kept));
}

void
ProcessManager::change (const std::string &id, Record record, Done failed,
    std::function<void ()> carry_out)
{
  if (auto ok = put (id, record); !ok)
    return failed (ok);
  commit ([this, id, record, failed = std::move (failed),
              carry_out = std::move (carry_out)] (Result<void> ok) {
    if (!ok)
      return failed (ok);
    settle (id, record);
    carry_out ();
  });
}

void
ProcessManager::add (ProcessConfig config, Done done)
{
  if (auto ok = config.validate (); !ok)
    return done (ok);
  if (shutting_down_)
    return done (shutting_down ());
  if (tasks_.contains (config.id) || slots_.contains (config.id))
    return done (Error{Code::bad_request, "process already exists"});
  if (slots_.size () >= kMaxTasks)
    return done (Error{Code::bad_request, "too many processes"});
  if (auto ok = resolve (config); !ok)
    return done (ok.error ());
  auto record = std::make_shared<ProcessRecord> ();
  record->order = config.autostart ? Order::start : Order::stop;
  if (record->order == Order::start)
    if (auto ok = check_room (nullptr); !ok)
      return done (ok);
  record->config = std::move (config);
  record->created_at_s = record->updated_at_s = wall_clock_s ();
  const std::string &id = record->config.id;
  change (id, record, done, [this, record, done] { added (record, done); });
}

void
ProcessManager::added (const Record &record, const Done &done)
{
  const std::string &id = record->config.id;
  auto task = make_task (*record);
  Result<void> started;
  if (record->order == Order::start) {
    started = check_room (nullptr);
    if (started)
      started = task->start ();
  }
  if (!started && !shutting_down_) {
    settle (id, nullptr); // even if it cannot be taken out of the store
    return change (id, nullptr, done, [done, started] { done (started); });
  }
  tasks_[id] = task;
  log_event (G_LOG_LEVEL_INFO, id, "added");
  done ({});
}

Result<void>
ProcessManager::restore (ProcessRecord record)
{
  const std::string id = record.config.id;
  if (slots_.contains (id))
    return Error{Code::bad_request, "process already exists"};
  if (record.invalid.empty ())
    if (auto ok = record.config.validate (); !ok)
      record.invalid = ok.error ().what;
  auto kept = std::make_shared<const ProcessRecord> (std::move (record));
  slots_[id] = {kept, kept};
  auto task = make_task (*kept);
  tasks_[id] = task;
  if (!kept->invalid.empty ())
    task->process ().refuse (kept->invalid);
  return {};
}

void
ProcessManager::restore_app_metadata (Metadata metadata)
{
  app_metadata_.latest = app_metadata_.kept = std::move (metadata);
}

void
ProcessManager::start_ordered ()
{
  for (const auto &[id, task] : tasks_) {
    Slot *slot = live (id);
    if (!slot || !slot->latest->invalid.empty ()
        || task->order () != Order::start)
      continue;
    if (auto room = check_room (task.get ()); !room)
      task->process ().refuse (room.error ().what);
    else
      (void) task->start (); // shows in state and log
  }
}

void
ProcessManager::start (const std::string &id, Done done)
{
  Slot *slot = live (id);
  if (!slot)
    return done (unknown_process (id));
  if (!slot->latest->invalid.empty ())
    return done (Error{Code::bad_request, slot->latest->invalid});
  if (auto ok = check_room (lookup (id).get ()); !ok)
    return done (ok);
  auto record = std::make_shared<ProcessRecord> (*slot->latest);
  record->order = Order::start;
  change (id, record, done, [this, weak = std::weak_ptr (lookup (id)), done] {
    auto task = weak.lock ();
    if (!task)
      return done ({}); // deleted since
    // Others may have been first.
    auto ok = check_room (task.get ());
    if (ok)
      return done (task->start ());
    task->restore_order (Order::start);
    if (!task->process ().running ())
      task->process ().refuse (ok.error ().what);
    done (ok);
  });
}

void
ProcessManager::stop (const std::string &id, Done done)
{
  Slot *slot = live (id);
  if (!slot)
    return done (unknown_process (id));
  auto record = std::make_shared<ProcessRecord> (*slot->latest);
  record->order = Order::stop;
  auto weak = std::weak_ptr (lookup (id));
  auto stop_task = [weak, done] (Result<void> stored) {
    auto task = weak.lock ();
    if (!task)
      return done (stored);
    task->stop ([done, stored] (Result<void> ok) { done (ok ? stored : ok); });
  };
  change (id, record, stop_task, [stop_task] { stop_task ({}); });
}

void
ProcessManager::restart (const std::string &id, Done done)
{
  if (live (id))
    return lookup (id)->restart (std::move (done));
  done (unknown_process (id));
}

void
ProcessManager::reload (const std::string &id, Done done)
{
  Slot *slot = live (id);
  if (!slot)
    return done (unknown_process (id));
  if (!slot->latest->invalid.empty ())
    return done (Error{Code::bad_request, slot->latest->invalid});
  lookup (id)->reload (std::move (done));
}

void
ProcessManager::update (const std::string &id, ProcessConfig config, Done done)
{
  Slot *slot = live (id);
  if (!slot)
    return done (unknown_process (id));
  if (auto ok = config.validate (); !ok)
    return done (ok);
  bool moves = config.id != id;
  if (moves && (tasks_.contains (config.id) || slots_.contains (config.id)))
    return done (Error{Code::bad_request, "process already exists"});
  if (config == slot->latest->config && slot->latest->invalid.empty ())
    return commit (std::move (done)); // nothing to restart for
  if (auto ok = resolve (config); !ok)
    return done (ok.error ());
  auto record = std::make_shared<ProcessRecord> (*slot->latest);
  bool was_invalid = !record->invalid.empty ();
  record->config = std::move (config);
  record->updated_at_s = wall_clock_s ();
  record->invalid.clear ();
  record->unreadable = false;
  if (moves)
    return rename (id, std::move (record), std::move (done));
  change (id, record, done,
      [this, id, record, was_invalid, weak = std::weak_ptr (lookup (id)),
          done] {
        auto task = weak.lock ();
        if (!task)
          return done ({}); // deleted since
        task->updated_at_s = record->updated_at_s;
        log_event (G_LOG_LEVEL_INFO, id, "updated");
        task->update (record->config,
            [this, weak, was_invalid, done] (Result<void> ok) {
              auto repaired = weak.lock ();
              // What could not run since the daemon's start does so now.
              if (ok && was_invalid && repaired && !shutting_down_
                  && repaired->order () == Order::start)
                ok = repaired->start ();
              done (ok);
            });
      });
}

// Log, channel and URL are known by the id: another one takes a task of its own, when the first has ended.
void
ProcessManager::rename (const std::string &id, Record record, Done done)
{
  const std::string &target = record->config.id;
  if (auto ok = put (target, record); !ok)
    return done (ok);
  (void) put (id, nullptr); // a removal needs no room
  commit ([this, id, record, done = std::move (done)] (Result<void> ok) {
    if (!ok)
      return done (ok);
    settle (id, nullptr);
    settle (record->config.id, record);
    auto task = lookup (id);
    task->shut_down ([this, id, record, done] (
                         Result<void>) { renamed (id, record, done); });
  });
}

void
ProcessManager::renamed (const std::string &id, const Record &record,
    const Done &done)
{
  const std::string &target = record->config.id;
  auto before = lookup (id);
  auto task = make_task (*record);
  task->process ().log () = before->process ().log ();
  tasks_.erase (id);
  tasks_[target] = task;
  log_event (G_LOG_LEVEL_INFO, target, "renamed, was " + id);
  done (task->order () == Order::start && !shutting_down_ ? task->start ()
                                                          : Result<void> ());
}

void
ProcessManager::remove (const std::string &id, Done done)
{
  auto task = lookup (id);
  if (!task)
    return done (unknown_process (id));
  auto end = [this, id, weak = std::weak_ptr (task), done] {
    auto ending = weak.lock ();
    if (!ending)
      return done ({});
    ending->stop ([this, id, weak, done] (Result<void>) {
      // Another removal may have been first.
      auto stopped = weak.lock ();
      if (stopped && lookup (id) == stopped) {
        stopped->purge_files ();
        tasks_.erase (id);
        log_event (G_LOG_LEVEL_INFO, id, "deleted");
      }
      done ({});
    });
  };
  if (live (id))
    return change (id, nullptr, done, end);
  // On its way out already.
  commit ([done, end] (Result<void> ok) { ok ? end () : done (ok); });
}

void
ProcessManager::set_metadata (const std::string &id, const std::string &key,
    JsonNode *value, Done done)
{
  Slot *slot = live (id);
  if (!slot)
    return done (unknown_process (id));
  auto record = std::make_shared<ProcessRecord> (*slot->latest);
  if (auto ok = record->metadata.set (key, value); !ok)
    return done (ok);
  change (id, record, done, [done] { done ({}); });
}

void
ProcessManager::set_app_metadata (const std::string &key, JsonNode *value,
    Done done)
{
  Metadata metadata = app_metadata_.latest;
  if (auto ok = metadata.set (key, value); !ok)
    return done (ok);
  if (store_)
    if (auto ok = store_->put_app_metadata (metadata); !ok)
      return done (ok);
  app_metadata_.latest = metadata;
  commit ([this, metadata = std::move (metadata), done = std::move (done)] (
              Result<void> ok) {
    if (ok)
      app_metadata_.kept = metadata;
    done (ok);
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
