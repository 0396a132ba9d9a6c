// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of the offered payload types a stream's codec goes into, and with which
// format parameters the answer describes it.
#pragma once

#include "plugin/negotiation/attributes.h"

namespace restream::negotiation {

struct CodecMatch
{
  std::uint8_t payload_type = 0;
  Codec codec; // its parameters are the answer's fmtp
  std::optional<std::uint8_t> rtx_payload_type;
  std::optional<std::uint8_t> red_payload_type;
  std::vector<std::string> feedback; // as offered
};

// The error (not_acceptable) says what is missing.
Result<CodecMatch> match_codec (const Codec &stream,
    const std::vector<OfferedFormat> &formats);

// How far the profile of an offered H.264 format is from the stream's: the
// decoder's own profile, then those that include it, then the others.
unsigned h264_profile_distance (std::uint32_t stream_level_id,
    std::uint32_t offered_level_id);

} // namespace restream::negotiation
