// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/prelude.h"

#include "controller/process/text-scan.h"

#include <utility>

namespace restream {

namespace {

// The parts between the commas that are in no brackets.
std::vector<std::string_view>
split_details (std::string_view text)
{
  constexpr std::size_t kMaxParts = 64;
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size (); i++) {
    char c = i < text.size () ? text[i] : ',';
    if (c == '(' || c == '[')
      depth++;
    else if (c == ')' || c == ']')
      depth--;
    if (i < text.size () && (c != ',' || depth > 0))
      continue;
    parts.push_back (trim (text.substr (from, i - from)));
    from = i + 1;
    if (parts.size () == kMaxParts)
      break;
  }
  return parts;
}

std::string_view
first_word (std::string_view text)
{
  return text.substr (0, text.find_first_of (" ,("));
}

unsigned
channels_of (std::string_view layout)
{
  static constexpr std::pair<const char *, unsigned> kNames[] = {{"mono", 1},
      {"stereo", 2}, {"downmix", 2}, {"quad", 4}, {"hexagonal", 6},
      {"octagonal", 8}, {"cube", 8}, {"hexadecagonal", 16}};
  std::string_view name = first_word (layout);
  for (const auto &[known, channels] : kNames)
    if (name == known)
      return channels;
  // "5.1", "7.1.4", "6 channels"
  unsigned total = 0;
  std::string_view rest = layout;
  auto number = eat_unsigned (rest);
  if (number && rest.starts_with (" channels"))
    return *number;
  while (number && *number <= 64) {
    total += *number;
    if (!eat (rest, "."))
      return total;
    number = eat_unsigned (rest);
  }
  return 0;
}

// "1920x1080 [SAR 1:1 DAR 16:9]"
bool
read_size (std::string_view text, StreamInfo &stream)
{
  auto width = eat_unsigned (text);
  if (!width || !eat (text, "x"))
    return false;
  auto height = eat_unsigned (text);
  if (!height)
    return false;
  stream.width = *width;
  stream.height = *height;
  return true;
}

// "25 fps", "64 kb/s", "44100 Hz"
void
read_details (std::string_view text, StreamInfo &stream)
{
  auto parts = split_details (text);
  stream.codec = first_word (parts[0]);
  for (std::size_t i = 1; i < parts.size (); i++) {
    if (stream.width == 0 && stream.type == "video"
        && read_size (parts[i], stream)) {
      if (i > 1)
        stream.pix_fmt = first_word (parts[i - 1]);
      continue;
    }
    std::string_view rest = parts[i];
    auto number = eat_double (rest);
    if (!number || *number < 0)
      continue;
    if (eat (rest, "k"))
      *number *= 1000;
    if (rest.starts_with (" fps"))
      stream.fps = *number;
    else if (rest.starts_with (" kb/s"))
      stream.bitrate_kbps = *number;
    else if (rest.starts_with (" Hz") && *number <= 1e9) {
      stream.sampling_hz = unsigned (*number);
      if (i + 1 < parts.size ()) {
        stream.layout = parts[i + 1];
        stream.channels = channels_of (parts[i + 1]);
      }
    }
  }
}

// "h264 (libx264)" → "libx264", "h264 (native)" → "h264"
std::string_view
coder_of (std::string_view text)
{
  std::string_view codec = first_word (text);
  std::size_t open = text.find ('(');
  if (open == std::string_view::npos)
    return codec;
  std::string_view name = text.substr (open + 1);
  name = name.substr (0, name.find (')'));
  return name == "native" ? codec : name;
}

// "#0:1"
bool
eat_stream_number (std::string_view &text, unsigned &index, unsigned &stream)
{
  if (!eat (text, "#"))
    return false;
  auto first = eat_unsigned (text);
  if (!first || !eat (text, ":"))
    return false;
  auto second = eat_unsigned (text);
  if (!second)
    return false;
  index = *first;
  stream = *second;
  return true;
}

} // namespace

void
Prelude::add_line (std::string_view line)
{
  line = without_level (line);
  if (begin_section (line))
    return;
  if (section_ == Section::mapping) {
    if (line.starts_with ("  "))
      return add_mapping (line.substr (2));
    section_ = Section::none;
  }
  if (section_ == Section::none || !eat (line, "  "))
    return;
  // Metadata is further to the right.
  if (eat (line, "Duration: ")) {
    if (auto seconds = read_clock (line); seconds && *seconds >= 0)
      duration_s_ = *seconds;
  } else if (eat (line, "Stream ")) {
    add_stream (line);
  }
}

