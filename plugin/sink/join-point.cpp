// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/join-point.h"

namespace restream::sink {

JoinPoint::JoinPoint (std::string_view encoding_name)
    : format_ (codec::make_payload_format (encoding_name))
{
}

void
JoinPoint::begin_picture (std::uint32_t timestamp)
{
  if (is_keyframe_)
    broken_promises_ = 0;
  else if (has_parameters_ && broken_promises_ < kBrokenPromises)
    broken_promises_++;
  started_ = true;
  timestamp_ = timestamp;
  marked_ = has_parameters_ = is_keyframe_ = false;
}

bool
JoinPoint::look (std::uint32_t timestamp, std::span<std::uint8_t> payload)
{
  if (!format_)
    return true;
  if (!started_ || timestamp != timestamp_)
    begin_picture (timestamp);
  format_->mend (payload);
  format_->learn (payload);
  const codec::Begin begin = format_->begin (payload);
  switch (begin) {
    case codec::Begin::nothing:
      return false;
    case codec::Begin::parameters:
      has_parameters_ = true;
      if (broken_promises_ >= kBrokenPromises)
        return false;
      break;
    case codec::Begin::keyframe:
    case codec::Begin::parameters_and_keyframe:
      has_parameters_ |= begin == codec::Begin::parameters_and_keyframe;
      if (!is_keyframe_)
        keyframes_++;
      is_keyframe_ = true;
      break;
  }
  if (marked_)
    return false;
  marked_ = true;
  return true;
}

} // namespace restream::sink
