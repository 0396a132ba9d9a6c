// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/rtp-timeline.h"

#include <glib.h>

using restream::sink::RtpTimeline;

static constexpr std::uint64_t kMs = 1'000'000;

// A packet that has a place.
static RtpTimeline::Stamp
place (RtpTimeline &line, std::uint32_t ssrc, RtpTimeline::Stamp in,
    std::uint64_t arrival_ns)
{
  const auto mapped = line.map (ssrc, in, arrival_ns);
  g_assert_true (mapped.has_value ());
  return mapped->stamp;
}

static void
starts_at_the_given_stamp ()
{
  RtpTimeline line (90000, {99, 5000});
  auto out = place (line, 1, {40000, 123456}, 10 * kMs);
  g_assert_cmpuint (out.sequence, ==, 100);
  g_assert_cmpuint (out.timestamp, ==, 5000);
  out = place (line, 1, {40001, 123456 + 3000}, 43 * kMs);
  g_assert_cmpuint (out.sequence, ==, 101);
  g_assert_cmpuint (out.timestamp, ==, 8000);
}

static void
keeps_order_and_holes_of_the_source ()
{
  RtpTimeline line (90000, {0, 0});
  place (line, 1, {10, 100}, 0);
  auto late = place (line, 1, {13, 300}, 1); // 11 and 12 are missing
  g_assert_cmpuint (late.sequence, ==, 4);
  auto reordered = place (line, 1, {11, 200}, 2);
  g_assert_cmpuint (reordered.sequence, ==, 2);
  g_assert_cmpuint (reordered.timestamp, ==, 100);
}

static void
makes_room_for_packets_of_our_own ()
{
  RtpTimeline line (90000, {65530, 0});
  place (line, 1, {10, 100}, 0);
  g_assert_cmpuint (place (line, 1, {13, 300}, 1).sequence, ==, 65534);
  g_assert_cmpuint (line.insert (3), ==, 65534); // 13 is 1 now
  g_assert_cmpuint (place (line, 1, {15, 400}, 2).sequence, ==, 3);
  // Late ones keep the places that are free for them.
  g_assert_cmpuint (place (line, 1, {14, 300}, 3).sequence, ==, 2);
  g_assert_cmpuint (place (line, 1, {12, 200}, 3).sequence, ==, 65533);
  g_assert_cmpuint (line.insert (2), ==, 3); // 15 is 5 now
  g_assert_cmpuint (place (line, 1, {16, 500}, 4).sequence, ==, 6);
  // From before the one but last time: none is known any more.
  g_assert_false (line.map (1, {11, 200}, 5).has_value ());
  g_assert_cmpuint (line.stray (), ==, 1);
  // Another source knows nothing of it.
  g_assert_cmpuint (place (line, 2, {7, 0}, 6).sequence, ==, 7);
  g_assert_cmpuint (place (line, 2, {9, 0}, 6).sequence, ==, 9);
  g_assert_cmpuint (place (line, 2, {8, 0}, 6).sequence, ==, 8);
}

static void
wraps ()
{
  RtpTimeline line (90000, {65534, 0xfffffff0});
  auto a = place (line, 1, {65535, 0xffffffff}, 0);
  auto b = place (line, 1, {0, 3000}, 1);
  g_assert_cmpuint (a.sequence, ==, 65535);
  g_assert_cmpuint (b.sequence, ==, 0);
  g_assert_cmpuint (b.timestamp - a.timestamp, ==, 3001);
}

static void
a_restart_continues_the_line ()
{
  RtpTimeline line (90000, {0, 1000});
  place (line, 1, {500, 70000}, 0);
  auto last = place (line, 1, {501, 73000}, 33 * kMs);
  // A new encoder, 2 s later, with stamps of its own.
  auto next = place (line, 2, {9, 0xdeadbeef}, 2033 * kMs);
  g_assert_cmpuint (next.sequence, ==,
      static_cast<std::uint16_t> (last.sequence + 1));
  g_assert_cmpuint (next.timestamp - last.timestamp, ==, 2 * 90000);
  auto after = place (line, 2, {10, 0xdeadbeef + 3000}, 2066 * kMs);
  g_assert_cmpuint (after.timestamp - next.timestamp, ==, 3000);
  g_assert_cmpuint (line.restarts (), ==, 1);
}

static void
a_restart_without_a_pause_still_moves_on ()
{
  RtpTimeline line (48000, {0, 0});
  auto before = place (line, 1, {1, 10}, 5 * kMs);
  auto after = place (line, 2, {1, 10}, 5 * kMs);
  g_assert_cmpuint (after.timestamp - before.timestamp, ==, 1);
  auto backwards = place (line, 3, {1, 10}, 1 * kMs); // a clock that went back
  g_assert_cmpuint (backwards.timestamp - after.timestamp, ==, 1);
}

static void
a_long_pause_does_not_overflow ()
{
  RtpTimeline line (90000, {0, 0});
  auto before = place (line, 1, {1, 10}, 0);
  std::uint64_t day = 86400ull * 1000 * kMs;
  auto after = place (line, 2, {1, 10}, day);
  g_assert_cmpuint (after.timestamp - before.timestamp, ==,
      static_cast<std::uint32_t> (86400ull * 90000));
}

