// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/report.h"

#include <json-glib/json-glib.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <numeric>

namespace restream::load {

namespace {

double
percentile (const std::vector<double> &sorted, double part)
{
  const double rank = std::ceil (part * static_cast<double> (sorted.size ()));
  return sorted[static_cast<std::size_t> (std::max (rank, 1.0)) - 1];
}

double
percent_lost (const MediaCounts &counts)
{
  const auto expected = static_cast<double> (counts.packets + counts.lost);
  return expected > 0 ? 100 * static_cast<double> (counts.lost) / expected : 0;
}

class Table
{
public:
  G_GNUC_PRINTF (2, 3) void line (const char *format, ...)
  {
    va_list args;
    va_start (args, format);
    Owned<char> text (g_strdup_vprintf (format, args));
    va_end (args);
    text_ += text.get ();
    text_ += '\n';
  }
  void times (const char *name, const Distribution &d)
  {
    if (d.count)
      line ("  %-28s %9.1f %9.1f %9.1f %9.1f", name, d.p50, d.p95, d.p99,
          d.most);
    else
      line ("  %-28s %9s", name, "-");
  }
  std::string take () { return std::move (text_); }

private:
  std::string text_;
};

// Members of objects within each other, ended in the order they began.
class Json
{
public:
  Json () : builder_ (Ref<JsonBuilder>::adopt (json_builder_new ()))
  {
    json_builder_begin_object (builder_.get ());
  }
  void begin (const char *name)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_begin_object (builder_.get ());
  }
  void end () { json_builder_end_object (builder_.get ()); }
  void text (const char *name, const std::string &value)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_add_string_value (builder_.get (), value.c_str ());
  }
  void count (const char *name, std::uint64_t value)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_add_int_value (builder_.get (),
        static_cast<gint64> (std::min<std::uint64_t> (value, INT64_MAX)));
  }
  void flag (const char *name, bool value)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_add_boolean_value (builder_.get (), value);
  }
  void number (const char *name, double value)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_add_double_value (builder_.get (),
        std::round (value * 1000) / 1000);
  }
  void distribution (const char *name, const Distribution &d)
  {
    begin (name);
    count ("count", d.count);
    if (d.count) {
      number ("min", d.least);
      number ("mean", d.mean);
      number ("p50", d.p50);
      number ("p95", d.p95);
      number ("p99", d.p99);
      number ("max", d.most);
    }
    end ();
  }
  void failures (const char *name, const std::map<std::string, unsigned> &all)
  {
    json_builder_set_member_name (builder_.get (), name);
    json_builder_begin_array (builder_.get ());
    for (const auto &[reason, times] : all) {
      json_builder_begin_object (builder_.get ());
      text ("reason", reason);
      count ("count", times);
      end ();
    }
    json_builder_end_array (builder_.get ());
  }
  std::string take ()
  {
    end ();
    JsonNode *root = json_builder_get_root (builder_.get ());
    Owned<char> text (json_to_string (root, FALSE));
    json_node_unref (root);
    return std::string (text.get ()) + '\n';
  }

private:
  Ref<JsonBuilder> builder_;
};

void
add_media (Json &json, const Report &r)
{
  const MediaCounts all = r.media ();
  const double seconds = r.seconds > 0 ? r.seconds : 1;
  json.begin ("media");
  json.number ("seconds", r.seconds);
  json.count ("viewers", r.measured);
  json.count ("silent_viewers", r.silent);
  json.count ("packets", all.packets);
  json.count ("bytes", all.bytes);
  json.number ("packets_per_s", static_cast<double> (all.packets) / seconds);
  json.number ("bits_per_s", 8 * static_cast<double> (all.bytes) / seconds);
  json.count ("lost", all.lost);
  json.number ("lost_percent", percent_lost (all));
  json.count ("lost_while_joining", r.lost_before);
  json.count ("reordered", all.reordered);
  json.count ("duplicates", all.duplicates);
  json.count ("retransmitted", r.totals.retransmitted);
  json.count ("unknown_payload_types", r.totals.unknown);
  json.count ("refused", r.totals.refused);
  json.count ("decrypted", r.totals.decrypted);
  json.distribution ("jitter_video_ms", r.jitter_ms[index_of (Media::video)]);
  json.distribution ("jitter_audio_ms", r.jitter_ms[index_of (Media::audio)]);
  json.distribution ("lag_growth_ms", r.lag_growth_ms);
  json.distribution ("delay_spread_ms", r.delay_spread_ms);
  json.distribution ("round_trip_ms", r.round_trip_ms);
  json.end ();
}

} // namespace

Distribution
Distribution::of (std::vector<double> sample)
{
  if (sample.empty ())
    return {};
  std::sort (sample.begin (), sample.end ());
  return {
      .count = sample.size (),
      .least = sample.front (),
      .mean = std::accumulate (sample.begin (), sample.end (), 0.0)
          / static_cast<double> (sample.size ()),
      .p50 = percentile (sample, 0.50),
      .p95 = percentile (sample, 0.95),
      .p99 = percentile (sample, 0.99),
      .most = sample.back (),
  };
}

MediaCounts
Report::media () const
{
  MediaCounts all;
  for (const MediaCounts &counts : totals.media)
    all += counts;
  return all;
}

