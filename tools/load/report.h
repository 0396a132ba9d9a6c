// SPDX-License-Identifier: LGPL-2.1-or-later
// What a run has found, and how it is told. Pure.
#pragma once

#include "tools/load/options.h"
#include "tools/load/peer.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace restream::load {

// Of a sample; nothing where it is empty.
struct Distribution
{
  std::size_t count = 0;
  double least = 0, mean = 0, p50 = 0, p95 = 0, p99 = 0, most = 0;

  static Distribution of (std::vector<double> sample);
};

struct ServerUsage
{
  double cpu_percent = 0; // of a core
  double user_percent = 0, system_percent = 0;
  double cpu_us_per_packet = 0; // that arrived
  std::uint64_t rss_bytes = 0; // at the end
  std::uint64_t rss_before_bytes = 0; // before the first viewer
  unsigned threads = 0;
};

struct Report
{
  std::string url; // without a query: it may have secrets
  SrtpChoice srtp = SrtpChoice::any;
  unsigned viewers = 0; // asked for
  unsigned started = 0;
  unsigned played = 0; // got all media
  unsigned ended_early = 0; // of these, before the end
  bool interrupted = false;
  std::map<std::string, unsigned> failures; // reason, and how often
  std::map<std::string, unsigned> delete_failures; // likewise

  // All from the POST.
  Distribution answer_ms, ice_ms, dtls_ms, packet_ms, keyframe_ms;

  double seconds = 0; // of the window; 0: there was none
  unsigned measured = 0; // viewers that it counts
  unsigned silent = 0; // of these, got nothing in it
  PeerTotals totals; // in the window
  std::uint64_t lost_before = 0; // while they joined
  std::array<Distribution, kMediaCount> jitter_ms;
  Distribution lag_growth_ms, delay_spread_ms, round_trip_ms;

  double client_cpu_percent = 0;
  unsigned client_threads = 0;
  double client_late_ms = 0;
  std::optional<ServerUsage> server;

  MediaCounts media () const; // both media together
  bool all_well () const { return played == viewers && ended_early == 0; }
};

std::string to_table (const Report &report);
std::string to_json (const Report &report); // one object, ends with a newline

} // namespace restream::load
