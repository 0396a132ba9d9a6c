// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/process-usage.h"

#include "common/ref.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace restream::load {

std::optional<ProcessUsage>
read_usage (pid_t pid)
{
  const std::string path = "/proc/" + std::to_string (pid) + "/stat";
  char *raw = nullptr;
  if (!g_file_get_contents (path.c_str (), &raw, nullptr, nullptr))
    return std::nullopt;
  Owned<char> text (raw);
  // The name in brackets may have blanks and brackets itself. See proc(5).
  const char *rest = std::strrchr (raw, ')');
  unsigned long user = 0, system = 0;
  long threads = 0, pages = 0;
  if (!rest
      || std::sscanf (rest + 1,
             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
             "%*d %*d %ld %*d %*u %*u %ld",
             &user, &system, &threads, &pages)
          != 4)
    return std::nullopt;
  const double ticks = static_cast<double> (sysconf (_SC_CLK_TCK));
  return ProcessUsage{
      .user_s = static_cast<double> (user) / ticks,
      .system_s = static_cast<double> (system) / ticks,
      .rss_bytes = static_cast<std::uint64_t> (pages)
          * static_cast<std::uint64_t> (sysconf (_SC_PAGESIZE)),
      .threads = static_cast<unsigned> (threads),
  };
}

} // namespace restream::load
