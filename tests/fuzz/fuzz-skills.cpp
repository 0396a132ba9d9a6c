// SPDX-License-Identifier: LGPL-2.1-or-later
// What an FFmpeg may print of itself.
#include "controller/skills/skills.h"

#include <cstdint>

using namespace restream;

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  std::string_view text (reinterpret_cast<const char *> (data), size);
  Skills skills;
  (void) read_version (text, skills);
  for (auto *read : {read_filters, read_hwaccels, read_codecs, read_formats,
           read_devices, read_protocols})
    read (text, skills);
  (void) read_alsa (text.substr (0, size / 2), text.substr (size / 2));
  return 0;
}
