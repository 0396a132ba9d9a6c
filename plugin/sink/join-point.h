// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/codec/payload-format.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace restream::sink {

// Finds the packets at which a viewer may begin: the first packet of a picture that
// starts with its parameter sets or is a keyframe, whatever the slicing and
// packetisation. Streams whose format it does not know can be joined anywhere.
// Thread: the streaming thread of its medium.
class JoinPoint
{
public:
  explicit JoinPoint (std::string_view encoding_name);

  // payload: the RTP payload, which may be corrected in place. true: begin here.
  bool look (std::uint32_t timestamp, std::span<std::uint8_t> payload);

  // Behind a look() that said so: a keyframe that comes without its parameter sets.
  bool lacks_parameters () const { return is_keyframe_ && !has_parameters_; }
  // Those known, from the stream or by learn_from().
  std::vector<codec::Bytes> parameter_sets () const
  {
    return format_ ? format_->parameter_sets () : std::vector<codec::Bytes>{};
  }
  void learn_from (const codec::Parameters &parameters)
  {
    if (format_)
      format_->learn_from (parameters);
  }

  // Can it be joined at keyframes only?
  bool needs_keyframe () const { return format_ != nullptr; }
  // Pictures that were keyframes.
  std::uint64_t keyframes () const { return keyframes_; }

private:
  // Parameter sets that no keyframe followed, so many times in a row, are no
  // promise of one: some encoders repeat them between keyframes.
  static constexpr unsigned kBrokenPromises = 3;

  void begin_picture (std::uint32_t timestamp);

  std::unique_ptr<codec::PayloadFormat> format_; // null: not known
  bool started_ = false;
  std::uint32_t timestamp_ = 0;
  // Of this picture:
  bool marked_ = false; // its join point has been given
  bool has_parameters_ = false;
  bool is_keyframe_ = false;

  unsigned broken_promises_ = 0;
  std::uint64_t keyframes_ = 0;
};

} // namespace restream::sink
