// SPDX-License-Identifier: LGPL-2.1-or-later
// Times: NTP, the round trip, a medium's RTP clock; and the budget of answers.
#include "plugin/transport/rtcp/ntp.h"
#include "plugin/transport/rtcp/retransmission-budget.h"
#include "plugin/transport/rtcp/round-trip.h"
#include "plugin/transport/rtcp/sender-clock.h"

#include <glib.h>

#include <cmath>
#include <cstdlib>

using namespace restream::transport;

static constexpr std::uint64_t kMs = 1'000'000; // ns

static constexpr std::uint64_t
ntp (double seconds)
{
  return static_cast<std::uint64_t> (
      seconds * static_cast<double> (kNtpSecond));
}

// A day of 2024, on the NTP clock.
static constexpr std::uint64_t kNow = std::uint64_t{3930000000} << 32;

static void
ntp_values ()
{
  // RFC 5905, figure 4: the first day of Unix; a half of a second after it.
  g_assert_cmpuint (ntp_from_unix (0) >> 32, ==, 2208988800);
  g_assert_cmphex (ntp_from_unix (500 * kMs) & 0xffffffff, ==, 0x80000000);
  g_assert_cmphex (ntp_from_unix (999'999'999) & 0xffffffff, ==, 0xfffffffb);
  // The era of 2036.
  const std::uint64_t end = (kNtpSecond - kUnixEpochInNtp) * kNsPerSecond;
  g_assert_cmphex (ntp_from_unix (end), ==, 0);
  g_assert_cmphex (ntp_from_unix (end - 1) >> 32, ==, 0xffffffff);
  g_assert_cmphex (compact_ntp (0x0123456789abcdef), ==, 0x456789ab);
}

static void
round_trip_of_the_rfc ()
{
  // RFC 3550, figure 2: 6.125 s, of which the network took the report's own.
  RoundTrip rtt;
  g_assert_true (rtt.add (std::uint64_t{0xb44db705} << 32 | 0x20000000,
                     {.last_sr = 0xb7052000, .delay_since_last_sr = 0x00054000})
      == false);
  const std::uint64_t now = std::uint64_t{0xb44db710} << 32 | 0x80000000;
  g_assert_true (rtt.add (now,
      {.last_sr = 0xb7052000, .delay_since_last_sr = 0x00054000}));
  g_assert_cmpuint (rtt.last_ns (), ==, 6125 * kMs);
  g_assert_cmpuint (rtt.smoothed_ns (), ==, 6125 * kMs);
}

static ReportBlock
report (std::uint64_t sr_sent, double delay)
{
  return {.last_sr = compact_ntp (sr_sent),
      .delay_since_last_sr = static_cast<std::uint32_t> (delay * 65536)};
}

static void
round_trip_plausible ()
{
  RoundTrip rtt;
  g_assert_false (rtt.known ());
  g_assert_false (rtt.add (kNow, {})); // no sender report seen yet
  // Too long, and before it was sent.
  g_assert_false (rtt.add (kNow, report (kNow - ntp (12), 1)));
  g_assert_false (rtt.add (kNow, report (kNow - ntp (1), 1.1)));
  g_assert_false (rtt.add (kNow, report (kNow + ntp (3600), 0)));
  g_assert_false (rtt.add (kNow,
      {.last_sr = compact_ntp (kNow), .delay_since_last_sr = ~0u / 2}));
  g_assert_false (rtt.known ());
  g_assert_cmpuint (rtt.smoothed_ns (), ==, 0);

  // A viewer's clock that runs a little fast.
  g_assert_true (rtt.add (kNow, report (kNow - ntp (5), 5.002)));
  g_assert_true (rtt.known ());
  g_assert_cmpuint (rtt.smoothed_ns (), ==, 0);

  // Over the wrap of the middle 32 bits.
  RoundTrip wrapped;
  const std::uint64_t wrap = std::uint64_t{3930193920} << 32; // n * 65536
  g_assert_cmphex (compact_ntp (wrap), ==, 0);
  g_assert_true (wrapped.add (wrap + ntp (0.25), report (wrap - ntp (1), 1)));
  g_assert_cmpuint (wrapped.last_ns (), ==, 250 * kMs);

  // Smoothed: an eighth of the new.
  g_assert_true (wrapped.add (wrap + ntp (10.5), report (wrap + ntp (10), 0)));
  g_assert_cmpuint (wrapped.last_ns (), ==, 500 * kMs);
  g_assert_cmpuint (wrapped.smoothed_ns (), ==,
      250 * kMs + (500 - 250) * kMs / 8);
}

