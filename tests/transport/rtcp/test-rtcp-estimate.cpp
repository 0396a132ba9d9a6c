// SPDX-License-Identifier: LGPL-2.1-or-later
// The estimate of a viewer's line, on lines made of arithmetic.
#include "plugin/transport/rtcp/bandwidth-estimate.h"

#include <glib.h>

#include <algorithm>
#include <deque>
#include <random>

using namespace restream::transport;

static constexpr std::uint64_t kMs = 1'000'000; // ns
static constexpr unsigned kPacket = 1200; // bytes

// A stream of frames over a line of some bit rate with a queue before it, and a
// receiver that tells every 100 ms what came.
class Line
{
public:
  double bits_per_second = 10e6;
  double queue_ms = 300; // what would wait longer is dropped
  double jitter_ms = 0;
  double loss = 0;
  std::uint16_t sequence = 65000;
  std::uint32_t viewer_clock = 0xffffff00; // ticks; wraps soon

  // Sends so many frames of so many packets, 25 a second.
  void play (unsigned frames, unsigned packets)
  {
    for (unsigned f = 0; f < frames; f++) {
      estimate.on_sent (sequence, static_cast<std::uint16_t> (packets),
          packets * kPacket, now_ns);
      for (unsigned i = 0; i < packets; i++)
        transmit ();
      now_ns += 40 * kMs;
      if (now_ns - told_ns_ >= 100 * kMs)
        tell ();
    }
  }

  BandwidthEstimate estimate;
  std::uint64_t now_ns = 50'000 * kMs;

private:
  struct Told
  {
    std::uint16_t sequence;
    std::optional<double> arrival_ms;
  };

  void transmit ()
  {
    const double at = static_cast<double> (now_ns) / kMs;
    free_ms_ = std::max (free_ms_, at);
    std::uniform_real_distribution<double> chance (0, 1);
    Told told{sequence++, std::nullopt};
    if (free_ms_ - at <= queue_ms && chance (random_) >= loss) {
      free_ms_ += kPacket * 8 / bits_per_second * 1000;
      last_ms_ =
          std::max (last_ms_, free_ms_ + 20 + jitter_ms * chance (random_));
      told.arrival_ms = last_ms_;
    }
    told_.push_back (told);
  }

  // Of what has come by now.
  void tell ()
  {
    const double now = static_cast<double> (now_ns) / kMs;
    auto end = told_.begin ();
    for (auto t = told_.begin (); t != told_.end (); t++)
      if (t->arrival_ms && *t->arrival_ms <= now)
        end = t + 1;
    for (auto t = told_.begin (); t != end; t++) {
      std::optional<std::uint32_t> ticks;
      if (t->arrival_ms)
        ticks = viewer_clock
            + static_cast<std::uint32_t> (
                static_cast<std::int64_t> (*t->arrival_ms * 4));
      estimate.on_transport_packet (t->sequence, ticks);
    }
    told_.erase (told_.begin (), end);
    estimate.on_transport_feedback_end (now_ns);
    told_ns_ = now_ns;
  }

  std::mt19937 random_{4711};
  std::deque<Told> told_;
  double free_ms_ = 0, last_ms_ = 0;
  std::uint64_t told_ns_ = 0;
};

static double
mbps (std::uint64_t bits_per_second)
{
  return static_cast<double> (bits_per_second) / 1e6;
}

// 2.4 Mbit/s over a line with room: the estimate is half as much again, and no
// queue is seen, however late single packets are.
static void
wide_line ()
{
  for (const double jitter : {0.0, 3.0, 10.0}) {
    Line line;
    line.jitter_ms = jitter;
    g_assert_cmpuint (line.estimate.bits_per_second (line.now_ns), ==, 0);
    line.play (25 * 60, 10);
    g_assert_cmpfloat_with_epsilon (
        mbps (line.estimate.received_bits_per_second ()), 2.4, 0.12);
    g_assert_cmpfloat_with_epsilon (
        mbps (line.estimate.bits_per_second (line.now_ns)), 3.6, 0.3);
    g_assert_false (line.estimate.overused ());
  }
}

// The line gets narrower than the stream: seen by the delay, before a loss.
static void
line_narrows ()
{
  Line line;
  line.play (25 * 10, 10);
  line.bits_per_second = 2e6;
  line.queue_ms = 5000;
  bool seen = false;
  for (unsigned i = 0; i < 50 && !seen; i++) {
    line.play (1, 10);
    seen = line.estimate.overused ();
  }
  g_assert_true (seen);
  line.play (25, 10);
  const double narrow = mbps (line.estimate.bits_per_second (line.now_ns));
  g_assert_cmpfloat (narrow, >, 1.2);
  g_assert_cmpfloat (narrow, <, 2.05);

  // A smaller stream, and the line recovers.
  line.bits_per_second = 10e6;
  line.play (25 * 30, 5);
  g_assert_false (line.estimate.overused ());
  g_assert_cmpfloat_with_epsilon (
      mbps (line.estimate.bits_per_second (line.now_ns)), 1.8, 0.2);
}

