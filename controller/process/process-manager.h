// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/task.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace restream {

struct ManagerSettings
{
  FfmpegSettings ffmpeg;
  std::uint64_t max_processes = 0; // running at a time; 0 = no limit
};

// All processes, by id. Nothing here waits: what takes time calls back, and no
// process's slowness is another one's. Thread: main.
class ProcessManager
{
public:
  using Done = Task::Done;

  explicit ProcessManager (ManagerSettings settings)
      : settings_ (std::move (settings))
  {
  }
  ProcessManager (const ProcessManager &) = delete;
  ProcessManager &operator= (const ProcessManager &) = delete;

  // The one consumer; replaces the one before, null detaches. A consumer that is
  // replaced while processes run lets go of its part itself.
  void set_hooks (ProcessHooks *hooks) { hooks_ = hooks; }
  // Called after every change that a restart of the daemon must not lose.
  void set_on_change (std::function<void ()> on_change)
  {
    on_change_ = std::move (on_change);
  }

  // Takes a new process in, and starts it if it says autostart. The process is not
  // added if the start is refused.
  Result<void> add (ProcessConfig config);
  // Takes one in as it was stored. Not started: start_ordered() does.
  Result<void> restore (ProcessConfig config, Order order,
      std::int64_t created_at_s, std::int64_t updated_at_s);
  // Starts everything that is ordered to run; failures show in state and log.
  void start_ordered ();

  Result<void> start (const std::string &id);
  void stop (const std::string &id, Done done);
  void restart (const std::string &id, Done done);
  void reload (const std::string &id, Done done);
  // The configuration may carry another id.
  void update (const std::string &id, ProcessConfig config, Done done);
  // Stops, then forgets.
  void remove (const std::string &id, Done done);
  // Ends all children and hooks; the orders stay as they are. done when all have ended.
  void shut_down (std::function<void ()> done);

  // A line of the daemon's own in the process's log.
  void note (const std::string &id, const std::string &text);

  const Task *find (const std::string &id) const;
  const std::map<std::string, std::shared_ptr<Task>> &tasks () const
  {
    return tasks_;
  }

private:
  std::shared_ptr<Task> lookup (const std::string &id) const;
  Result<void> check_room (const Task *starting) const;
  std::shared_ptr<Task> make_task (ProcessConfig config);
  void changed ();

  const ManagerSettings settings_;
  ProcessHooks *hooks_ = nullptr;
  std::function<void ()> on_change_;
  std::map<std::string, std::shared_ptr<Task>> tasks_;
  bool shutting_down_ = false;
};

} // namespace restream
