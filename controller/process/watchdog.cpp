// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/watchdog.h"

#include <glib.h>

#include <algorithm>

namespace restream {

namespace {

// FFmpeg tells nothing before all its outputs have begun: one that waits for a track that never comes keeps
// the others' progress from us. Until then this part of a core's time is a sign of life; waiting for a
// source takes a third of it.
constexpr double kBusyPart = 0.003;

bool
over_for (bool over, std::uint64_t wait_s, std::int64_t &since_us,
    std::int64_t now_us)
{
  if (!over)
    since_us = 0;
  else if (since_us == 0)
    since_us = now_us;
  return over && std::uint64_t (now_us - since_us) >= wait_s * G_USEC_PER_SEC;
}

} // namespace

std::string
Watchdog::check (const GroupUsage &usage, std::int64_t progress_us, bool silent,
    std::int64_t now_us)
{
  std::string reason = check_limits (usage, now_us);
  if (!reason.empty () || stale_timeout_s_ == 0)
    return reason;
  if (progress_us > last_sign_us_) {
    last_sign_us_ = progress_us;
    cpu_at_sign_s_ = usage.cpu_seconds;
  }
  double seconds = double (now_us - last_sign_us_) / G_USEC_PER_SEC;
  if (seconds <= double (stale_timeout_s_))
    return "";
  if (silent && usage.cpu_seconds - cpu_at_sign_s_ > kBusyPart * seconds) {
    last_sign_us_ = now_us;
    cpu_at_sign_s_ = usage.cpu_seconds;
    return "";
  }
  return "stale: no progress for " + std::to_string (stale_timeout_s_)
      + " seconds";
}

std::string
Watchdog::check_limits (const GroupUsage &usage, std::int64_t now_us)
{
  constexpr std::uint64_t kMega = 1024 * 1024;
  bool cpu = limits_.cpu_usage > 0 && usage.cpu_percent > limits_.cpu_usage;
  bool memory = limits_.memory_mbytes > 0
      && usage.memory_bytes / kMega >= limits_.memory_mbytes;
  bool cpu_long = over_for (cpu, limits_.waitfor_s, cpu_over_since_us_, now_us);
  bool memory_long =
      over_for (memory, limits_.waitfor_s, memory_over_since_us_, now_us);
  char text[128];
  if (cpu_long) {
    g_snprintf (text, sizeof text, "limit exceeded: CPU %.1f %% of %.1f %%",
        usage.cpu_percent, limits_.cpu_usage);
    return text;
  }
  if (memory_long) {
    g_snprintf (text, sizeof text,
        "limit exceeded: memory %.1f MB of %" G_GUINT64_FORMAT " MB",
        double (usage.memory_bytes) / kMega, limits_.memory_mbytes);
    return text;
  }
  return "";
}

} // namespace restream
