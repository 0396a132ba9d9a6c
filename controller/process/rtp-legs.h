// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace restream {

// FFmpeg's arguments for the process's RTP legs: video to the port, Opus to the one
// above, both on loopback. They go after the last output.
std::vector<std::string> rtp_leg_arguments (const WebrtcOptions &options,
    std::uint16_t port);

} // namespace restream
