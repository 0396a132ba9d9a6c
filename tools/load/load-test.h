// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "tools/load/options.h"
#include "tools/load/process-usage.h"
#include "tools/load/report.h"
#include "tools/load/viewer.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace restream::load {

inline double
to_ms (std::int64_t us)
{
  return static_cast<double> (us) / 1000;
}

// One run, from the first POST to the last DELETE:
//
//   resolving ─► joining ─► settling ─► measuring ─► leaving ─► over
//
// Thread: the main one, which runs the default GMainContext; what comes from the
// workers is posted there.
class LoadTest final : private WorkerObserver
{
public:
  // progress: a line for a terminal, each second; may be empty.
  LoadTest (Options options,
      std::function<void (const std::string &)> progress);
  ~LoadTest ();
  LoadTest (const LoadTest &) = delete;
  LoadTest &operator= (const LoadTest &) = delete;

  // Returns when it is over. Errors: it could not even begin.
  Result<Report> run ();
  // Ends early, with DELETEs and a report; called again, without waiting for them.
  void interrupt ();

private:
  enum class Phase
  {
    resolving = 1,
    joining,
    settling,
    measuring,
    leaving,
    over
  };
  struct Sample
  {
    std::int64_t at_us = 0;
    PeerTotals totals;
    double client_cpu_s = 0;
    std::optional<ProcessUsage> server;
  };

  Result<void> prepare ();
  void resolved (GList *addresses, const GError *error);
  void begin_joining ();
  bool join_due ();
  void check_phase ();
  void settle ();
  void measure ();
  void finish_measuring ();
  void leave ();
  void finish ();
  bool every_second ();
  void show (const PeerTotals &totals);
  Report make_report () const;
  void add_joins (Report &report) const;
  void add_window (Report &report) const;
  Sample sample () const;

  void peer_playing (unsigned id, const PeerTimes &times) override;
  void peer_ended (unsigned id, const PeerTimes &times,
      const std::string &reason) override;
  // Asks all workers, and calls back when all have answered.
  template <typename T>
  void gather (std::function<T (Worker &)> ask,
      std::function<void (std::vector<T>)> done);

  const Options options_;
  const std::function<void (const std::string &)> progress_;
  Ref<GMainContext> context_;
  Ref<GMainLoop> loop_;
  Ref<GCancellable> resolving_;
  std::unique_ptr<HttpClient> http_;
  ViewerWorld world_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Viewer>> viewers_;
  Phase phase_ = Phase::resolving;
  std::optional<Error> cannot_begin_;
  bool interrupted_ = false;
  std::int64_t joining_us_ = 0;
  Timer join_timer_, second_timer_, phase_timer_;

  std::optional<ProcessUsage> server_before_;
  Sample begin_, end_;
  std::vector<PeerWindow> windows_;
  std::uint64_t lost_before_ = 0;
  double late_ms_ = 0;
  Sample last_shown_;
};

} // namespace restream::load
