// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "controller/process/process-config.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

// A codec that a leg may carry.
struct LegCodec
{
  Media media;
  const char *name; // as the API has it: "h264"
  const char *encoding_name; // as RTP has it: "H264"
  std::vector<const char *> encode, copy; // FFmpeg's options
};

// Null: no such codec. "" is the medium's usual one.
const LegCodec *find_leg_codec (Media media, std::string_view name);
// For people: "h264, h265, … or av1".
std::string leg_codec_names (Media media);

// FFmpeg's arguments for the process's RTP legs: video to the port, audio to the one
// above, both on loopback. They go after the last output. start_us: when the process starts, in
// microseconds since 1970.
std::vector<std::string> rtp_leg_arguments (const WebrtcOptions &options,
    std::uint16_t port, std::int64_t start_us);

} // namespace restream
