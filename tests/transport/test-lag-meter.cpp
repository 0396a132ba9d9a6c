// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/lag-meter.h"

#include <glib.h>

using restream::transport::LagMeter;

static constexpr std::uint64_t kMs = 1'000'000;

static void
an_empty_queue_has_no_lag ()
{
  LagMeter meter;
  g_assert_cmpuint (meter.lag_ns (0, 5 * kMs), ==, 0);
  meter.pushed (3, 10 * kMs);
  g_assert_cmpuint (meter.lag_ns (0, 900 * kMs), ==, 0);
}

static void
lag_is_the_age_of_the_oldest_packet ()
{
  LagMeter meter;
  meter.pushed (5, 100 * kMs);
  meter.pushed (5, 133 * kMs);
  meter.pushed (5, 166 * kMs);
  g_assert_cmpuint (meter.lag_ns (15, 200 * kMs), ==, 100 * kMs);
  g_assert_cmpuint (meter.lag_ns (10, 200 * kMs), ==, 67 * kMs);
  g_assert_cmpuint (meter.lag_ns (7, 200 * kMs), ==, 67 * kMs);
  g_assert_cmpuint (meter.lag_ns (1, 200 * kMs), ==, 34 * kMs);
}

static void
a_pause_of_the_stream_is_no_lag ()
{
  LagMeter meter;
  meter.pushed (5, 100 * kMs);
  g_assert_cmpuint (meter.lag_ns (0, 2000 * kMs), ==, 0);
  meter.pushed (5, 2000 * kMs);
  g_assert_cmpuint (meter.lag_ns (5, 2001 * kMs), ==, 1 * kMs);
}

static void
small_bursts_share_a_mark_and_the_ring_never_overflows ()
{
  LagMeter meter;
  for (std::uint64_t i = 0; i < 10000; i++)
    meter.pushed (1, i * kMs);
  // 64 marks of 10 ms, then the newest grows: the oldest is still known.
  g_assert_cmpuint (meter.lag_ns (10000, 10000 * kMs), ==, 10000 * kMs);
  g_assert_cmpuint (meter.lag_ns (0, 10000 * kMs), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/transport/lag-meter/empty", an_empty_queue_has_no_lag);
  g_test_add_func ("/transport/lag-meter/age",
      lag_is_the_age_of_the_oldest_packet);
  g_test_add_func ("/transport/lag-meter/pause",
      a_pause_of_the_stream_is_no_lag);
  g_test_add_func ("/transport/lag-meter/bound",
      small_bursts_share_a_mark_and_the_ring_never_overflows);
  return g_test_run ();
}
