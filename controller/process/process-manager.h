// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/access/access-rules.h"
#include "controller/process/process-record.h"
#include "controller/process/state-store.h"
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
  std::string storage_dir; // absolute; "" = there is none
};

// All processes, by id. Nothing here waits: what takes time calls back, and no
// process's slowness is another one's.
//
// A change is stored first, then carried out, then done is called, once; what cannot be stored does not
// happen, and done gets the error. Only a stop happens all the same. Changes of one process are carried
// out in the order in which they came. done may be called before the call returns. Thread: main.
class ProcessManager
{
public:
  using Done = Task::Done;

  explicit ProcessManager (ManagerSettings settings);
  ProcessManager (const ProcessManager &) = delete;
  ProcessManager &operator= (const ProcessManager &) = delete;

  // The one consumer; replaces the one before, null detaches. A consumer that is
  // replaced while processes run lets go of its part itself.
  void set_hooks (ProcessHooks *hooks) { hooks_ = hooks; }
  // Where changes are kept from now on; null = in memory only. Must outlive the manager, or be detached.
  void set_store (StateStore *store);

  // What FFmpeg may be given from now on; what runs stays as it is until it is started, reloaded or updated.
  // null = anything.
  void set_access (std::shared_ptr<const AccessRules> access)
  {
    access_ = std::move (access);
  }

  // Takes a new process in, and starts it if it says autostart. The process is not
  // added if the start is refused.
  void add (ProcessConfig config, Done done);
  // Takes one in as it was stored. Not started: start_ordered() does.
  Result<void> restore (ProcessRecord record);
  void restore_app_metadata (Metadata metadata);
  // Starts everything that is ordered to run; failures show in state and log.
  void start_ordered ();

  void start (const std::string &id, Done done);
  void stop (const std::string &id, Done done);
  void restart (const std::string &id, Done done);
  void reload (const std::string &id, Done done);
  // The configuration may carry another id: the process then moves there when its FFmpeg has ended.
  void update (const std::string &id, ProcessConfig config, Done done);
  // Stops, then forgets.
  void remove (const std::string &id, Done done);
  // value: immutable; nullptr or null removes the key.
  void set_metadata (const std::string &id, const std::string &key,
      JsonNode *value, Done done);
  void set_app_metadata (const std::string &key, JsonNode *value, Done done);
  // Ends all children and hooks; the orders stay as they are. done when all have ended.
  void shut_down (std::function<void ()> done);

  // What FFmpeg finds in the process's inputs, whether it runs or not.
  void probe (const std::string &id, Task::ProbeDone done);

  // A line of the daemon's own in the process's log.
  void note (const std::string &id, const std::string &text);

  // How often the processes, also those that are gone, entered each state.
  const StateCounts &state_totals () const
  {
    return *settings_.ffmpeg.state_totals;
  }
  const Task *find (const std::string &id) const;
  const std::map<std::string, std::shared_ptr<Task>> &tasks () const
  {
    return tasks_;
  }
  // The configuration with all changes that are on their way: what an update is laid over. nullptr = no
  // such process.
  const ProcessConfig *latest_config (const std::string &id) const;
  // nullptr = no such process.
  const Metadata *metadata (const std::string &id) const;
  const Metadata &app_metadata () const { return app_metadata_.kept; }

private:
  using Record = std::shared_ptr<const ProcessRecord>; // null = none
  struct Slot
  {
    Record latest; // with the changes on their way to the store
    Record kept; // what a failed write goes back to
  };

  std::shared_ptr<Task> lookup (const std::string &id) const;
  // The process's slot if it is there and is to stay.
  Slot *live (const std::string &id);
  Result<void> check_room (const Task *starting) const;
  std::shared_ptr<Task> make_task (const ProcessRecord &record);
  // What FFmpeg gets; an error if that is nothing that may run.
  Result<ProcessConfig> resolve (const ProcessConfig &config) const;
  // Writes the record in place of the one before (null: none); then carry_out, unless the write fails.
  void change (const std::string &id, Record record, Done failed,
      std::function<void ()> carry_out);
  Result<void> put (const std::string &id, Record record);
  void settle (const std::string &id, const Record &record);
  void commit (Done done);
  void go_back ();
  void added (const Record &record, const Done &done);
  void rename (const std::string &id, Record record, Done done);
  void renamed (const std::string &id, const Record &record, const Done &done);

  const ManagerSettings settings_;
  const std::shared_ptr<Cleaner> cleaner_; // null without a storage folder
  ProcessHooks *hooks_ = nullptr;
  StateStore *store_ = nullptr;
  std::shared_ptr<const AccessRules> access_;
  std::map<std::string, std::shared_ptr<Task>> tasks_;
  // A process on its way in has a slot and no task, one on its way out the other way round.
  std::map<std::string, Slot> slots_;
  struct
  {
    Metadata latest, kept;
  } app_metadata_;
  bool shutting_down_ = false;
};

} // namespace restream
