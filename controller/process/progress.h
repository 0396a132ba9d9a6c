// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"
#include "controller/process/prelude.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace restream {

// What FFmpeg tells of its whole work. What it does not tell stays as it was.
struct Progress
{
  std::uint64_t frame = 0;
  double fps = 0; // mean of the last 30 s
  double q = 0;
  std::uint64_t size_bytes = 0; // of the first output
  double time_s = 0;
  bool timed = false; // it has told a time
  double bitrate_kbit = 0; // 1024 bits; mean of the last 30 s
  double speed = 0;
  std::uint64_t drop = 0;
  std::uint64_t dup = 0;

  std::uint64_t size_kb () const { return size_bytes / 1024; }
};

// One stream of an input or output. FFmpeg counts little per stream: what it does not is zero.
struct StreamProgress
{
  std::string id; // of the configuration's input or output
  StreamInfo info;
  std::uint64_t frame = 0, packet = 0, size_kb = 0;
  double fps = 0, pps = 0, q = 0, bitrate_kbit = 0;
};

struct ProcessProgress
{
  Progress total;
  std::vector<StreamProgress> inputs, outputs;

  void write (JsonWriter &json) const;
};

// Reads one line of FFmpeg 4 to 7's stderr: "frame=  10 fps=…" or, without video,
// "size=  12kB time=…". nullopt if the line is none of these. base: the progress so far.
std::optional<Progress> parse_progress_line (std::string_view line,
    const Progress &base);

// The progress of one FFmpeg run, from its -progress reports, or from its statistics on stderr while there
// is none of those. Pure; the time is the caller's, of a monotonic clock.
class ProgressTracker
{
public:
  // Of stderr. true if it was a line of statistics, which is no log.
  bool add_line (std::string_view line, std::int64_t now_us);
  // Of the -progress pipe: "frame=10"; "progress=…" ends a report.
  void add_report_line (std::string_view line, std::int64_t now_us);
  // The means fall while nothing comes.
  Progress at (std::int64_t now_us) const;
  // The same by streams.
  ProcessProgress at (std::int64_t now_us, const Prelude &prelude) const;
  // When frames, bytes or time last grew; 0 = never.
  std::int64_t last_growth_us () const { return last_growth_us_; }

private:
  struct Sample
  {
    std::int64_t at_us;
    std::uint64_t frame;
    std::uint64_t size_bytes;
  };
  void take (const Progress &progress, std::int64_t now_us);

  Progress current_;
  Progress report_; // not complete yet
  bool reports_ = false;
  std::map<std::pair<unsigned, unsigned>, double>
      qualities_; // of output and stream
  std::deque<Sample> window_;
  std::int64_t last_growth_us_ = 0;
};

} // namespace restream