static void
assert_near (std::uint32_t rtp_time, std::uint32_t expected, std::int32_t off)
{
  const auto apart = static_cast<std::int32_t> (rtp_time - expected);
  if (std::abs (apart) > off)
    g_error ("%u, not %u", rtp_time, expected);
}

static void
clock_by_reports ()
{
  SenderClock clock (90000);
  g_assert_false (clock.rtp_at (kNow).has_value ());
  // Half a second from the wrap of the RTP time.
  const std::uint32_t rtp = 0u - 45000;
  g_assert_false (clock.add_report (kNow, kNow, rtp));
  g_assert_cmphex (*clock.rtp_at (kNow), ==, rtp);
  g_assert_cmphex (*clock.rtp_at (kNow + ntp (1)), ==, 45000);
  g_assert_cmphex (*clock.rtp_at (kNow - ntp (1)), ==, rtp - 90000);
  // Without new ones for days: nothing better is known, and nothing overflows.
  const std::uint64_t days = 100 * 86400;
  g_assert_cmphex (*clock.rtp_at (kNow + (days << 32)), ==,
      static_cast<std::uint32_t> (rtp + days * 90000));
  // Rounded to the nearest tick.
  g_assert_cmphex (*clock.rtp_at (kNow + ntp (1.49 / 90000)), ==, rtp + 1);
  g_assert_cmphex (*clock.rtp_at (kNow + ntp (1.51 / 90000)), ==, rtp + 2);

  // A millisecond is taken as it is, and is no jump; a tenth of a second is.
  g_assert_false (
      clock.add_report (kNow + ntp (5), kNow + ntp (5.001), rtp + 5 * 90000));
  assert_near (*clock.rtp_at (kNow + ntp (5.001)), rtp + 5 * 90000, 0);
  g_assert_true (clock.add_report (kNow + ntp (10), kNow + ntp (10),
      rtp + 10 * 90000 + 10000));
  assert_near (*clock.rtp_at (kNow + ntp (10)), rtp + 10 * 90000 + 10000, 0);
  g_assert_true (
      clock.add_report (kNow + ntp (15), kNow + ntp (15), rtp + 15 * 90000));

  // Over the end of the NTP era.
  SenderClock late (48000);
  late.add_report (0 - ntp (1), 0 - ntp (1), 7);
  g_assert_cmphex (*late.rtp_at (ntp (1)), ==, 7 + 2 * 48000);
}

static void
clock_by_packets ()
{
  SenderClock clock (48000);
  // 20 ms each, late by up to 15 ms, the third the earliest.
  const double late[] = {0.006, 0.010, 0.001, 0.015, 0.004};
  const auto feed = [&] (unsigned from, unsigned to, double shift) {
    bool jumped = false;
    for (unsigned i = from; i < to; i++)
      jumped |= clock.add_packet (kNow + ntp (i * 0.02 + late[i % 5] + shift),
          i * 960);
    return jumped;
  };
  g_assert_false (feed (0, 500, 0));
  assert_near (*clock.rtp_at (kNow + ntp (10.001)), 480000, 2);

  // Earlier: at once. Later by 50 ms: once the window has shown it is no jitter.
  g_assert_false (feed (500, 505, -0.05));
  assert_near (*clock.rtp_at (kNow + ntp (10 - 0.049)), 480000, 2);
  g_assert_false (feed (505, 530, 0));
  assert_near (*clock.rtp_at (kNow + ntp (10 - 0.049)), 480000, 2);
  g_assert_false (feed (530, 800, 0));
  assert_near (*clock.rtp_at (kNow + ntp (10.001)), 480000, 2);

  // A jump of the line: forward at once, backward after the window.
  g_assert_true (feed (800, 801, -0.5));
  assert_near (*clock.rtp_at (kNow + ntp (16 - 0.494)), 800 * 960, 2);
  g_assert_true (feed (801, 1200, 0));
  assert_near (*clock.rtp_at (kNow + ntp (24.001)), 1200 * 960, 2);
  // The wall clock set an hour forth and back.
  g_assert_true (feed (1200, 1201, 3600));
  assert_near (*clock.rtp_at (kNow + ntp (3624.006)), 1200 * 960, 50);
  g_assert_true (feed (1201, 1202, 0));
  g_assert_cmpuint (clock.refused_reports (), ==, 0);
}

