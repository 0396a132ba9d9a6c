// SPDX-License-Identifier: LGPL-2.1-or-later
// What a run has found, put together.
#include "tools/load/load-test.h"

#include <utility>

namespace restream::load {

namespace {

// A query may have secrets in it.
std::string
presentable (const std::string &url)
{
  return url.substr (0, url.find_first_of ("?#"));
}

} // namespace

Report
LoadTest::make_report () const
{
  Report r;
  r.url = presentable (options_.url);
  r.srtp = options_.srtp;
  r.viewers = options_.viewers;
  r.interrupted = interrupted_;
  add_joins (r);
  if (begin_.at_us && end_.at_us)
    add_window (r);
  return r;
}

void
LoadTest::add_joins (Report &r) const
{

  std::vector<double> answer, ice, dtls, packet, keyframe;
  for (const auto &viewer : viewers_) {
    if (viewer->state () == Viewer::State::idle)
      continue;
    r.started++;
    r.played += viewer->has_played ();
    if (viewer->is_leaving ())
      r.delete_failures["no reply in time"]++;
    else if (!viewer->delete_problem ().empty ())
      r.delete_failures[viewer->delete_problem ()]++;
    if (viewer->state () == Viewer::State::failed) {
      r.ended_early += viewer->has_played ();
      r.failures[viewer->reason ()]++;
    } else if (!viewer->has_played ()) {
      r.failures["still joining when it was interrupted"]++;
    }
    auto add = [&] (std::vector<double> &to, std::int64_t at_us) {
      if (at_us)
        to.push_back (to_ms (at_us - viewer->posted_us ()));
    };
    add (answer, viewer->answered_us ());
    add (ice, viewer->times ().ice_us);
    add (dtls, viewer->times ().dtls_us);
    add (packet, viewer->times ().first_packet_us);
    add (keyframe, viewer->times ().first_keyframe_us);
  }
  r.answer_ms = Distribution::of (std::move (answer));
  r.ice_ms = Distribution::of (std::move (ice));
  r.dtls_ms = Distribution::of (std::move (dtls));
  r.packet_ms = Distribution::of (std::move (packet));
  r.keyframe_ms = Distribution::of (std::move (keyframe));
}

void
LoadTest::add_window (Report &r) const
{
  r.seconds = to_ms (end_.at_us - begin_.at_us) / 1000;
  r.measured = static_cast<unsigned> (windows_.size ());
  r.totals = end_.totals - begin_.totals;
  r.lost_before = lost_before_;
  std::array<std::vector<double>, kMediaCount> jitter;
  std::vector<double> lag, spread, round_trip;
  for (const PeerWindow &window : windows_) {
    std::uint64_t packets = 0;
    for (Media media : kAllMedia) {
      const std::size_t m = index_of (media);
      packets += window.totals.media[m].packets;
      if (window.jitter_ms[m])
        jitter[m].push_back (*window.jitter_ms[m]);
    }
    r.silent += packets == 0;
    if (window.lag_growth_ms)
      lag.push_back (*window.lag_growth_ms);
    if (window.delay_spread_ms)
      spread.push_back (*window.delay_spread_ms);
    if (window.round_trip_ms)
      round_trip.push_back (*window.round_trip_ms);
  }
  for (Media media : kAllMedia)
    r.jitter_ms[index_of (media)] =
        Distribution::of (std::move (jitter[index_of (media)]));
  r.lag_growth_ms = Distribution::of (std::move (lag));
  r.delay_spread_ms = Distribution::of (std::move (spread));
  r.round_trip_ms = Distribution::of (std::move (round_trip));
  r.client_late_ms = late_ms_;
  if (r.seconds <= 0)
    return;
  r.client_cpu_percent =
      100 * (end_.client_cpu_s - begin_.client_cpu_s) / r.seconds;
  if (begin_.server && end_.server && server_before_) {
    const auto packets =
        static_cast<double> (r.media ().packets + r.totals.retransmitted);
    const double user = end_.server->user_s - begin_.server->user_s;
    const double system = end_.server->system_s - begin_.server->system_s;
    r.server = ServerUsage{
        .cpu_percent = 100 * (user + system) / r.seconds,
        .user_percent = 100 * user / r.seconds,
        .system_percent = 100 * system / r.seconds,
        .cpu_us_per_packet = packets > 0 ? 1e6 * (user + system) / packets : 0,
        .rss_bytes = end_.server->rss_bytes,
        .rss_before_bytes = server_before_->rss_bytes,
        .threads = end_.server->threads,
    };
  }
}

} // namespace restream::load
