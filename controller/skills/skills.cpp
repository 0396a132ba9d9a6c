// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/skills/skills.h"

#include <glib.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace restream {

namespace {

constexpr std::size_t kMaxLines = 100000;

std::string_view
trim (std::string_view text)
{
  std::size_t from = text.find_first_not_of (" \t\r");
  if (from == text.npos)
    return {};
  return text.substr (from, text.find_last_not_of (" \t\r") - from + 1);
}

void
for_each_line (std::string_view text,
    const std::function<void (std::string_view)> &see)
{
  for (std::size_t n = 0; !text.empty () && n < kMaxLines; n++) {
    std::size_t end = std::min (text.find ('\n'), text.size ());
    see (text.substr (0, end));
    text.remove_prefix (std::min (end + 1, text.size ()));
  }
}

// Takes the first word off.
std::string_view
next_word (std::string_view &text)
{
  text = trim (text);
  std::size_t end = std::min (text.find_first_of (" \t"), text.size ());
  std::string_view word = text.substr (0, end);
  text = trim (text.substr (end));
  return word;
}

// What may be a name of FFmpeg's: it also draws legends and lines.
bool
is_name (std::string_view text)
{
  return !text.empty ()
      && std::all_of (text.begin (), text.end (),
          [] (char c) {
            return g_ascii_isalnum (c) || c == '_' || c == ',' || c == '-';
          })
      && g_ascii_isalnum (text.front ());
}

std::vector<std::string>
split_words (std::string_view text)
{
  std::vector<std::string> words;
  while (!(text = trim (text)).empty ())
    words.emplace_back (next_word (text));
  return words;
}

// " DE mpegts   …" and " D  alsa   …", since FFmpeg 7 also " DEd alsa   …".
struct FormatLine
{
  bool demuxes = false, muxes = false;
  std::string id, name;
};

std::optional<FormatLine>
read_format_line (std::string_view line)
{
  if (line.size () < 5 || line[0] != ' ' || (line[1] != 'D' && line[1] != ' ')
      || (line[2] != 'E' && line[2] != ' '))
    return std::nullopt;
  FormatLine format{line[1] == 'D', line[2] == 'E', {}, {}};
  bool device = line[3] == 'd' && line[4] == ' ';
  if (!device && line[3] != ' ')
    return std::nullopt;
  line.remove_prefix (4);
  std::string_view id = next_word (line);
  if ((!format.demuxes && !format.muxes) || !is_name (id))
    return std::nullopt;
  format.id = id.substr (0, id.find (','));
  format.name = line;
  return format;
}

// "(decoders: a b )" in the description: cut out, its words returned.
std::vector<std::string>
take_list (std::string &name, const char *what)
{
  std::size_t from = name.find (std::string ("(") + what + ":");
  if (from == name.npos)
    return {};
  std::size_t words = name.find (':', from) + 1;
  std::size_t to = name.find (')', words);
  if (to == name.npos)
    return {};
  auto list = split_words (std::string_view (name).substr (words, to - words));
  name.erase (from, to + 1 - from);
  return list;
}

} // namespace

bool
read_version (std::string_view text, Skills &skills)
{
  constexpr std::string_view kVersion = "ffmpeg version ";
  constexpr std::string_view kCompiler = "built with ";
  constexpr std::string_view kConfiguration = "configuration: ";
  for_each_line (text, [&] (std::string_view line) {
    line = trim (line);
    if (line.starts_with (kVersion) && skills.version.empty ()) {
      line.remove_prefix (kVersion.size ());
      std::string_view word = next_word (line);
      // "5.1.9-0+deb12u1", "n6.0-2-g…"; a snapshot ("N-110…") keeps its name.
      std::string_view number = word.substr (word.starts_with ('n') ? 1 : 0);
      number = number.substr (0, number.find_first_not_of ("0123456789."));
      std::string version (number);
      if (std::count (number.begin (), number.end (), '.') == 1)
        version += ".0";
      skills.version = number.empty () ? std::string (word) : version;
    } else if (line.starts_with (kCompiler)) {
      skills.compiler = line.substr (kCompiler.size ());
    } else if (line.starts_with (kConfiguration)) {
      skills.configuration = line.substr (kConfiguration.size ());
    } else if (line.starts_with ("lib")) {
      std::string_view name = next_word (line);
      std::size_t slash = line.find ('/');
      if (slash != line.npos)
        skills.libraries.push_back (
            {std::string (name), std::string (trim (line.substr (0, slash))),
                std::string (trim (line.substr (slash + 1)))});
    }
  });
  return !skills.version.empty ();
}

