// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/skills-json.h"

namespace restream {

namespace {

void
write_one (JsonWriter &json, const SkillsItem &item)
{
  json.begin_object ()
      .member ("id", item.id)
      .member ("name", item.name)
      .end_object ();
}

void
write_one (JsonWriter &json, const SkillsLibrary &library)
{
  json.begin_object ()
      .member ("name", library.name)
      .member ("compiled", library.compiled)
      .member ("linked", library.linked)
      .end_object ();
}

void
write_one (JsonWriter &json, const SkillsCodec &codec)
{
  json.begin_object ()
      .member ("id", codec.id)
      .member ("name", codec.name)
      .member ("encoders", codec.encoders)
      .member ("decoders", codec.decoders)
      .end_object ();
}

void
write_one (JsonWriter &json, const SkillsHardware &hardware)
{
  json.begin_object ()
      .member ("id", hardware.id)
      .member ("name", hardware.name)
      .member ("extra", hardware.extra)
      .member ("media", hardware.media)
      .end_object ();
}

void write_one (JsonWriter &json, const SkillsDevice &device);

template <typename T>
void
write_list (JsonWriter &json, const char *name, const std::vector<T> &list)
{
  json.key (name).begin_array ();
  for (const T &item : list)
    write_one (json, item);
  json.end_array ();
}

void
write_one (JsonWriter &json, const SkillsDevice &device)
{
  json.begin_object ().member ("id", device.id).member ("name", device.name);
  write_list (json, "devices", device.devices);
  json.end_object ();
}

} // namespace

void
write_skills (JsonWriter &json, const Skills &skills)
{
  json.begin_object ();
  json.key ("ffmpeg")
      .begin_object ()
      .member ("version", skills.version)
      .member ("compiler", skills.compiler)
      .member ("configuration", skills.configuration);
  write_list (json, "libraries", skills.libraries);
  json.end_object ();
  write_list (json, "filter", skills.filters);
  write_list (json, "hwaccels", skills.hwaccels);
  json.key ("codecs").begin_object ();
  write_list (json, "audio", skills.codecs.audio);
  write_list (json, "video", skills.codecs.video);
  write_list (json, "subtitle", skills.codecs.subtitle);
  json.end_object ();
  json.key ("devices").begin_object ();
  write_list (json, "demuxers", skills.devices.demuxers);
  write_list (json, "muxers", skills.devices.muxers);
  json.end_object ();
  json.key ("formats").begin_object ();
  write_list (json, "demuxers", skills.formats.demuxers);
  write_list (json, "muxers", skills.formats.muxers);
  json.end_object ();
  json.key ("protocols").begin_object ();
  write_list (json, "input", skills.protocols.input);
  write_list (json, "output", skills.protocols.output);
  json.end_object ().end_object ();
}

} // namespace restream
