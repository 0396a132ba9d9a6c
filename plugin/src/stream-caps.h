// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/result.h"
#include "plugin/codec/payload-format.h"

#include <cstdint>
#include <optional>

namespace restream::src {

// The caps of one medium: what is configured, completed by what is known of the
// codec and by what the packets tell. A configured field is never overruled.
// Thread: immutable.
class StreamCaps
{
public:
  // What a stream for browsers is made of. Under these caps a payload type that
  // RFC 3551 gives to a codec is that codec.
  static const char *default_caps (Media media);

  // bad_request: caps that cannot describe one RTP stream of this medium.
  static Result<StreamCaps> from (Media media, const GstCaps *configured);

  StreamCaps () = default;

  // The payload type, where the configuration fixes it.
  std::optional<std::uint8_t> payload_type () const { return payload_type_; }
  const std::string &encoding_name () const { return encoding_name_; }

  // learnt: what the payloads tell.
  Ref<GstCaps> build (std::optional<std::uint8_t> payload_type,
      std::optional<std::uint32_t> ssrc, const codec::Parameters &learnt) const;

private:
  Ref<GstCaps> caps_;
  Media media_ = Media::video;
  std::string encoding_name_; // upper case
  std::optional<std::uint8_t> payload_type_;
  bool is_default_ = false;
};

} // namespace restream::src
