// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/progress.h"

#include <cmath>
#include <string>

namespace restream {

namespace {

constexpr std::int64_t kWindowUs = 30 * G_USEC_PER_SEC;
constexpr std::size_t kMaxSamples = 256;

std::string_view
trim (std::string_view text)
{
  std::size_t from = text.find_first_not_of (" \t");
  if (from == std::string_view::npos)
    return {};
  return text.substr (from, text.find_last_not_of (" \t") - from + 1);
}

// The text is cut off at the number's end, which may be glued to a unit.
bool
read_double (std::string_view &text, double &number)
{
  std::string copy (text.substr (0, 64));
  char *end = nullptr;
  if (copy.empty ()
      || !(g_ascii_isdigit (copy[0]) || copy[0] == '-' || copy[0] == '.'))
    return false;
  double value = g_ascii_strtod (copy.c_str (), &end);
  if (end == copy.c_str () || !std::isfinite (value))
    return false;
  text.remove_prefix (std::size_t (end - copy.c_str ()));
  number = value;
  return true;
}

bool
read_count (std::string_view &text, std::uint64_t &number)
{
  double value = 0;
  if (!read_double (text, value) || value < 0 || value > 9e15)
    return false;
  number = std::uint64_t (value);
  return true;
}

// "00:01:02.34", also negative; "N/A" is no time.
bool
read_time (std::string_view text, double &seconds)
{
  double sign = 1;
  if (!text.empty () && text[0] == '-') {
    sign = -1;
    text.remove_prefix (1);
  }
  double total = 0;
  for (int part = 0; part < 3; part++) {
    double value = 0;
    if (!read_double (text, value) || value < 0)
      return false;
    total = total * 60 + value;
    if (part == 2)
      break;
    if (text.empty () || text[0] != ':')
      return false;
    text.remove_prefix (1);
  }
  if (total > 1e12)
    return false;
  seconds = sign * total;
  return true;
}

// Unit prefixes of FFmpeg 4 to 7: kB and KiB both mean 1024 bytes, "B" is a byte.
void
set_size (std::string_view text, Progress &progress)
{
  std::uint64_t number = 0;
  if (!read_count (text, number))
    return;
  progress.size_kb = text.substr (0, 1) == "B" ? number / 1024 : number;
}

void
set_field (std::string_view key, std::string_view value, Progress &progress)
{
  double number = 0;
  if (key == "frame")
    read_count (value, progress.frame);
  else if (key == "fps")
    read_double (value, progress.fps);
  else if (key == "q")
    read_double (value, progress.q);
  else if (key == "size" || key == "Lsize")
    set_size (value, progress);
  else if (key == "time")
    read_time (value, progress.time_s);
  else if (key == "bitrate" && read_double (value, number))
    progress.bitrate_kbit = number * 1000 / 1024; // FFmpeg counts 1000
  else if (key == "speed")
    read_double (value, progress.speed);
  else if (key == "drop")
    read_count (value, progress.drop);
  else if (key == "dup")
    read_count (value, progress.dup);
}

} // namespace

void
Progress::write (JsonWriter &json) const
{
  json.member ("frame", frame)
      .member ("packet", 0)
      .member ("fps", fps)
      .member ("q", q)
      .member ("size_kb", size_kb)
      .member ("time", time_s)
      .member ("bitrate_kbit", bitrate_kbit)
      .member ("speed", speed)
      .member ("drop", drop)
      .member ("dup", dup);
}

std::optional<Progress>
parse_progress_line (std::string_view line, const Progress &base)
{
  line = trim (line);
  bool video = line.starts_with ("frame=");
  if (!video && !line.starts_with ("size=") && !line.starts_with ("Lsize="))
    return std::nullopt;
  // Audio-only lines of other programs start alike; the time tells.
  if (line.find ("time=") == std::string_view::npos || line.size () > 1024)
    return std::nullopt;
  Progress progress = base;
  while (!line.empty ()) {
    std::size_t equals = line.find ('=');
    if (equals == std::string_view::npos)
      break;
    std::string_view key = trim (line.substr (0, equals));
    line = line.substr (equals + 1);
    std::size_t from = line.find_first_not_of (' ');
    if (from == std::string_view::npos)
      break;
    line.remove_prefix (from);
    std::size_t to = line.find (' ');
    set_field (key, line.substr (0, to), progress);
    line = to == std::string_view::npos ? std::string_view ()
                                        : trim (line.substr (to));
  }
  return progress;
}

bool
ProgressTracker::add_line (std::string_view line, std::int64_t now_us)
{
  auto progress = parse_progress_line (line, current_);
  if (!progress)
    return false;
  bool shrunk =
      progress->frame < current_.frame || progress->size_kb < current_.size_kb;
  if (progress->frame > current_.frame || progress->size_kb > current_.size_kb
      || progress->time_s > current_.time_s)
    last_growth_us_ = now_us;
  if (shrunk)
    window_.clear ();
  window_.push_back ({now_us, progress->frame, progress->size_kb});
  while (window_.size () > 2
      && (now_us - window_.front ().at_us > kWindowUs
          || window_.size () > kMaxSamples))
    window_.pop_front ();
  const Sample &first = window_.front ();
  double seconds = double (now_us - first.at_us) / G_USEC_PER_SEC;
  // The first line of a run has no window; FFmpeg's own mean stands in.
  if (seconds > 0.25) {
    progress->fps = double (progress->frame - first.frame) / seconds;
    progress->bitrate_kbit =
        double (progress->size_kb - first.size_kb) * 8 / seconds;
  }
  current_ = *progress;
  return true;
}

} // namespace restream
