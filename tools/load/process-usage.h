// SPDX-License-Identifier: LGPL-2.1-or-later
// What a process has used up to now, as the kernel says.
// Thread: any; no state.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

namespace restream::load {

struct ProcessUsage
{
  double user_s = 0;
  double system_s = 0;
  std::uint64_t rss_bytes = 0;
  unsigned threads = 0;

  double cpu_s () const { return user_s + system_s; }
};

// Nothing: no such process.
std::optional<ProcessUsage> read_usage (pid_t pid);

} // namespace restream::load
