// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/context-thread.h"
#include "controller/process/file-cleanup.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// Carries out the processes' cleanup rules, again and again, on a thread of its own, as disks may be slow.
// Thread: main.
class Cleaner : public std::enable_shared_from_this<Cleaner>
{
public:
  // folder: absolute; nothing outside of it is touched.
  explicit Cleaner (std::string folder, unsigned interval_ms = 5000);
  // Waits for the file that is being removed, and for purges.
  ~Cleaner ();
  Cleaner (const Cleaner &) = delete;
  Cleaner &operator= (const Cleaner &) = delete;

  const std::string &folder () const { return folder_; }
  // From now on for this owner, in place of the ones before; none = no more. process: for the log.
  void set_rules (const void *owner, const std::string &process,
      std::vector<CleanupRule> rules);
  // Once, for the rules that have purge_on_delete.
  void purge (const std::string &process, std::vector<CleanupRule> rules);

private:
  struct Job
  {
    std::string process;
    std::vector<CleanupRule> rules;
  };
  void run_all ();
  void run (std::vector<Job> jobs, CleanupKind kind);

  const std::string folder_;
  const unsigned interval_ms_;
  std::map<const void *, Job> jobs_;
  Timer timer_;
  bool busy_ = false;
  std::atomic<bool> stopping_ = false;
  const std::atomic<bool> never_ = false;
  std::map<std::string, std::string>
      told_; // last error of each process; the thread's
  std::unique_ptr<ContextThread> thread_; // when it is needed first
};

} // namespace restream
