// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/usage-sampler.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <optional>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace restream {

namespace {

std::optional<std::string>
file_text (const std::string &path)
{
  Owned<char> text;
  if (!g_file_get_contents (path.c_str (), out (text), nullptr, nullptr))
    return std::nullopt;
  return text.get ();
}

// Of cgroup 2 ("max 100000", "150000 100000"), or of cgroup 1; 0 = no limit.
double
cgroup_cores ()
{
  std::string own = "/";
  if (auto text = file_text ("/proc/self/cgroup")) {
    std::size_t at = text->find ("0::");
    if (at != std::string::npos)
      own = text->substr (at + 3, text->find ('\n', at) - at - 3);
  }
  for (const std::string &folder : {own, std::string ("/")}) {
    auto text = file_text ("/sys/fs/cgroup" + folder + "/cpu.max");
    long long quota = 0, period = 0;
    if (text && sscanf (text->c_str (), "%lld %lld", &quota, &period) == 2
        && quota > 0 && period > 0)
      return double (quota) / double (period);
  }
  auto quota = file_text ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  auto period = file_text ("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota && period && atoll (quota->c_str ()) > 0
      && atoll (period->c_str ()) > 0)
    return double (atoll (quota->c_str ())) / double (atoll (period->c_str ()));
  return 0;
}

struct ProcessStat
{
  std::uint64_t ticks = 0, resident_pages = 0;
};

// Of /proc/PID/stat; nullopt if it has gone, or has ended.
std::optional<ProcessStat>
read_stat (pid_t pid)
{
  char path[32], text[1024];
  g_snprintf (path, sizeof path, "/proc/%d/stat", int (pid));
  FILE *file = fopen (path, "re");
  if (!file)
    return std::nullopt;
  text[fread (text, 1, sizeof text - 1, file)] = '\0';
  fclose (file);
  const char *rest = strrchr (text, ')'); // a name may hold anything
  char state = 0;
  unsigned long user = 0, system = 0;
  long resident = 0;
  if (!rest
      || sscanf (rest + 1,
             " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
             "%*d %*d %*d %*u %*u %ld",
             &state, &user, &system, &resident)
          != 4
      || state == 'Z')
    return std::nullopt;
  return ProcessStat{user + system, std::uint64_t (std::max (0l, resident))};
}

} // namespace

double
usable_cores ()
{
  cpu_set_t set;
  double cores = sched_getaffinity (0, sizeof set, &set) == 0
      ? CPU_COUNT (&set)
      : double (sysconf (_SC_NPROCESSORS_ONLN));
  double quota = cgroup_cores ();
  if (quota > 0)
    cores = std::min (cores, quota);
  return std::max (cores, 0.01);
}

std::uint64_t
resident_bytes (pid_t pid)
{
  auto stat = read_stat (pid);
  return stat ? stat->resident_pages * std::uint64_t (sysconf (_SC_PAGESIZE))
              : 0;
}

UsageSampler::UsageSampler ()
    : cores_ (usable_cores ()), ticks_per_s_ (double (sysconf (_SC_CLK_TCK))),
      page_bytes_ (std::uint64_t (sysconf (_SC_PAGESIZE)))
{
}

void
UsageSampler::watch (pid_t group, Observer observer)
{
  Group &entry = groups_[group];
  entry = {};
  entry.observer = std::move (observer);
  entry.sampled_us = g_get_monotonic_time ();
  if (!timer_.active ())
    timer_ = Timer (nullptr, 1000, [this] {
      sample ();
      return !groups_.empty ();
    });
}

void
UsageSampler::unwatch (pid_t group)
{
  groups_.erase (group);
}

void
UsageSampler::sample ()
{
  DIR *proc = opendir ("/proc");
  if (!proc)
    return;
  struct Found
  {
    std::map<pid_t, std::uint64_t> ticks;
    std::uint64_t pages = 0;
  };
  std::map<pid_t, Found> found;
  while (const dirent *entry = readdir (proc)) {
    if (!g_ascii_isdigit (entry->d_name[0]))
      continue;
    pid_t pid = pid_t (atoi (entry->d_name));
    // Asks for the group first, since most are not ours.
    pid_t group = getpgid (pid);
    if (!groups_.contains (group))
      continue;
    if (auto stat = read_stat (pid)) {
      found[group].ticks[pid] = stat->ticks;
      found[group].pages += stat->resident_pages;
    }
  }
  closedir (proc);

  std::int64_t now_us = g_get_monotonic_time ();
  std::vector<std::pair<pid_t, GroupUsage>> usages;
  for (auto &[id, group] : groups_) {
    Found &now = found[id];
    std::uint64_t used = 0;
    for (auto [pid, ticks] : now.ticks) {
      auto before = group.ticks.find (pid);
      used += before == group.ticks.end () ? ticks
          : ticks > before->second         ? ticks - before->second
                                           : 0;
    }
    double seconds = double (now_us - group.sampled_us) / G_USEC_PER_SEC;
    group.ticks = std::move (now.ticks);
    group.used_ticks += used;
    group.sampled_us = now_us;
    GroupUsage usage;
    if (seconds > 0)
      usage.cpu_percent = 100 * double (used) / ticks_per_s_ / seconds / cores_;
    usage.memory_bytes = now.pages * page_bytes_;
    usage.cpu_seconds = double (group.used_ticks) / ticks_per_s_;
    usages.emplace_back (id, usage);
  }
  for (const auto &[id, usage] : usages) {
    auto group = groups_.find (id); // an observer may have unwatched it
    if (group == groups_.end ())
      continue;
    Observer observer = group->second.observer;
    observer (usage);
  }
}

} // namespace restream
