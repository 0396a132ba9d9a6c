// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/cleaner.h"

#include "controller/log.h"

#include <utility>

namespace restream {

Cleaner::Cleaner (std::string folder, unsigned interval_ms)
    : folder_ (std::move (folder)), interval_ms_ (interval_ms)
{
}

Cleaner::~Cleaner ()
{
  stopping_ = true;
  thread_.reset (); // runs what was posted before
}

void
Cleaner::set_rules (const void *owner, const std::string &process,
    std::vector<CleanupRule> rules)
{
  std::erase_if (rules, [] (const CleanupRule &rule) {
    return rule.max_files == 0 && rule.max_file_age_s == 0;
  });
  if (rules.empty ())
    jobs_.erase (owner);
  else
    jobs_[owner] = {process, std::move (rules)};
  if (!jobs_.empty () && !timer_.active ())
    timer_ = Timer (nullptr, interval_ms_, [this] {
      run_all ();
      return !jobs_.empty ();
    });
}

void
Cleaner::purge (const std::string &process, std::vector<CleanupRule> rules)
{
  std::erase_if (rules,
      [] (const CleanupRule &rule) { return !rule.purge_on_delete; });
  if (!rules.empty ())
    run ({{process, std::move (rules)}}, CleanupKind::purge);
}

void
Cleaner::run_all ()
{
  if (busy_)
    return; // a slow disk
  busy_ = true;
  std::vector<Job> jobs;
  for (const auto &[owner, job] : jobs_)
    jobs.push_back (job);
  run (std::move (jobs), CleanupKind::regular);
}

void
Cleaner::run (std::vector<Job> jobs, CleanupKind kind)
{
  if (!thread_)
    thread_ = std::make_unique<ContextThread> ("cleanup");
  const bool purge = kind == CleanupKind::purge;
  post (thread_->context (),
      [this, jobs = std::move (jobs), kind, purge, weak = weak_from_this ()] {
        for (const Job &job : jobs) {
          CleanupResult result = clean_up_files (folder_, job.rules, kind,
              purge ? never_ : stopping_);
          if (!result.error.empty () && told_[job.process] != result.error)
            log_event (G_LOG_LEVEL_WARNING, job.process, result.error);
          told_[job.process] = result.error;
          if (result.removed > 0)
            log_event (G_LOG_LEVEL_DEBUG, job.process,
                "cleanup: removed " + std::to_string (result.removed)
                    + " files");
        }
        if (!purge)
          post (nullptr, weak, [] (Cleaner &self) { self.busy_ = false; });
      });
}

} // namespace restream
