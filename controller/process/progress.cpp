// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/progress.h"

#include "controller/process/text-scan.h"

#include <algorithm>

namespace restream {

namespace {

constexpr std::int64_t kWindowUs = 30 * G_USEC_PER_SEC;
constexpr std::size_t kMaxSamples = 256;
// FFmpeg reports twice a second; what is longer is a stall.
constexpr std::int64_t kReportGapUs = 2 * G_USEC_PER_SEC;

void
set_count (std::string_view text, std::uint64_t &target)
{
  auto value = eat_double (text);
  if (value && *value >= 0 && *value <= 9e15)
    target = std::uint64_t (*value);
}

void
set_number (std::string_view text, double &target)
{
  if (auto value = eat_double (text))
    target = *value;
}

// Unit prefixes of FFmpeg 4 to 7: kB and KiB both mean 1024 bytes, "B" is a byte.
void
set_size (std::string_view text, std::uint64_t &bytes)
{
  auto value = eat_double (text);
  if (value && *value >= 0 && *value <= 9e12)
    bytes = std::uint64_t (*value * (text.starts_with ("B") ? 1 : 1024));
}

// FFmpeg counts 1000 bits.
void
set_bitrate (std::string_view text, double &kbit)
{
  if (auto value = eat_double (text))
    kbit = *value * 1000 / 1024;
}

void
set_field (std::string_view key, std::string_view value, Progress &progress)
{
  if (key == "frame")
    set_count (value, progress.frame);
  else if (key == "fps")
    set_number (value, progress.fps);
  else if (key == "q")
    set_number (value, progress.q);
  else if (key == "size" || key == "Lsize")
    set_size (value, progress.size_bytes);
  else if (key == "time") {
    if (auto seconds = read_clock (value)) {
      progress.time_s = *seconds;
      progress.timed = true;
    }
  } else if (key == "bitrate")
    set_bitrate (value, progress.bitrate_kbit);
  else if (key == "speed")
    set_number (value, progress.speed);
  else if (key == "drop" || key == "drop_frames")
    set_count (value, progress.drop);
  else if (key == "dup" || key == "dup_frames")
    set_count (value, progress.dup);
  // The ones that only reports have:
  else if (key == "total_size")
    set_count (value, progress.size_bytes);
  else if (key == "out_time_us") {
    if (auto us = eat_double (value); us && std::abs (*us) < 1e18) {
      progress.time_s = *us / 1e6;
      progress.timed = true;
    }
  }
}

void
write_stream (JsonWriter &json, const StreamProgress &stream)
{
  const StreamInfo &info = stream.info;
  json.begin_object ()
      .member ("id", stream.id)
      .member ("address", info.address)
      .member ("index", info.index)
      .member ("stream", info.stream)
      .member ("format", info.format)
      .member ("type", info.type)
      .member ("codec", info.codec)
      .member ("coder", info.coder)
      .member ("frame", stream.frame)
      .member ("keyframe", 0);
  json.key ("framerate")
      .begin_object ()
      .member ("min", 0)
      .member ("max", 0)
      .member ("avg", info.fps)
      .end_object ();
  json.member ("fps", stream.fps)
      .member ("packet", stream.packet)
      .member ("pps", stream.pps)
      .member ("size_kb", stream.size_kb)
      .member ("bitrate_kbit", stream.bitrate_kbit)
      .member ("extradata_size_bytes", 0);
  if (!info.pix_fmt.empty ())
    json.member ("pix_fmt", info.pix_fmt);
  json.member ("q", stream.q);
  if (info.width != 0)
    json.member ("width", info.width).member ("height", info.height);
  if (info.sampling_hz != 0)
    json.member ("sampling_hz", info.sampling_hz);
  if (!info.layout.empty ())
    json.member ("layout", info.layout);
  if (info.channels != 0)
    json.member ("channels", info.channels);
  json.key ("avstream").null ();
  json.end_object ();
}

} // namespace

void
ProcessProgress::write (JsonWriter &json) const
{
  json.begin_object ();
  for (auto [name, streams] :
      {std::pair ("inputs", &inputs), std::pair ("outputs", &outputs)}) {
    json.key (name).begin_array ();
    for (const StreamProgress &stream : *streams)
      write_stream (json, stream);
    json.end_array ();
  }
  json.member ("frame", total.frame)
      .member ("packet", 0)
      .member ("fps", total.fps)
      .member ("q", total.q)
      .member ("size_kb", total.size_kb ())
      .member ("time", total.time_s)
      .member ("bitrate_kbit", total.bitrate_kbit)
      .member ("speed", total.speed)
      .member ("drop", total.drop)
      .member ("dup", total.dup)
      .end_object ();
}

std::optional<Progress>
parse_progress_line (std::string_view line, const Progress &base)
{
  line = trim (without_level (line));
  bool video = line.starts_with ("frame=");
  if (!video && !line.starts_with ("size=") && !line.starts_with ("Lsize="))
    return std::nullopt;
  // Lines of other programs start alike; the time tells.
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
  if (!reports_)
    take (*progress, now_us);
  return true;
}

void
ProgressTracker::add_report_line (std::string_view line, std::int64_t now_us)
{
  std::size_t equals = line.find ('=');
  if (equals == std::string_view::npos)
    return;
  std::string_view key = trim (line.substr (0, equals));
  std::string_view value = trim (line.substr (equals + 1));
  if (key == "progress") {
    reports_ = true;
    take (report_, now_us);
    return;
  }
  if (!eat (key, "stream_"))
    return set_field (key, value, report_);
  // "stream_0_1_q": of output 0, stream 1
  auto output = eat_unsigned (key);
  if (!output || !eat (key, "_"))
    return;
  auto stream = eat_unsigned (key);
  auto q = eat_double (value);
  if (!stream || key != "_q" || !q)
    return;
  std::pair place (*output, *stream);
  if (qualities_.size () < Prelude::kMaxStreams || qualities_.contains (place))
    qualities_[place] = *q;
  report_.q = qualities_.begin ()->second;
}

void
ProgressTracker::take (const Progress &progress, std::int64_t now_us)
{
  if (progress.frame > current_.frame
      || progress.size_bytes > current_.size_bytes
      || progress.time_s > current_.time_s)
    last_growth_us_ = now_us;
  if (progress.frame < current_.frame
      || progress.size_bytes < current_.size_bytes)
    window_.clear ();
  current_ = progress;
  window_.push_back ({now_us, progress.frame, progress.size_bytes});
  while (window_.size () > 2
      && (now_us - window_.front ().at_us > kWindowUs
          || window_.size () > kMaxSamples))
    window_.pop_front ();
}

Progress
ProgressTracker::at (std::int64_t now_us) const
{
  Progress progress = current_;
  if (window_.empty ())
    return progress;
  auto first = std::find_if (window_.begin (), window_.end (),
      [now_us] (const Sample &s) { return now_us - s.at_us <= kWindowUs; });
  const Sample &last = window_.back ();
  if (first == window_.end ()) {
    progress.fps = progress.bitrate_kbit = 0;
    return progress;
  }
  std::int64_t end_us = std::max (last.at_us, now_us - kReportGapUs);
  double seconds = double (end_us - first->at_us) / G_USEC_PER_SEC;
  // The first line of a run has no window; FFmpeg's own mean stands in.
  if (seconds > 0.25) {
    progress.fps = double (last.frame - first->frame) / seconds;
    progress.bitrate_kbit =
        double (last.size_bytes - first->size_bytes) * 8 / 1024 / seconds;
  }
  return progress;
}

ProcessProgress
ProgressTracker::at (std::int64_t now_us, const Prelude &prelude) const
{
  ProcessProgress progress;
  progress.total = at (now_us);
  for (const StreamInfo &info : prelude.inputs ())
    progress.inputs.push_back ({.info = info});
  for (const StreamInfo &info : prelude.outputs ())
    progress.outputs.push_back ({.info = info});
  // The order of FFmpeg's options: stderr has them as they got ready.
  auto by_place = [] (const StreamProgress &a, const StreamProgress &b) {
    return std::pair (a.info.index, a.info.stream)
        < std::pair (b.info.index, b.info.stream);
  };
  auto &outputs = progress.outputs;
  std::sort (outputs.begin (), outputs.end (), by_place);
  for (StreamProgress &stream : outputs) {
    auto q = qualities_.find ({stream.info.index, stream.info.stream});
    if (q != qualities_.end ())
      stream.q = q->second;
  }
  // FFmpeg counts the frames of the first video, and the bytes of the first output.
  auto video = std::find_if (outputs.begin (), outputs.end (),
      [] (const StreamProgress &s) { return s.info.type == "video"; });
  if (video != outputs.end ()) {
    video->frame = video->packet = progress.total.frame;
    video->fps = video->pps = progress.total.fps;
    if (qualities_.empty ())
      video->q = progress.total.q;
  }
  if (!outputs.empty () && outputs[0].info.index == 0
      && (outputs.size () == 1 || outputs[1].info.index != 0)) {
    outputs[0].size_kb = progress.total.size_kb ();
    outputs[0].bitrate_kbit = progress.total.bitrate_kbit;
  }
  return progress;
}

} // namespace restream
