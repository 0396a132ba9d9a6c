// SPDX-License-Identifier: LGPL-2.1-or-later
// The counters, and the figures made of them.
#include "common/bytes.h"
#include "tools/load/media-meter.h"
#include "tools/load/report.h"

#include <json-glib/json-glib.h>

#include <array>
#include <cmath>

using namespace restream;
using namespace restream::load;

namespace {

constexpr std::uint32_t kRate = 90000;

void
add (MediaMeter &meter, unsigned sequence, std::uint32_t timestamp,
    std::int64_t at_us, std::uint32_t ssrc = 7)
{
  std::array<std::uint8_t, 12> header{0x80, 102};
  put_be16 (header, 2, static_cast<std::uint16_t> (sequence));
  put_be32 (header, 4, timestamp);
  put_be32 (header, 8, ssrc);
  meter.add (header, 1000, at_us);
}

void
assert_near (double value, double wanted, double by = 0.01)
{
  if (!(std::fabs (value - wanted) <= by))
    g_error ("%f is not %f", value, wanted);
}

void
counts ()
{
  MediaMeter meter (kRate);
  g_assert_false (meter.begun ());
  for (unsigned s : {65534u, 65535u, 2u, 0u, 0u, 3u, 65535u})
    add (meter, s, 0, 1);
  MediaCounts c = meter.counts ();
  g_assert_cmpuint (c.packets, ==, 5); // 1 is missing
  g_assert_cmpuint (c.bytes, ==, 5000);
  g_assert_cmpuint (c.lost, ==, 1);
  g_assert_cmpuint (c.reordered, ==, 1);
  g_assert_cmpuint (c.duplicates, ==, 2);
  // A new line of numbers loses nothing by its beginning.
  add (meter, 30000, 5, 2, 8);
  add (meter, 30002, 5, 2, 8);
  g_assert_cmpuint (meter.ssrc_changes (), ==, 1);
  g_assert_cmpuint (meter.counts ().lost, ==, 2);
  add (meter, 29000, 5, 2, 8); // from before it
  g_assert_cmpuint (meter.counts ().packets, ==, 7);
  g_assert_cmpuint (meter.counts ().reordered, ==, 2);

  const MediaCounts before = c;
  const MediaCounts between = meter.counts () - before;
  g_assert_cmpuint (between.packets, ==, 2);
  g_assert_cmpuint (between.lost, ==, 1);
  // A late packet that fills a gap of before is no negative loss.
  g_assert_cmpuint ((before - meter.counts ()).lost, ==, 0);
}

void
jitter ()
{
  MediaMeter even (kRate), odd (kRate);
  for (unsigned i = 0; i < 300; i++) {
    add (even, i, i * 3000, i * 33333 + i / 3);
    // Every second packet comes 4 ms late: |D| is always 4 ms.
    add (odd, i, i * 3000, i * 33333 + i / 3 + (i % 2 ? 4000 : 0));
  }
  assert_near (even.jitter_ms (), 0, 0.01);
  assert_near (odd.jitter_ms (), 4, 0.05);
}

// The timestamps wrap on the way.
void
lag ()
{
  MediaMeter steady (kRate), behind (kRate);
  const std::uint32_t start = 0xffffff00;
  for (unsigned i = 0; i < 30 * 12; i++) {
    if (i == 30 * 2) {
      steady.begin_window ();
      behind.begin_window ();
    }
    const std::int64_t at = std::int64_t{i} * 1000000 / 30;
    const bool burst = i % 30 == 7;
    add (steady, i, start + i * 3000, at + (burst ? 25000 : 0));
    // 1 % slower than its own clock.
    add (behind, i, start + i * 3000, at + at / 100);
  }
  // A late packet now and then is spread, no growth.
  assert_near (*steady.lag_growth_ms (), 0, 0.1);
  assert_near (*steady.delay_spread_ms (), 25, 0.1);
  assert_near (*behind.lag_growth_ms (), 90, 12);
  assert_near (*behind.delay_spread_ms (), 100, 5);

  MediaMeter fresh (kRate);
  g_assert_false (fresh.lag_growth_ms ().has_value ());
  add (fresh, 1, 1, 1);
  fresh.begin_window ();
  g_assert_false (fresh.lag_growth_ms ().has_value ());
  g_assert_false (fresh.delay_spread_ms ().has_value ());
  // Timestamps that jump begin anew instead of counting as hours of delay.
  add (fresh, 2, 3001, 33334);
  add (fresh, 3, 0x7fff0000, 66667);
  add (fresh, 4, 0x7fff0000 + 3000, 100000);
  assert_near (*fresh.delay_spread_ms (), 0, 0.1);
}

void
reports ()
{
  MediaMeter meter (kRate);
  for (unsigned i = 0; i < 100; i++)
    if (i % 4)
      add (meter, 65500 + i, i * 3000, i * 33333);
  auto block = meter.report (5'000'000);
  g_assert_cmpuint (block.ssrc, ==, 7);
  // 99 were expected, from 65501 on, and 24 are missing.
  g_assert_cmpuint (block.fraction_lost, ==, 24 * 256 / 99);
  g_assert_cmpint (block.cumulative_lost, ==, 24);
  g_assert_cmphex (block.highest_sequence, ==, 65599);
  g_assert_cmpuint (block.last_sr, ==, 0);
  g_assert_cmpuint (block.delay_since_last_sr, ==, 0);

  meter.add_sender_report (9, 0x1111222233334444, 6'000'000); // another's
  g_assert_cmpuint (meter.report (6'000'000).last_sr, ==, 0);
  meter.add_sender_report (7, 0x1111222233334444, 6'000'000);
  block = meter.report (6'500'000);
  g_assert_cmphex (block.last_sr, ==, 0x22223333);
  g_assert_cmpuint (block.delay_since_last_sr, ==, 32768);
  g_assert_cmpuint (block.fraction_lost, ==, 0); // since the last report
  g_assert_cmpint (block.cumulative_lost, ==, 24);
}

void
distributions ()
{
  std::vector<double> sample;
  for (int i = 100; i >= 1; i--)
    sample.push_back (i);
  const Distribution d = Distribution::of (sample);
  g_assert_cmpuint (d.count, ==, 100);
  assert_near (d.least, 1);
  assert_near (d.p50, 50);
  assert_near (d.p95, 95);
  assert_near (d.p99, 99);
  assert_near (d.most, 100);
  assert_near (d.mean, 50.5);
  const Distribution one = Distribution::of ({3});
  assert_near (one.p50, 3);
  assert_near (one.p99, 3);
  g_assert_cmpuint (Distribution::of ({}).count, ==, 0);
}

void
report_forms ()
{
  Report r;
  r.url = "http://h/\"whep\"";
  r.viewers = r.started = 3;
  r.played = 2;
  r.failures["a \"reason\"\\"] = 1;
  r.answer_ms = Distribution::of ({1, 2, 3});
  r.seconds = 2;
  r.measured = 2;
  r.totals.media[index_of (Media::video)] = {.packets = 199,
      .bytes = 1000,
      .lost = 1};
  r.totals.socket_drops = 5;
  g_assert_false (r.all_well ());

  const std::string table = to_table (r);
  g_assert_nonnull (strstr (table.c_str (), "2 got media, 1 did not"));
  g_assert_nonnull (strstr (table.c_str (), "1 x a \"reason\"\\"));
  g_assert_nonnull (strstr (table.c_str (), "lost 1 (0.500 %)"));
  g_assert_nonnull (strstr (table.c_str (), "WARNING: 5 packets"));

  JsonParser *parser = json_parser_new ();
  const std::string json = to_json (r);
  g_assert_true (
      json_parser_load_from_data (parser, json.c_str (), -1, nullptr));
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "url"), ==,
      r.url.c_str ());
  g_assert_false (json_object_get_boolean_member (root, "ok"));
  JsonObject *media = json_object_get_object_member (root, "media");
  assert_near (json_object_get_double_member (media, "lost_percent"), 0.5);
  assert_near (json_object_get_double_member (media, "packets_per_s"), 99.5);
  assert_near (json_object_get_double_member (media, "bits_per_s"), 4000);
  g_assert_false (json_object_has_member (root, "server"));
  g_object_unref (parser);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/load-meter/counts", counts);
  g_test_add_func ("/load-meter/jitter", jitter);
  g_test_add_func ("/load-meter/lag", lag);
  g_test_add_func ("/load-meter/reports", reports);
  g_test_add_func ("/load-meter/distributions", distributions);
  g_test_add_func ("/load-meter/report", report_forms);
  return g_test_run ();
}
