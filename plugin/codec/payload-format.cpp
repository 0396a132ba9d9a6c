// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/payload-format.h"

#include "plugin/codec/formats.h"

#include <glib.h>

namespace restream::codec {

namespace {

struct Entry
{
  CodecInfo info;
  std::unique_ptr<PayloadFormat> (*make) ();
};

constexpr Entry kCodecs[] = {
    {{"H264", Media::video, 90000, nullptr, {}}, make_h264},
    {{"H265", Media::video, 90000, nullptr, {}}, make_h265},
    {{"VP8", Media::video, 90000, nullptr, {}}, make_vp8},
    {{"VP9", Media::video, 90000, nullptr, {}}, make_vp9},
    {{"AV1", Media::video, 90000, nullptr, {}}, make_av1},
    {{"OPUS", Media::audio, 48000, "2", {}}, nullptr},
    {{"PCMU", Media::audio, 8000, nullptr, 0}, nullptr},
    {{"PCMA", Media::audio, 8000, nullptr, 8}, nullptr},
    // Sampled at 16 kHz; RFC 3551, section 4.5.2, keeps the wrong rate for ever.
    {{"G722", Media::audio, 8000, nullptr, 9}, nullptr},
};

const Entry *
find (std::string_view name)
{
  for (const Entry &entry : kCodecs) {
    std::string_view known = entry.info.encoding_name;
    if (known.size () == name.size ()
        && g_ascii_strncasecmp (known.data (), name.data (), name.size ()) == 0)
      return &entry;
  }
  return nullptr;
}

} // namespace

const CodecInfo *
find_codec (std::string_view encoding_name)
{
  const Entry *entry = find (encoding_name);
  return entry ? &entry->info : nullptr;
}

const CodecInfo *
find_codec (Media media, std::uint8_t static_payload_type)
{
  for (const Entry &entry : kCodecs) {
    if (entry.info.media == media
        && entry.info.static_payload_type == static_payload_type)
      return &entry.info;
  }
  return nullptr;
}

std::unique_ptr<PayloadFormat>
make_payload_format (std::string_view encoding_name)
{
  const Entry *entry = find (encoding_name);
  return entry && entry->make ? entry->make () : nullptr;
}

} // namespace restream::codec
