// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

namespace restream {

// One stream of an input or output, as FFmpeg describes it. What it does not tell is zero or empty.
struct StreamInfo
{
  std::string address, format;
  unsigned index = 0, stream = 0; // of the input or output, and in it
  std::string language = "und";
  std::string type; // "video", "audio", "subtitle"
  std::string codec;
  std::string coder; // FFmpeg's decoder or encoder; "copy"
  double bitrate_kbps = 0;
  double duration_s = 0;

  std::string pix_fmt;
  unsigned width = 0, height = 0;
  double fps = 0;

  unsigned sampling_hz = 0, channels = 0;
  std::string layout;
};

} // namespace restream
