// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <sys/types.h>

namespace restream {

// What a process group uses of the machine.
struct GroupUsage
{
  double cpu_percent = 0; // 100 = all cores that we may use
  std::uint64_t memory_bytes = 0; // resident
  double cpu_seconds = 0; // in all, since it is watched
};

// How many cores' worth of time we may use: by affinity and cgroup.
double usable_cores ();

// Of one process, now; 0 = it has gone.
std::uint64_t resident_bytes (pid_t pid);

// Looks once a second at all processes of the groups that are watched, in one pass over /proc. Thread: main.
class UsageSampler
{
public:
  using Observer = std::function<void (const GroupUsage &)>;

  UsageSampler ();
  UsageSampler (const UsageSampler &) = delete;
  UsageSampler &operator= (const UsageSampler &) = delete;

  // Called each second until unwatched; may unwatch.
  void watch (pid_t group, Observer observer);
  void unwatch (pid_t group);

private:
  struct Group
  {
    Observer observer;
    std::map<pid_t, std::uint64_t> ticks; // used by each process
    std::uint64_t used_ticks = 0; // since it is watched
    std::int64_t sampled_us = 0;
  };
  void sample ();

  const double cores_;
  const double ticks_per_s_;
  const std::uint64_t page_bytes_;
  std::map<pid_t, Group> groups_;
  Timer timer_;
};

} // namespace restream