// "Input #0, mov,mp4, from 'x':", "Output #0, null, to 'pipe:':", "Stream mapping:"
bool
Prelude::begin_section (std::string_view line)
{
  if (line == "Stream mapping:") {
    section_ = Section::mapping;
    return true;
  }
  bool input = eat (line, "Input #");
  if (!input && !eat (line, "Output #"))
    return false;
  if (!eat_unsigned (line) || !eat (line, ", "))
    return false;
  std::string_view between = input ? ", from '" : ", to '";
  std::size_t to = line.find (between);
  if (to == std::string_view::npos)
    return false;
  format_ = line.substr (0, to);
  line.remove_prefix (to + between.size ());
  address_ = line.substr (0, line.rfind ('\''));
  duration_s_ = 0;
  section_ = input ? Section::input : Section::output;
  return true;
}

// "#0:1[0x101](und): Audio: aac (LC), 44100 Hz, stereo, fltp, 64 kb/s (default)"
void
Prelude::add_stream (std::string_view line)
{
  StreamInfo info;
  if (!eat_stream_number (line, info.index, info.stream))
    return;
  if (line.starts_with ("["))
    line.remove_prefix (std::min (line.find (']'), line.size () - 1) + 1);
  if (eat (line, "(")) {
    std::size_t to = line.find (')');
    if (to == 3)
      info.language = line.substr (0, to);
    line.remove_prefix (std::min (to, line.size () - 1) + 1);
  }
  if (eat (line, ": Video: "))
    info.type = "video";
  else if (eat (line, ": Audio: "))
    info.type = "audio";
  else if (eat (line, ": Subtitle: "))
    info.type = "subtitle";
  else
    return;
  info.address = address_;
  info.format = format_;
  info.duration_s = duration_s_;
  read_details (line, info);
  auto &list = section_ == Section::input ? inputs_ : outputs_;
  if (section_ == Section::output)
    for (const Coder &encoder : encoders_)
      if (encoder.index == info.index && encoder.stream == info.stream)
        info.coder = encoder.name;
  for (StreamInfo &known : list)
    if (known.index == info.index && known.stream == info.stream) {
      known = std::move (info);
      return;
    }
  if (list.size () < kMaxStreams)
    list.push_back (std::move (info));
}

// "Stream #0:0 -> #0:0 (copy)", "Stream #0:0 -> #0:0 (h264 (native) -> h264 (libx264))",
// "Stream #0:0 (h264) -> scale", "scale -> Stream #0:0 (libx264)"
void
Prelude::add_mapping (std::string_view line)
{
  unsigned index = 0, stream = 0;
  std::size_t out = line.rfind ("-> Stream #");
  if (out != std::string_view::npos) {
    line.remove_prefix (out + 10);
    if (eat_stream_number (line, index, stream) && eat (line, " ("))
      set_encoder (index, stream, line.substr (0, line.find (')')));
    return;
  }
  if (!eat (line, "Stream ") || !eat_stream_number (line, index, stream))
    return;
  if (eat (line, " (")) {
    set_decoder (index, stream, line.substr (0, line.find (')')));
    return;
  }
  unsigned to_index = 0, to_stream = 0;
  if (!eat (line, " -> ") || !eat_stream_number (line, to_index, to_stream))
    return;
  std::size_t open = line.find ('(');
  if (open == std::string_view::npos)
    return;
  line.remove_prefix (open + 1);
  std::size_t arrow = line.find (" -> ");
  std::string_view coders[2];
  if (arrow == std::string_view::npos) {
    coders[0] = coders[1] = first_word (line.substr (0, line.find (')')));
  } else {
    coders[0] = coder_of (line.substr (0, arrow));
    coders[1] = coder_of (line.substr (arrow + 4));
  }
  set_decoder (index, stream, coders[0]);
  set_encoder (to_index, to_stream, coders[1]);
}

// A stream that is copied and decoded as well is decoded.
void
Prelude::set_decoder (unsigned index, unsigned stream, std::string_view name)
{
  for (StreamInfo &info : inputs_)
    if (info.index == index && info.stream == stream
        && (info.coder.empty () || name != "copy"))
      info.coder = name;
}

void
Prelude::set_encoder (unsigned index, unsigned stream, std::string_view name)
{
  if (encoders_.size () < kMaxStreams)
    encoders_.push_back ({index, stream, std::string (name)});
}

} // namespace restream
