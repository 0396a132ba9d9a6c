// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/join-point.h"

namespace restream::sink {

namespace {

enum NalType : std::uint8_t
{
  kIdr = 5,
  kSps = 7,
  kStapA = 24,
  kFuA = 28
};

bool
is_key (std::uint8_t nal_header)
{
  std::uint8_t type = nal_header & 0x1f;
  return type == kIdr || type == kSps;
}

} // namespace

bool
h264_starts_keyframe (std::span<const std::uint8_t> payload)
{
  if (payload.empty ())
    return false;
  switch (payload[0] & 0x1f) {
    case kStapA:
      for (std::size_t at = 1; at + 2 < payload.size ();) {
        std::size_t size =
            static_cast<std::size_t> (payload[at] << 8 | payload[at + 1]);
        at += 2;
        if (size == 0 || size > payload.size () - at)
          return false;
        if (is_key (payload[at]))
          return true;
        at += size;
      }
      return false;
    case kFuA:
      // Start bit, and the type of the whole unit.
      return payload.size () >= 2 && (payload[1] & 0x80) && is_key (payload[1]);
    default:
      return is_key (payload[0]);
  }
}

JoinPoint::JoinPoint (std::string_view encoding_name)
    : h264_ (encoding_name == "H264")
{
}

bool
JoinPoint::look (std::uint32_t timestamp, std::span<const std::uint8_t> payload)
{
  if (!h264_)
    return true;
  if (!started_ || timestamp != timestamp_) {
    started_ = true;
    timestamp_ = timestamp;
    picture_marked_ = false;
  }
  if (picture_marked_ || !h264_starts_keyframe (payload))
    return false;
  picture_marked_ = true;
  return true;
}

} // namespace restream::sink
