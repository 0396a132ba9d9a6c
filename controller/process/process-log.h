// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

inline constexpr std::size_t kMaxLogLineBytes = 4096;

// Cuts a byte stream into lines at \n and \r, as FFmpeg ends its statistics. Lines
// are bounded (the rest of a longer one is dropped), valid UTF-8 and not empty.
class LineSplitter
{
public:
  using Sink = std::function<void (std::string_view line)>;
  void feed (std::string_view bytes, const Sink &sink);
  // What came after the last line end.
  void finish (const Sink &sink);

private:
  void flush (const Sink &sink);
  std::string pending_;
};

struct LogLine
{
  std::int64_t at_s = 0;
  std::string text;
};

// The log of one run of FFmpeg.
struct RunLog
{
  std::int64_t created_at_s = 0;
  std::vector<std::string> prelude;
  std::vector<LogLine> lines;
};

// The bounded log of a process: of the current run its first lines and a ring of
// the last, and the runs before.
class ProcessLog
{
public:
  ProcessLog (std::size_t max_lines, std::size_t max_history)
      : max_lines_ (max_lines), max_history_ (max_history)
  {
  }
  // A new run: the current one goes into the history if it said anything.
  void begin_run (std::int64_t now_s);
  // The statistics have started: what follows is no prelude.
  void end_prelude () { in_prelude_ = false; }
  void add (std::string_view line, std::int64_t now_s);
  void clear_history () { history_.clear (); }

  RunLog current () const;
  const std::deque<RunLog> &history () const { return history_; }
  const std::string &last_line () const { return last_line_; }

private:
  std::vector<std::string> prelude () const;

  std::size_t max_lines_, max_history_;
  std::int64_t created_at_s_ = 0;
  bool in_prelude_ = true;
  std::vector<std::string> head_; // of the prelude
  std::deque<std::string> tail_; // of the prelude
  std::uint64_t truncated_ = 0; // between the two
  std::deque<LogLine> ring_;
  std::deque<RunLog> history_;
  std::string last_line_;
};

} // namespace restream