std::string
to_table (const Report &r)
{
  Table t;
  t.line ("%s, %u viewers, SRTP %s", r.url.c_str (), r.viewers,
      name_of (r.srtp));
  if (r.interrupted)
    t.line ("interrupted: %u of them had begun", r.started);
  t.line ("%s", "");
  t.line ("joins: %u got media, %u did not%s", r.played, r.started - r.played,
      r.ended_early ? ", and" : "");
  if (r.ended_early)
    t.line ("  %u lost it before the end", r.ended_early);
  for (const auto &[reason, times] : r.failures)
    t.line ("  %6u x %s", times, reason.c_str ());
  for (const auto &[reason, times] : r.delete_failures)
    t.line ("  %6u x DELETE: %s", times, reason.c_str ());
  t.line ("%s", "");
  t.line ("  %-28s %9s %9s %9s %9s", "ms", "p50", "p95", "p99", "max");
  t.times ("POST to answer", r.answer_ms);
  t.times ("POST to ICE", r.ice_ms);
  t.times ("POST to DTLS", r.dtls_ms);
  t.times ("POST to first packet", r.packet_ms);
  t.times ("POST to first keyframe", r.keyframe_ms);
  if (r.seconds > 0) {
    const MediaCounts all = r.media ();
    t.times ("jitter of video", r.jitter_ms[index_of (Media::video)]);
    t.times ("jitter of audio", r.jitter_ms[index_of (Media::audio)]);
    t.times ("lag growth", r.lag_growth_ms);
    t.times ("delay spread", r.delay_spread_ms);
    t.times ("round trip", r.round_trip_ms);
    t.line ("%s", "");
    t.line ("media: %u viewers for %.1f s", r.measured, r.seconds);
    t.line ("  %.0f packets/s, %.2f Mbit/s",
        static_cast<double> (all.packets) / r.seconds,
        8e-6 * static_cast<double> (all.bytes) / r.seconds);
    t.line (
        "  lost %" G_GUINT64_FORMAT " (%.3f %%), reordered %" G_GUINT64_FORMAT
        ", duplicates %" G_GUINT64_FORMAT ", retransmitted %" G_GUINT64_FORMAT,
        all.lost, percent_lost (all), all.reordered, all.duplicates,
        r.totals.retransmitted);
    if (r.lost_before)
      t.line ("  lost before, while viewers joined: %" G_GUINT64_FORMAT,
          r.lost_before);
    if (r.silent)
      t.line ("  viewers without a packet: %u", r.silent);
    if (r.totals.unknown || r.totals.refused)
      t.line ("  of unknown payload types %" G_GUINT64_FORMAT
              ", not authentic or malformed %" G_GUINT64_FORMAT,
          r.totals.unknown, r.totals.refused);
    t.line ("%s", "");
    t.line ("client: %.1f %% of a core, %u threads, at most %.1f ms late",
        r.client_cpu_percent, r.client_threads, r.client_late_ms);
    if (r.totals.socket_drops)
      t.line ("  WARNING: %" G_GUINT64_FORMAT " packets were lost here, "
              "not by the server: this machine is too slow",
          r.totals.socket_drops);
  }
  if (r.server) {
    const ServerUsage &s = *r.server;
    t.line ("server: %.1f %% of a core (user %.1f, system %.1f), %.2f us per "
            "packet that arrived",
        s.cpu_percent, s.user_percent, s.system_percent, s.cpu_us_per_packet);
    t.line ("  %.1f MB RSS, %.1f KB more per viewer, %u threads",
        static_cast<double> (s.rss_bytes) / 1e6,
        r.measured ? (static_cast<double> (s.rss_bytes)
                         - static_cast<double> (s.rss_before_bytes))
                / 1e3 / r.measured
                   : 0.0,
        s.threads);
  }
  return t.take ();
}

std::string
to_json (const Report &r)
{
  Json json;
  json.text ("url", r.url);
  json.text ("srtp", name_of (r.srtp));
  json.flag ("ok", r.all_well ());
  json.flag ("interrupted", r.interrupted);
  json.begin ("joins");
  json.count ("requested", r.viewers);
  json.count ("started", r.started);
  json.count ("ok", r.played);
  json.count ("failed", r.started - r.played);
  json.count ("ended_early", r.ended_early);
  json.failures ("failures", r.failures);
  json.failures ("delete_failures", r.delete_failures);
  json.distribution ("answer_ms", r.answer_ms);
  json.distribution ("ice_ms", r.ice_ms);
  json.distribution ("dtls_ms", r.dtls_ms);
  json.distribution ("first_packet_ms", r.packet_ms);
  json.distribution ("first_keyframe_ms", r.keyframe_ms);
  json.end ();
  add_media (json, r);
  json.begin ("client");
  json.number ("cpu_percent", r.client_cpu_percent);
  json.count ("threads", r.client_threads);
  json.number ("max_late_ms", r.client_late_ms);
  json.count ("socket_drops", r.totals.socket_drops);
  json.end ();
  if (r.server) {
    const ServerUsage &s = *r.server;
    json.begin ("server");
    json.number ("cpu_percent", s.cpu_percent);
    json.number ("user_percent", s.user_percent);
    json.number ("system_percent", s.system_percent);
    json.number ("cpu_us_per_packet", s.cpu_us_per_packet);
    json.count ("rss_bytes", s.rss_bytes);
    json.count ("rss_before_bytes", s.rss_before_bytes);
    json.count ("threads", s.threads);
    json.end ();
  }
  return json.take ();
}

} // namespace restream::load
