// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace restream::codec {

using Bytes = std::span<const std::uint8_t>;
// What an SDP says of a format, by its names (a=fmtp).
using Parameters = std::vector<std::pair<std::string, std::string>>;

// What a decoder that has seen nothing yet finds in a payload.
enum class Begin
{
  nothing = 0,
  parameters, // they promise a keyframe in the same picture
  keyframe,
  parameters_and_keyframe
};

// Both of what begins in two parts of one payload.
constexpr Begin
operator| (Begin a, Begin b)
{
  if (a == b || b == Begin::nothing)
    return a;
  return a == Begin::nothing ? b : Begin::parameters_and_keyframe;
}

// One codec's RTP payload format. Payloads come from outside: any bytes are safe.
// Thread: its owner's.
class PayloadFormat
{
public:
  virtual ~PayloadFormat () = default;
  PayloadFormat (const PayloadFormat &) = delete;
  PayloadFormat &operator= (const PayloadFormat &) = delete;

  // What begins in this payload. Fragments of what began before begin nothing.
  virtual Begin begin (Bytes payload) const = 0;

  // Corrects in place what senders are known to say wrongly of each payload; called
  // for all, in their order.
  virtual void mend (std::span<std::uint8_t>) {}

  // Takes from a payload what it says of the stream. Whether parameters() are
  // complete and not what they were when this last returned true.
  virtual bool learn (Bytes) { return false; }
  virtual Parameters parameters () const { return {}; }
  // Takes the parameter sets that an SDP has (sprop-…).
  virtual void learn_from (const Parameters &) {}
  // All that are known, each a payload of its own, as they go before a keyframe. Empty: not
  // complete, or this format has none. Valid until anything is learnt.
  virtual std::vector<Bytes> parameter_sets () const { return {}; }
  // Another sender.
  virtual void forget () {}

protected:
  PayloadFormat () = default;
};

// A codec that browsers know by its RTP encoding name.
struct CodecInfo
{
  const char *encoding_name; // upper case
  Media media;
  std::uint32_t clock_rate; // Hz, of its timestamps
  const char *encoding_params; // or null
  std::optional<std::uint8_t> static_payload_type; // RFC 3551
};

// Null: none of them. Names in any case.
const CodecInfo *find_codec (std::string_view encoding_name);
// The one that this payload type always means.
const CodecInfo *find_codec (Media media, std::uint8_t static_payload_type);
// Null for audio, and for formats that are not known: each packet is like the other.
std::unique_ptr<PayloadFormat> make_payload_format (
    std::string_view encoding_name);

} // namespace restream::codec
