// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/process-log.h"

#include "controller/json.h"

namespace restream {

namespace {
constexpr std::size_t kPreludeHead = 100;
constexpr std::size_t kPreludeTail = 50;
} // namespace

void
LineSplitter::feed (std::string_view bytes, const Sink &sink)
{
  while (!bytes.empty ()) {
    std::size_t end = bytes.find_first_of ("\r\n");
    std::string_view part = bytes.substr (0, end);
    if (pending_.size () < kMaxLogLineBytes)
      pending_.append (part.substr (0, kMaxLogLineBytes - pending_.size ()));
    if (end == std::string_view::npos)
      return;
    flush (sink);
    bytes.remove_prefix (end + 1);
  }
}

void
LineSplitter::finish (const Sink &sink)
{
  flush (sink);
}

void
LineSplitter::flush (const Sink &sink)
{
  if (!pending_.empty ())
    sink (to_utf8 (pending_));
  pending_.clear ();
}

void
ProcessLog::begin_run (std::int64_t now_s)
{
  if (!head_.empty () && max_history_ > 0) {
    history_.push_back (current ());
    while (history_.size () > max_history_)
      history_.pop_front ();
  }
  created_at_s_ = now_s;
  in_prelude_ = true;
  head_.clear ();
  tail_.clear ();
  truncated_ = 0;
  ring_.clear ();
}

void
ProcessLog::add (std::string_view line, std::int64_t now_s)
{
  last_line_ = line;
  if (in_prelude_) {
    if (head_.size () < kPreludeHead) {
      head_.emplace_back (line);
    } else {
      tail_.emplace_back (line);
      if (tail_.size () > kPreludeTail) {
        tail_.pop_front ();
        truncated_++;
      }
    }
  }
  if (max_lines_ == 0)
    return;
  ring_.push_back ({now_s, std::string (line)});
  if (ring_.size () > max_lines_)
    ring_.pop_front ();
}

std::vector<std::string>
ProcessLog::prelude () const
{
  std::vector<std::string> lines = head_;
  if (truncated_ > 0)
    lines.push_back (
        "... truncated " + std::to_string (truncated_) + " lines ...");
  lines.insert (lines.end (), tail_.begin (), tail_.end ());
  return lines;
}

RunLog
ProcessLog::current () const
{
  return {created_at_s_, prelude (), {ring_.begin (), ring_.end ()}};
}

} // namespace restream
