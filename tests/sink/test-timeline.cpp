// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/rtp-timeline.h"

#include <glib.h>

using restream::sink::RtpTimeline;

static constexpr std::uint64_t kMs = 1'000'000;

static void
starts_at_the_given_stamp ()
{
  RtpTimeline line (90000, {99, 5000});
  auto out = line.map (1, {40000, 123456}, 10 * kMs);
  g_assert_cmpuint (out.sequence, ==, 100);
  g_assert_cmpuint (out.timestamp, ==, 5000);
  out = line.map (1, {40001, 123456 + 3000}, 43 * kMs);
  g_assert_cmpuint (out.sequence, ==, 101);
  g_assert_cmpuint (out.timestamp, ==, 8000);
}

static void
keeps_order_and_holes_of_the_source ()
{
  RtpTimeline line (90000, {0, 0});
  line.map (1, {10, 100}, 0);
  auto late = line.map (1, {13, 300}, 1); // 11 and 12 are missing
  g_assert_cmpuint (late.sequence, ==, 4);
  auto reordered = line.map (1, {11, 200}, 2);
  g_assert_cmpuint (reordered.sequence, ==, 2);
  g_assert_cmpuint (reordered.timestamp, ==, 100);
}

static void
wraps ()
{
  RtpTimeline line (90000, {65534, 0xfffffff0});
  auto a = line.map (1, {65535, 0xffffffff}, 0);
  auto b = line.map (1, {0, 3000}, 1);
  g_assert_cmpuint (a.sequence, ==, 65535);
  g_assert_cmpuint (b.sequence, ==, 0);
  g_assert_cmpuint (b.timestamp - a.timestamp, ==, 3001);
}

static void
a_restart_continues_the_line ()
{
  RtpTimeline line (90000, {0, 1000});
  line.map (1, {500, 70000}, 0);
  auto last = line.map (1, {501, 73000}, 33 * kMs);
  // A new encoder, 2 s later, with stamps of its own.
  auto next = line.map (2, {9, 0xdeadbeef}, 2033 * kMs);
  g_assert_cmpuint (next.sequence, ==,
      static_cast<std::uint16_t> (last.sequence + 1));
  g_assert_cmpuint (next.timestamp - last.timestamp, ==, 2 * 90000);
  auto after = line.map (2, {10, 0xdeadbeef + 3000}, 2066 * kMs);
  g_assert_cmpuint (after.timestamp - next.timestamp, ==, 3000);
  g_assert_cmpuint (line.restarts (), ==, 1);
}

static void
a_restart_without_a_pause_still_moves_on ()
{
  RtpTimeline line (48000, {0, 0});
  auto before = line.map (1, {1, 10}, 5 * kMs);
  auto after = line.map (2, {1, 10}, 5 * kMs);
  g_assert_cmpuint (after.timestamp - before.timestamp, ==, 1);
  auto backwards = line.map (3, {1, 10}, 1 * kMs); // a clock that went back
  g_assert_cmpuint (backwards.timestamp - after.timestamp, ==, 1);
}

static void
a_long_pause_does_not_overflow ()
{
  RtpTimeline line (90000, {0, 0});
  auto before = line.map (1, {1, 10}, 0);
  std::uint64_t day = 86400ull * 1000 * kMs;
  auto after = line.map (2, {1, 10}, day);
  g_assert_cmpuint (after.timestamp - before.timestamp, ==,
      static_cast<std::uint32_t> (86400ull * 90000));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/timeline/start", starts_at_the_given_stamp);
  g_test_add_func ("/sink/timeline/order", keeps_order_and_holes_of_the_source);
  g_test_add_func ("/sink/timeline/wrap", wraps);
  g_test_add_func ("/sink/timeline/restart", a_restart_continues_the_line);
  g_test_add_func ("/sink/timeline/restart-at-once",
      a_restart_without_a_pause_still_moves_on);
  g_test_add_func ("/sink/timeline/long-pause", a_long_pause_does_not_overflow);
  return g_test_run ();
}