// Packets that come in heaps, the first of each up to 140 ms late: whichever
// the window ends on, the line stays that of the punctual ones.
static void
clock_heaps ()
{
  SenderClock clock (48000);
  for (unsigned i = 1; i <= 5000; i++) {
    const unsigned heap = (i + 7) / 8 * 8;
    g_assert_false (clock.add_packet (kNow + ntp (heap * 0.02), i * 960));
    if (i >= 8)
      assert_near (*clock.rtp_at (kNow + ntp (i * 0.02)), i * 960, 2);
  }
}

// The sending clock is 200 ppm slow: followed without a jump.
static void
clock_drift ()
{
  SenderClock clock (90000);
  for (unsigned i = 0; i < 30 * 3600; i++)
    g_assert_false (
        clock.add_packet (kNow + ntp (i / 30.0 * 1.0002), i * 3000));
  assert_near (*clock.rtp_at (kNow + ntp (3600 * 1.0002)), 3600u * 90000,
      90 * 2);
}

static void
clock_reports_over_packets ()
{
  SenderClock clock (90000);
  // An encoder that holds pictures for half a second.
  const auto packets = [&] (double from, double to) {
    bool jumped = false;
    for (double t = from; t < to; t += 0.04)
      jumped |= clock.add_packet (kNow + ntp (t + 0.5),
          static_cast<std::uint32_t> (std::lround (t * 90000)));
    return jumped;
  };
  g_assert_false (packets (0, 1));
  assert_near (*clock.rtp_at (kNow + ntp (1)), 45000, 1);
  // FFmpeg knows better. From here on packets change nothing.
  g_assert_true (clock.add_report (kNow + ntp (1), kNow + ntp (1), 90000));
  assert_near (*clock.rtp_at (kNow + ntp (1)), 90000, 0);
  g_assert_false (packets (1, 20));
  assert_near (*clock.rtp_at (kNow + ntp (20)), 20 * 90000, 0);

  // The report's clock is set an hour ahead: its own NTP time is nothing to us,
  // and the RTP time it reckons from it belongs to no packet.
  g_assert_false (
      clock.add_report (kNow + ntp (20), kNow + ntp (3620), 3620u * 90000));
  g_assert_cmpuint (clock.refused_reports (), ==, 1);
  assert_near (*clock.rtp_at (kNow + ntp (20)), 20 * 90000, 0);
  // Another clock, but the same line.
  g_assert_false (
      clock.add_report (kNow + ntp (21), kNow + ntp (7000), 21 * 90000));
  assert_near (*clock.rtp_at (kNow + ntp (21)), 21 * 90000, 0);

  // No more reports: by packets again.
  g_assert_false (packets (20, 60));
  assert_near (*clock.rtp_at (kNow + ntp (60)), 60 * 90000 - 45000, 5);

  // A line far off the last report's does not wait for that.
  g_assert_true (
      clock.add_report (kNow + ntp (60.5), kNow + ntp (60.5), 5445000));
  g_assert_true (clock.add_packet (kNow + ntp (61), 61 * 90000 + 3000000));
  assert_near (*clock.rtp_at (kNow + ntp (61)), 61 * 90000 + 3000000, 0);
}

using Verdict = RetransmissionBudget::Verdict;

static void
budget_repeats ()
{
  RetransmissionBudget budget;
  std::uint64_t now = 0;
  budget.set_rate (1'000'000, now);
  g_assert_true (budget.ask (0, 1000, now, 0) == Verdict::send);
  g_assert_true (budget.ask (0, 1000, now, 0) == Verdict::repeated);
  g_assert_true (budget.ask (0, 1000, now + 5 * kMs, 0) == Verdict::repeated);
  g_assert_true (budget.ask (0, 1000, now + 12 * kMs, 0) == Verdict::send);
  // The same number of the other medium.
  g_assert_true (budget.ask (1 << 16, 99, now + 12 * kMs, 0) == Verdict::send);

  now = 1000 * kMs;
  g_assert_true (budget.ask (7, 1000, now, 80 * kMs) == Verdict::send);
  g_assert_true (
      budget.ask (7, 1000, now + 70 * kMs, 80 * kMs) == Verdict::repeated);
  g_assert_true (
      budget.ask (7, 1000, now + 82 * kMs, 80 * kMs) == Verdict::send);
  // A round trip nobody has.
  now = 3000 * kMs;
  g_assert_true (budget.ask (7, 1000, now, ~std::uint64_t{0}) == Verdict::send);
  g_assert_true (budget.ask (7, 1000, now + 1003 * kMs, ~std::uint64_t{0})
      == Verdict::send);
  g_assert_cmpuint (budget.counts ().sent, ==, 7);
  g_assert_cmpuint (budget.counts ().sent_bytes, ==, 6099);
  g_assert_cmpuint (budget.counts ().repeated, ==, 3);
  g_assert_cmpuint (budget.counts ().exhausted, ==, 0);
}

