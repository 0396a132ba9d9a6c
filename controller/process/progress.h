// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

namespace restream {

// What FFmpeg's statistics line tells. What it does not tell stays as it was.
struct Progress
{
  std::uint64_t frame = 0;
  double fps = 0; // mean of the last 30 s
  double q = 0;
  std::uint64_t size_kb = 0; // 1024 bytes
  double time_s = 0;
  double bitrate_kbit = 0; // 1024 bits; mean of the last 30 s
  double speed = 0;
  std::uint64_t drop = 0;
  std::uint64_t dup = 0;

  void write (JsonWriter &json) const;
};

// Reads one line of FFmpeg 4 to 7's stderr: "frame=  10 fps=…" or, without video,
// "size=  12kB time=…". nullopt if the line is none of these. base: the progress so far.
std::optional<Progress> parse_progress_line (std::string_view line,
    const Progress &base);

// The progress of one FFmpeg run. Pure; the time is the caller's.
class ProgressTracker
{
public:
  // true if it was a progress line. now_us: a monotonic clock.
  bool add_line (std::string_view line, std::int64_t now_us);
  const Progress &current () const { return current_; }
  // When frames or bytes last grew; 0 = never.
  std::int64_t last_growth_us () const { return last_growth_us_; }
  void reset () { *this = ProgressTracker (); }

private:
  struct Sample
  {
    std::int64_t at_us;
    std::uint64_t frame;
    std::uint64_t size_kb;
  };
  Progress current_;
  std::deque<Sample> window_;
  std::int64_t last_growth_us_ = 0;
};

} // namespace restream
