// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace restream::sink {

// Finds the packets at which a viewer may begin: the first packet of a picture that
// starts with its parameter sets or is a keyframe (H.264: RFC 6184, whatever
// the slicing and packetisation). Streams whose format it does not know can be
// joined anywhere.
// Thread: the streaming thread of its medium.
class JoinPoint
{
public:
  explicit JoinPoint (std::string_view encoding_name);

  // payload: the RTP payload. true: begin here.
  bool look (std::uint32_t timestamp, std::span<const std::uint8_t> payload);

private:
  bool h264_;
  bool started_ = false;
  std::uint32_t timestamp_ = 0;
  bool picture_marked_ = false; // this picture's join point has been given
};

// Does an RTP payload of H.264 carry (the beginning of) an IDR slice, or a
// sequence parameter set? Safe on any bytes.
bool h264_starts_keyframe (std::span<const std::uint8_t> payload);

} // namespace restream::sink