static void
losses ()
{
  Line line;
  line.loss = 0.2;
  line.play (25 * 20, 10);
  const double lossy = mbps (line.estimate.bits_per_second (line.now_ns));
  g_assert_cmpfloat_with_epsilon (lossy, 2.4 * 0.8 * 0.9, 0.25);
  line.loss = 0;
  line.play (25 * 20, 10);
  g_assert_cmpfloat_with_epsilon (
      mbps (line.estimate.bits_per_second (line.now_ns)), 3.6, 0.3);
}

// Receiver reports and REMB, without transport-wide feedback.
static void
without_feedback ()
{
  BandwidthEstimate estimate;
  std::uint64_t now = 1'000 * kMs;
  estimate.on_remb (5'000'000, now);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, 5'000'000);
  g_assert_cmpuint (estimate.bits_per_second (now + 11'000 * kMs), ==, 0);

  estimate.on_loss (0, 2'000'000, now);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, 3'010'000);
  for (unsigned i = 0; i < 10; i++)
    estimate.on_loss (128, 2'000'000, now += 1'000 * kMs); // half of all
  const std::uint64_t lossy = estimate.bits_per_second (now);
  g_assert_cmpuint (lossy, ==, 750'000);
  // Between 2 and 10 % it stays, below it grows.
  estimate.on_loss (13, 2'000'000, now += 1'000 * kMs);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, lossy);
  for (unsigned i = 0; i < 100; i++)
    estimate.on_loss (1, 2'000'000, now += 1'000 * kMs);
  g_assert_cmpuint (estimate.bits_per_second (now), ==,
      2'998'281); // of 255/256, and 10 kbit/s
  // Reports in a row are one.
  for (unsigned i = 0; i < 1000; i++)
    estimate.on_loss (255, 2'000'000, now);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, 2'998'281);

  estimate.on_remb (1'000'000, now);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, 1'000'000);
  estimate.on_remb (~std::uint64_t{0}, now);
  g_assert_cmpuint (estimate.bits_per_second (now), ==, 2'998'281);
  g_assert_cmpuint (estimate.received_bits_per_second (), ==, 0);
}

// A quiet line makes the threshold low: then a queue that grows by 40 ms a second
// is seen, and an emptying one as such. At first it would pass for noise.
static void
threshold_adapts ()
{
  DelayTrend trend;
  for (unsigned i = 0; i < 250; i++) {
    trend.add (40, 40);
    g_assert_true (trend.state () == DelayTrend::State::normal);
  }
  bool over = false;
  for (unsigned i = 0; i < 50; i++) {
    trend.add (40, 41.6);
    over |= trend.state () == DelayTrend::State::over;
  }
  g_assert_true (over);
  bool under = false;
  for (unsigned i = 0; i < 50; i++) {
    trend.add (40, 35);
    under |= trend.state () == DelayTrend::State::under;
  }
  g_assert_true (under);
  g_assert_false (trend.state () == DelayTrend::State::over);
}

// Feedback on what was never sent, or long ago, or told twice.
static void
foreign_feedback ()
{
  BandwidthEstimate estimate;
  const auto tell_all = [&] (std::uint64_t now) {
    for (unsigned s = 0; s < 65536; s++)
      estimate.on_transport_packet (static_cast<std::uint16_t> (s), s * 1000);
    estimate.on_transport_feedback_end (now);
  };
  tell_all (0);
  g_assert_cmpuint (estimate.bits_per_second (0), ==, 0);

  // One burst is known; the rest of the numbers is not.
  estimate.on_sent (100, 10, 12'000, kMs);
  estimate.on_sent (110, 0, 0, kMs);
  for (unsigned i = 0; i < 3; i++)
    tell_all (kMs);
  g_assert_cmpuint (estimate.received_bits_per_second (), <=, 12'000 * 8 * 4);

  // Numbers that do not follow are a new line; what was before is forgotten.
  BandwidthEstimate anew;
  anew.on_sent (100, 10, 12'000, kMs);
  anew.on_sent (5000, 10, 12'000, 2 * kMs);
  for (unsigned i = 0; i < 10; i++)
    anew.on_transport_packet (static_cast<std::uint16_t> (100 + i), i * 1000);
  g_assert_cmpuint (anew.received_bits_per_second (), ==, 0);
  for (unsigned i = 0; i < 10; i++)
    anew.on_transport_packet (static_cast<std::uint16_t> (5000 + i), i * 1000);
  g_assert_cmpuint (anew.received_bits_per_second (), >, 0);

  // All 65536 of them.
  estimate.on_sent (5000, 1, 1200, 2 * kMs);
  estimate.on_sent (5001, 65535, 65535 * 1200u, 3 * kMs);
  tell_all (3 * kMs);
  for (unsigned i = 0; i < 300; i++)
    estimate.on_sent (static_cast<std::uint16_t> (5000 + i * 1000), 1000,
        1'200'000, (100 + 40 * i) * kMs);
  tell_all (20'000 * kMs);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/estimate/wide", wide_line);
  g_test_add_func ("/estimate/narrows", line_narrows);
  g_test_add_func ("/estimate/losses", losses);
  g_test_add_func ("/estimate/without", without_feedback);
  g_test_add_func ("/estimate/threshold", threshold_adapts);
  g_test_add_func ("/estimate/foreign", foreign_feedback);
  return g_test_run ();
}
