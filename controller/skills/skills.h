// SPDX-License-Identifier: LGPL-2.1-or-later
// What an FFmpeg binary can do, and how it says so: readers of its lists, pure, for
// FFmpeg 4 to 8. They take the lines that they know and leave out the rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace restream {

struct SkillsItem
{
  std::string id;
  std::string name;
};

struct SkillsCodec
{
  std::string id;
  std::string name;
  std::vector<std::string> encoders, decoders;
};

// A camera, a sound card.
struct SkillsHardware
{
  std::string id; // as FFmpeg takes it for an address
  std::string name;
  std::string extra;
  std::string media;
};

// A way to reach such hardware.
struct SkillsDevice
{
  std::string id;
  std::string name;
  std::vector<SkillsHardware> devices;
};

struct SkillsLibrary
{
  std::string name;
  std::string compiled, linked; // versions
};

struct Skills
{
  std::string version; // "5.1.9"
  std::string compiler;
  std::string configuration;
  std::vector<SkillsLibrary> libraries;
  std::vector<SkillsItem> filters, hwaccels;
  struct
  {
    std::vector<SkillsCodec> audio, video, subtitle;
  } codecs;
  struct
  {
    std::vector<SkillsDevice> demuxers, muxers;
  } devices;
  struct
  {
    std::vector<SkillsItem> demuxers, muxers;
  } formats;
  struct
  {
    std::vector<SkillsItem> input, output;
  } protocols;
};

// Each reads what ffmpeg prints for the option of its name. false: there is no version.
bool read_version (std::string_view text, Skills &skills);
void read_filters (std::string_view text, Skills &skills);
void read_hwaccels (std::string_view text, Skills &skills);
void read_codecs (std::string_view text, Skills &skills);
void read_formats (std::string_view text, Skills &skills);
void read_devices (std::string_view text, Skills &skills);
void read_protocols (std::string_view text, Skills &skills);

// Of /proc/asound/cards and /proc/asound/devices: the cards that record.
std::vector<SkillsHardware> read_alsa (std::string_view cards,
    std::string_view devices);

} // namespace restream
