// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer asks for: video and audio to receive, as browsers do. Pure.
#pragma once

#include "common/media.h"
#include "plugin/negotiation/plan.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace restream::load {

inline constexpr std::uint32_t kVideoClockRate = 90000;
inline constexpr std::uint32_t kAudioClockRate = 48000;

struct VideoFormat
{
  std::uint8_t payload_type;
  std::uint8_t rtx_payload_type;
  const char *profile_level_id;
};

// H.264, packetization mode 1, in the profiles that browsers offer.
inline constexpr VideoFormat kVideoFormats[] = {
    {102, 103, "42e01f"}, // constrained baseline
    {104, 105, "42001f"}, // baseline
    {106, 107, "4d001f"}, // main
    {108, 109, "64001f"}, // high
    {112, 113, "640c1f"}, // constrained high
};
inline constexpr std::uint8_t kAudioPayloadType = 111; // Opus

struct OfferSettings
{
  std::string ufrag;
  std::string pwd;
  negotiation::Fingerprint fingerprint;
  // Where the viewer can be reached; IP addresses, all with this port.
  std::vector<std::string> addresses;
  std::uint16_t port = 0;
  std::uint64_t session_id = 0;
};

// The sections are in the order of Media.
std::string make_offer (const OfferSettings &settings);

} // namespace restream::load
