// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/formats.h"

#include <algorithm>
#include <array>

namespace restream::codec {

namespace {

// What follows the payload descriptor (RFC 7741, section 4.2); empty if it lies.
Bytes
behind_descriptor (Bytes payload)
{
  std::size_t size = 1;
  if (payload[0] & 0x80) { // X
    if (payload.size () < 2)
      return {};
    const std::uint8_t extension = payload[1];
    size++;
    if (extension & 0x80) { // I: one byte or two
      if (payload.size () <= size)
        return {};
      size += payload[size] & 0x80 ? 2 : 1;
    }
    size += extension & 0x40 ? 1 : 0; // L
    size += extension & 0x30 ? 1 : 0; // T, K
  }
  return payload.size () > size ? payload.subspan (size) : Bytes ();
}

class Vp8 final : public PayloadFormat
{
public:
  Begin begin (Bytes payload) const override
  {
    // S, and the first partition.
    if (payload.empty () || (payload[0] & 0x1f) != 0x10)
      return Begin::nothing;
    const Bytes frame = behind_descriptor (payload);
    if (frame.empty () || frame[0] & 0x01) // P: an inter frame
      return Begin::nothing;
    // RFC 6386, section 9.1.
    static constexpr std::array<std::uint8_t, 3> kStartCode{0x9d, 0x01, 0x2a};
    if (frame.size () < 6
        || !std::ranges::equal (frame.subspan (3, 3), kStartCode))
      return Begin::nothing;
    return Begin::keyframe;
  }
};

} // namespace

std::unique_ptr<PayloadFormat>
make_vp8 ()
{
  return std::make_unique<Vp8> ();
}

} // namespace restream::codec
