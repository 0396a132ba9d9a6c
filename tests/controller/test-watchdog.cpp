// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/usage-sampler.h"
#include "controller/process/watchdog.h"

#include <csignal>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

using namespace restream;

namespace {

constexpr std::uint64_t kMega = 1024 * 1024;

// The second in which it wants the end, when each second uses this; -1 = never within a minute.
int
second_of_end (Watchdog watchdog, GroupUsage usage, int grows_until_s = 1000,
    bool silent = false)
{
  double cpu_each_s = usage.cpu_seconds;
  for (int s = 1; s <= 60; s++) {
    std::int64_t now = (100 + s) * G_USEC_PER_SEC;
    usage.cpu_seconds = cpu_each_s * s;
    std::int64_t progress =
        (100 + std::min (s, grows_until_s)) * G_USEC_PER_SEC;
    if (!watchdog.check (usage, silent ? 0 : progress, silent, now).empty ())
      return s;
  }
  return -1;
}

Watchdog
make (ProcessLimits limits, std::uint64_t stale_s = 0)
{
  return Watchdog (limits, stale_s, 100 * G_USEC_PER_SEC);
}

void
limits ()
{
  GroupUsage usage{.cpu_percent = 50, .memory_bytes = 100 * kMega};
  g_assert_cmpint (second_of_end (make ({}), usage), ==, -1);
  g_assert_cmpint (second_of_end (make ({49, 0, 0}), usage), ==, 1);
  g_assert_cmpint (second_of_end (make ({50, 0, 0}), usage), ==, -1);
  g_assert_cmpint (second_of_end (make ({49, 0, 5}), usage), ==, 6);
  g_assert_cmpint (second_of_end (make ({0, 99, 0}), usage), ==, 1);
  g_assert_cmpint (second_of_end (make ({0, 101, 0}), usage), ==, -1);
  g_assert_cmpint (second_of_end (make ({0, 99, 3}), usage), ==, 4);
  g_assert_cmpint (second_of_end (make ({0, G_MAXUINT64, 3}), usage), ==, -1);
}

void
limits_begin_anew ()
{
  Watchdog watchdog = make ({50, 0, 5});
  for (int s = 1; s <= 60; s++) {
    GroupUsage usage{.cpu_percent = s % 5 == 0 ? 10. : 90.};
    g_assert_true (
        watchdog.check (usage, 0, false, (100 + s) * G_USEC_PER_SEC).empty ());
  }
}

void
stale ()
{
  g_assert_cmpint (second_of_end (make ({}, 10), {}), ==, -1);
  g_assert_cmpint (second_of_end (make ({}, 0), {}, 0), ==, -1);
  g_assert_cmpint (second_of_end (make ({}, 10), {}, 20), ==, 31);
  // Nothing at all from its start on.
  g_assert_cmpint (second_of_end (make ({}, 10), {}, 0, true), ==, 11);
  // At work before it tells anything, but not after.
  GroupUsage busy{.cpu_seconds = 0.01};
  g_assert_cmpint (second_of_end (make ({}, 10), busy, 0, true), ==, -1);
  g_assert_cmpint (second_of_end (make ({}, 10), busy, 20), ==, 31);
  GroupUsage waits{.cpu_seconds = 0.001};
  g_assert_cmpint (second_of_end (make ({}, 10), waits, 0, true), ==, 11);
}

// A group of two, of which one computes and one keeps memory.
pid_t
start_group ()
{
  pid_t leader = fork ();
  if (leader == 0) {
    setpgid (0, 0);
    if (fork () == 0) {
      std::size_t size = 64 * kMega;
      volatile char *memory = static_cast<volatile char *> (malloc (size));
      for (std::size_t i = 0; i < size; i += 1024)
        memory[i] = 1;
      for (;;)
        pause ();
    }
    for (;;)
      (void) getppid ();
  }
  setpgid (leader, leader);
  return leader;
}

void
sampler ()
{
  g_assert_cmpfloat (usable_cores (), >, 0);
  auto shared = std::make_shared<UsageSampler> ();
  pid_t group = start_group (), gone = fork ();
  if (gone == 0) {
    setpgid (0, 0);
    _exit (0);
  }
  std::optional<GroupUsage> seen, nothing;
  shared->watch (group, [&] (const GroupUsage &usage) { seen = usage; });
  shared->watch (gone, [&] (const GroupUsage &usage) {
    nothing = usage;
    shared->unwatch (gone);
  });
  std::int64_t deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  while (!seen || seen->memory_bytes < 64 * kMega || seen->cpu_percent <= 0) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    g_main_context_iteration (nullptr, TRUE);
  }
  g_assert_cmpfloat (seen->cpu_percent, <=, 100 * 1.2);
  g_assert_cmpfloat (seen->cpu_seconds, >, 0);
  g_assert_true (nothing.has_value ());
  g_assert_cmpuint (nothing->memory_bytes, ==, 0);
  g_assert_cmpuint (resident_bytes (group), >, 0);
  kill (-group, SIGKILL);
  waitpid (group, nullptr, 0);
  waitpid (gone, nullptr, 0);
  g_assert_cmpuint (resident_bytes (group), ==, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/watchdog/limits", limits);
  g_test_add_func ("/watchdog/limits-anew", limits_begin_anew);
  g_test_add_func ("/watchdog/stale", stale);
  g_test_add_func ("/usage-sampler/group", sampler);
  return g_test_run ();
}
