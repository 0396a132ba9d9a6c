// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/result.h"
#include "plugin/src/parameter-sets.h"

#include <cstdint>
#include <optional>

namespace restream::src {

// The caps of one medium: what is configured, completed by what the packets
// tell. A configured field is never overruled.
// Thread: immutable.
class StreamCaps
{
public:
  // What a stream for browsers is made of.
  static const char *default_caps (Media media);

  // bad_request: caps that cannot describe one RTP stream of this medium.
  static Result<StreamCaps> from (Media media, const GstCaps *configured);

  StreamCaps () = default;

  // The payload type, where the configuration fixes it.
  std::optional<std::uint8_t> payload_type () const { return payload_type_; }
  // Whether the stream's parameter sets add to the caps.
  bool wants_parameter_sets () const { return is_h264_; }
  const Ref<GstCaps> &configured () const { return caps_; }

  // sets: null or complete.
  Ref<GstCaps> build (std::optional<std::uint8_t> payload_type,
      std::optional<std::uint32_t> ssrc, const ParameterSets *sets) const;

private:
  Ref<GstCaps> caps_;
  std::optional<std::uint8_t> payload_type_;
  bool is_h264_ = false;
};

} // namespace restream::src