void
read_filters (std::string_view text, Skills &skills)
{
  for_each_line (text, [&] (std::string_view line) {
    if (!line.starts_with (' '))
      return;
    std::string_view flags = next_word (line);
    std::string_view id = next_word (line);
    std::string_view pads = next_word (line);
    if (flags.size () >= 2 && flags.size () <= 3
        && flags.find_first_not_of ("TSC.") == flags.npos && is_name (id)
        && pads.find ("->") != pads.npos)
      skills.filters.push_back ({std::string (id), std::string (line)});
  });
}

void
read_hwaccels (std::string_view text, Skills &skills)
{
  bool started = false;
  for_each_line (text, [&] (std::string_view line) {
    line = trim (line);
    if (started && is_name (line))
      skills.hwaccels.push_back ({std::string (line), std::string (line)});
    started |= line == "Hardware acceleration methods:";
  });
}

void
read_codecs (std::string_view text, Skills &skills)
{
  for_each_line (text, [&] (std::string_view line) {
    // " DEV.L. h264   H.264 / AVC … (decoders: h264 …) (encoders: libx264 …)"
    if (line.size () < 9 || line[0] != ' ' || (line[1] != 'D' && line[1] != '.')
        || (line[2] != 'E' && line[2] != '.') || line[7] != ' ')
      return;
    bool decodes = line[1] == 'D', encodes = line[2] == 'E';
    auto *list = line[3] == 'A' ? &skills.codecs.audio
        : line[3] == 'V'        ? &skills.codecs.video
        : line[3] == 'S'        ? &skills.codecs.subtitle
                                : nullptr;
    line.remove_prefix (8);
    std::string_view id = next_word (line);
    if (!list || !is_name (id))
      return;
    SkillsCodec codec{std::string (id), std::string (line), {}, {}};
    codec.decoders = take_list (codec.name, "decoders");
    codec.encoders = take_list (codec.name, "encoders");
    codec.name = trim (codec.name);
    if (decodes && codec.decoders.empty ())
      codec.decoders = {codec.id};
    if (encodes && codec.encoders.empty ())
      codec.encoders = {codec.id};
    list->push_back (std::move (codec));
  });
}

void
read_formats (std::string_view text, Skills &skills)
{
  for_each_line (text, [&] (std::string_view line) {
    auto format = read_format_line (line);
    if (format && format->demuxes)
      skills.formats.demuxers.push_back ({format->id, format->name});
    if (format && format->muxes)
      skills.formats.muxers.push_back ({format->id, format->name});
  });
}

void
read_devices (std::string_view text, Skills &skills)
{
  for_each_line (text, [&] (std::string_view line) {
    auto format = read_format_line (line);
    if (format && format->demuxes)
      skills.devices.demuxers.push_back ({format->id, format->name, {}});
    if (format && format->muxes)
      skills.devices.muxers.push_back ({format->id, format->name, {}});
  });
}

void
read_protocols (std::string_view text, Skills &skills)
{
  std::vector<SkillsItem> *list = nullptr;
  for_each_line (text, [&] (std::string_view line) {
    line = trim (line);
    if (line == "Input:")
      list = &skills.protocols.input;
    else if (line == "Output:")
      list = &skills.protocols.output;
    else if (list && is_name (line))
      list->push_back ({std::string (line), std::string (line)});
  });
}

std::vector<SkillsHardware>
read_alsa (std::string_view cards, std::string_view devices)
{
  // " 0 [PCH            ]: HDA-Intel - HDA Intel PCH"
  std::vector<SkillsItem> names;
  for_each_line (cards, [&] (std::string_view line) {
    std::size_t bracket = line.find ('['), colon = line.find ("]: ");
    if (bracket != line.npos && colon != line.npos && bracket < colon)
      names.push_back ({std::string (trim (line.substr (0, bracket))),
          std::string (line.substr (colon + 3))});
  });
  // "  3: [ 0- 0]: digital audio capture"
  std::vector<SkillsHardware> found;
  for_each_line (devices, [&] (std::string_view line) {
    std::size_t from = line.find ('['), dash = line.find ('-');
    std::size_t to = line.find ("]: digital audio capture");
    if (from == line.npos || dash == line.npos || to == line.npos || dash < from
        || to < dash)
      return;
    std::string card (trim (line.substr (from + 1, dash - from - 1)));
    std::string device (trim (line.substr (dash + 1, to - dash - 1)));
    for (const SkillsItem &name : names)
      if (name.id == card)
        found.push_back ({"hw:" + card + "," + device, name.name, "", "audio"});
  });
  return found;
}

} // namespace restream