static void
a_packet_that_comes_twice_has_no_place ()
{
  RtpTimeline line (90000, {65530, 0});
  for (std::uint16_t sequence = 100; sequence < 110; sequence++)
    place (line, 1, {sequence, 100u * sequence}, sequence);
  for (std::uint16_t sequence : {109, 105, 100})
    g_assert_false (line.map (1, {sequence, 100u * sequence}, 200));
  g_assert_cmpuint (line.repeated (), ==, 3);
  // From before the first one: nobody could place it.
  g_assert_false (line.map (1, {99, 9900}, 200));
  g_assert_cmpuint (line.stray (), ==, 1);
  const auto next = line.map (1, {110, 11000}, 210);
  g_assert_true (next && next->newest);
  g_assert_cmpuint (next->stamp.sequence, ==,
      static_cast<std::uint16_t> (65530 + 11));
}

static void
losses_and_late_packets_are_counted ()
{
  RtpTimeline line (90000, {0, 0});
  place (line, 1, {65533, 0}, 0);
  place (line, 1, {2, 0}, 1); // four are missing, across the wrap
  g_assert_cmpuint (line.lost (), ==, 4);
  const auto late = line.map (1, {65535, 0}, 2);
  g_assert_true (late && !late->newest);
  g_assert_cmpuint (late->stamp.sequence, ==, 3);
  g_assert_cmpuint (line.lost (), ==, 3);
  g_assert_cmpuint (line.reordered (), ==, 1);
  // They stay counted when another source follows.
  place (line, 2, {7, 7}, 3);
  place (line, 2, {9, 7}, 4);
  g_assert_cmpuint (line.lost (), ==, 4);
}

// FFmpeg with a fixed -ssrc, started again.
static void
a_jump_of_sequence_numbers_is_a_restart_once_confirmed ()
{
  RtpTimeline line (90000, {0, 0});
  place (line, 1, {100, 1000}, 0);
  const auto last = place (line, 1, {101, 4000}, 33 * kMs);
  g_assert_false (line.map (1, {40000, 0x70000000}, 500 * kMs));
  g_assert_cmpuint (line.restarts (), ==, 0);
  const auto next = place (line, 1, {40001, 0x70000000}, 533 * kMs);
  g_assert_cmpuint (line.restarts (), ==, 1);
  g_assert_cmpuint (next.sequence, ==, last.sequence + 1);
  g_assert_cmpuint (next.timestamp - last.timestamp, ==, 45000);
  const auto after = place (line, 1, {40002, 0x70000000 + 3000}, 566 * kMs);
  g_assert_cmpuint (after.timestamp - next.timestamp, ==, 3000);

  // A single one, between others, is a stray.
  g_assert_false (line.map (1, {9, 5}, 570 * kMs));
  const auto more = place (line, 1, {40003, 0x70000000 + 6000}, 600 * kMs);
  g_assert_cmpuint (more.sequence, ==, after.sequence + 1);
  g_assert_false (line.map (1, {10, 5}, 610 * kMs));
  g_assert_cmpuint (line.restarts (), ==, 1);
  g_assert_cmpuint (line.stray (), ==, 3);
  // Backwards likewise.
  place (line, 1, {11, 5}, 620 * kMs);
  g_assert_cmpuint (line.restarts (), ==, 2);
}

static void
a_clock_that_was_set_does_not_reach_the_viewers ()
{
  for (const std::uint32_t jump : {0x40000000u, 0xc0000000u, 20u * 90000}) {
    RtpTimeline line (90000, {0, 0});
    place (line, 1, {1, 1000}, 0);
    const auto before = place (line, 1, {2, 4000}, 33 * kMs);
    const auto after = place (line, 1, {3, 4000 + jump}, 66 * kMs);
    g_assert_cmpuint (after.timestamp - before.timestamp, ==, 33 * 90);
    g_assert_cmpuint (line.restarts (), ==, 1);
    // The next packets of the same picture, and the reports, go by the new one.
    g_assert_cmpuint (place (line, 1, {4, 4000 + jump}, 66 * kMs).timestamp, ==,
        after.timestamp);
    g_assert_true (line.find (1, 4000 + jump) == after.timestamp);
  }
  // What a source may do: pause, and send B-frames.
  RtpTimeline line (90000, {0, 0});
  place (line, 1, {1, 1000}, 0);
  const auto paused =
      place (line, 1, {2, 1000 + 3600u * 90000}, 3600'000 * kMs);
  g_assert_cmpuint (paused.timestamp, ==, 3600u * 90000);
  const auto b =
      place (line, 1, {3, 1000 + 3600u * 90000 - 9000}, 3600'010 * kMs);
  g_assert_cmpuint (paused.timestamp - b.timestamp, ==, 9000);
  g_assert_cmpuint (line.restarts (), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/timeline/start", starts_at_the_given_stamp);
  g_test_add_func ("/sink/timeline/order", keeps_order_and_holes_of_the_source);
  g_test_add_func ("/sink/timeline/makes-room",
      makes_room_for_packets_of_our_own);
  g_test_add_func ("/sink/timeline/wrap", wraps);
  g_test_add_func ("/sink/timeline/restart", a_restart_continues_the_line);
  g_test_add_func ("/sink/timeline/restart-at-once",
      a_restart_without_a_pause_still_moves_on);
  g_test_add_func ("/sink/timeline/long-pause", a_long_pause_does_not_overflow);
  g_test_add_func ("/sink/timeline/repeated",
      a_packet_that_comes_twice_has_no_place);
  g_test_add_func ("/sink/timeline/lost", losses_and_late_packets_are_counted);
  g_test_add_func ("/sink/timeline/jump",
      a_jump_of_sequence_numbers_is_a_restart_once_confirmed);
  g_test_add_func ("/sink/timeline/clock",
      a_clock_that_was_set_does_not_reach_the_viewers);
  return g_test_run ();
}