// A viewer that asks for all it can think of, for a minute.
static void
budget_flood ()
{
  for (const std::uint64_t rate :
      {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{1'500},
          std::uint64_t{500'000}, std::uint64_t{100'000'000}}) {
    RetransmissionBudget budget;
    std::uint64_t now = 123'456'789'012;
    budget.set_rate (rate, now);
    const std::uint64_t burst = std::max<std::uint64_t> (rate / 2, 65536);
    std::uint64_t asked = 0;
    for (unsigned ms = 0; ms < 60'000; ms++, now += kMs)
      for (unsigned i = 0; i < 100; i++, asked++)
        budget.ask (static_cast<std::uint32_t> (asked), 1200, now, 0);
    const auto &counts = budget.counts ();
    g_assert_cmpuint (counts.sent_bytes, <=, burst + 60 * rate);
    g_assert_cmpuint (counts.sent + counts.exhausted, ==, asked);
    // And not much less: parts of a byte are not lost.
    const std::uint64_t wanted = asked * 1200;
    g_assert_cmpuint (counts.sent_bytes + 1200 + rate / 500, >=,
        std::min (wanted, burst + 60 * rate));
  }
}

static void
budget_rate_changes ()
{
  RetransmissionBudget budget;
  // Nothing is known of the stream: nothing is sent again.
  g_assert_true (budget.ask (1, 1, kMs, 0) == Verdict::exhausted);
  budget.set_rate (10'000'000, kMs);
  for (unsigned i = 0; i < 5; i++)
    g_assert_true (budget.ask (i, 1'000'000, kMs, 0) == Verdict::send);
  g_assert_true (budget.ask (9, 1, kMs, 0) == Verdict::exhausted);
  // A tenth of a second at the old rate, then one at the new.
  budget.set_rate (100'000, 101 * kMs);
  g_assert_true (budget.ask (9, 65536, 101 * kMs, 0) == Verdict::send);
  g_assert_true (budget.ask (10, 1001, 111 * kMs, 0) == Verdict::exhausted);
  g_assert_true (budget.ask (10, 1000, 111 * kMs, 0) == Verdict::send);
  // A clock that goes back gives nothing, and takes nothing.
  g_assert_true (budget.ask (11, 1, 50 * kMs, 0) == Verdict::exhausted);
  g_assert_true (budget.ask (11, 1000, 121 * kMs, 0) == Verdict::send);
  // Unheard-of rates and times.
  budget.set_rate (~std::uint64_t{0}, ~std::uint64_t{0} - 5);
  g_assert_true (budget.ask (12, 1000, ~std::uint64_t{0}, 0) == Verdict::send);
}

// Instants of RTP times, before and after the line's point and across both wraps.
static void
clock_back ()
{
  for (std::uint32_t rate : {8000u, 48000u, 90000u}) {
    SenderClock clock (rate);
    const std::uint64_t at = 0xffffffff'fff00000; // NTP wraps
    g_assert_false (clock.ntp_of (1, at).has_value ());
    clock.add_packet (at, 0xfffffff0);
    for (int ms : {-30'000, -1, 0, 1, 999, 1000, 40'001, 3'600'000}) {
      const std::uint64_t then =
          at + static_cast<std::uint64_t> (ms * (std::int64_t{1} << 32) / 1000);
      const auto back = clock.ntp_of (*clock.rtp_at (then), at);
      const auto apart = static_cast<std::int64_t> (*back - then);
      g_assert_cmpint (ABS (apart), <=, (std::int64_t{1} << 32) / rate);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/ntp", ntp_values);
  g_test_add_func ("/round-trip/rfc", round_trip_of_the_rfc);
  g_test_add_func ("/round-trip/plausible", round_trip_plausible);
  g_test_add_func ("/clock/reports", clock_by_reports);
  g_test_add_func ("/clock/packets", clock_by_packets);
  g_test_add_func ("/clock/heaps", clock_heaps);
  g_test_add_func ("/clock/drift", clock_drift);
  g_test_add_func ("/clock/back", clock_back);
  g_test_add_func ("/clock/both", clock_reports_over_packets);
  g_test_add_func ("/budget/repeats", budget_repeats);
  g_test_add_func ("/budget/flood", budget_flood);
  g_test_add_func ("/budget/rates", budget_rate_changes);
  return g_test_run ();
}
