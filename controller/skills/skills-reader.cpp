// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/skills/skills-reader.h"

#include <cstring>

namespace restream {

namespace {

constexpr struct
{
  const char *option;
  void (*read) (std::string_view, Skills &);
} kQuestions[] = {
    {"-version",
        [] (std::string_view text, Skills &skills) {
          (void) read_version (text, skills);
        }},
    {"-filters", read_filters},
    {"-hwaccels", read_hwaccels},
    {"-codecs", read_codecs},
    {"-formats", read_formats},
    {"-devices", read_devices},
    {"-protocols", read_protocols},
};

std::string
read_file (const std::string &path)
{
  Owned<char> text;
  gsize size = 0;
  // No such file: no such hardware.
  if (!g_file_get_contents (path.c_str (), out (text), &size, nullptr))
    return {};
  return {text.get (), size};
}

std::vector<SkillsHardware>
find_cameras ()
{
  constexpr const char *kFolder = "/sys/class/video4linux";
  std::vector<SkillsHardware> cameras;
  GDir *folder = g_dir_open (kFolder, 0, nullptr);
  while (const char *entry = folder ? g_dir_read_name (folder) : nullptr) {
    if (!g_str_has_prefix (entry, "video"))
      continue;
    std::string name =
        read_file (std::string (kFolder) + "/" + entry + "/name");
    while (name.ends_with ('\n'))
      name.pop_back ();
    cameras.push_back ({std::string ("/dev/") + entry, name, "", "video"});
  }
  if (folder)
    g_dir_close (folder);
  return cameras;
}

void
find_hardware (Skills &skills)
{
  for (auto *list : {&skills.devices.demuxers, &skills.devices.muxers})
    for (SkillsDevice &device : *list) {
      if (device.id == "alsa")
        device.devices = read_alsa (read_file ("/proc/asound/cards"),
            read_file ("/proc/asound/devices"));
      else if (device.id == "video4linux2")
        device.devices = find_cameras ();
    }
}

} // namespace

void
SkillsReader::get (Done done)
{
  if (known_ && !run_)
    return done (*known_);
  reload (std::move (done));
}

void
SkillsReader::reload (Done done)
{
  waiting_.push_back (std::move (done));
  if (run_)
    return;
  question_ = 0;
  found_ = {};
  ask ();
}

void
SkillsReader::ask ()
{
  run_ =
      ToolRun::start ({binary_, "-hide_banner", kQuestions[question_].option},
          [this] (Result<std::string> text) { answered (std::move (text)); });
}

void
SkillsReader::answered (Result<std::string> text)
{
  if (!text)
    return finish (text.error ());
  kQuestions[question_].read (*text, found_);
  if (found_.version.empty ())
    return finish (
        Error{Code::internal, binary_ + " does not tell its version"});
  if (++question_ < std::size (kQuestions))
    return ask ();
  find_hardware (found_);
  finish (std::move (found_));
}

void
SkillsReader::finish (Result<Skills> result)
{
  run_.reset ();
  if (result)
    known_ = *result;
  for (Done &done : std::exchange (waiting_, {}))
    done (result);
}

} // namespace restream
