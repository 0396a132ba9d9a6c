// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/bit-reader.h"
#include "plugin/codec/formats.h"

namespace restream::codec {

namespace {

// The payload descriptor's bits (RFC 9628, section 4.2).
constexpr std::uint8_t kPictureId = 0x80, kInterPicture = 0x40, kLayers = 0x20,
                       kFlexible = 0x10, kBegins = 0x08, kEnds = 0x04,
                       kScalability = 0x02;

// The beginning of a frame of the lowest spatial layer; empty for all else and
// for descriptors that lie.
Bytes
frame_in (Bytes payload)
{
  if (payload.empty () || !(payload[0] & kBegins))
    return {};
  const std::uint8_t flags = payload[0];
  std::size_t at = 1;
  const auto left = [&] { return at < payload.size (); };

  if (flags & kPictureId) {
    if (!left ())
      return {};
    at += payload[at] & 0x80 ? 2 : 1;
  }
  if (flags & kLayers) {
    if (!left () || payload[at] & 0x0e) // SID
      return {};
    at += flags & kFlexible ? 1 : 2;
  }
  if (flags & kFlexible && flags & kInterPicture) {
    bool more = true;
    for (unsigned i = 0; i < 3 && more; i++) {
      if (!left ())
        return {};
      more = payload[at++] & 0x01;
    }
  }
  if (flags & kScalability) {
    if (!left ())
      return {};
    const std::uint8_t structure = payload[at++];
    if (structure & 0x10) // Y: sizes
      at += 4 * (1 + (structure >> 5));
    if (structure & 0x08) { // G: a picture group
      if (!left ())
        return {};
      for (unsigned pictures = payload[at++]; pictures > 0; pictures--) {
        if (!left ())
          return {};
        at += 1 + (payload[at] >> 2 & 3);
      }
    }
  }
  return left () ? payload.subspan (at) : Bytes ();
}

// The profile of a keyframe; nothing of other frames (VP9 bitstream, section 6.2).
std::optional<unsigned>
keyframe_profile (Bytes frame)
{
  BitReader bits (frame);
  if (bits.bits (2) != 2)
    return std::nullopt;
  const unsigned low = bits.bits (1);
  const unsigned profile = bits.bits (1) << 1 | low;
  if (profile == 3)
    bits.skip (1);
  const bool shows_existing = bits.flag ();
  const bool inter = bits.flag ();
  bits.skip (2);
  if (shows_existing || inter || bits.bits (24) != 0x498342 || !bits.ok ())
    return std::nullopt;
  return profile;
}

class Vp9 final : public PayloadFormat
{
public:
  Begin begin (Bytes payload) const override
  {
    // By the frame's own word: FFmpeg calls each frame an intra frame here.
    if (!payload.empty () && payload[0] & kInterPicture)
      return Begin::nothing;
    return keyframe_profile (frame_in (payload)) ? Begin::keyframe
                                                 : Begin::nothing;
  }

  // FFmpeg never sets the bit P. Browsers would take each frame for a keyframe, and
  // after a loss go on with one that lacks what it refers to.
  void mend (std::span<std::uint8_t> payload) override
  {
    if (payload.empty ())
      return;
    const std::uint8_t flags = payload[0];
    if (flags & kBegins) {
      const Bytes frame = frame_in (payload);
      // Only where P adds no bytes, and of a frame whose header is there.
      is_inter_ = !(flags & (kFlexible | kLayers)) && frame.size () >= 5
          && frame[0] >> 6 == 2 && !keyframe_profile (frame);
    }
    if (is_inter_)
      payload[0] |= kInterPicture;
    if (flags & kEnds)
      is_inter_ = false;
  }

  bool learn (Bytes payload) override
  {
    const auto profile = keyframe_profile (frame_in (payload));
    if (!profile || profile == profile_)
      return false;
    profile_ = profile;
    return true;
  }

  Parameters parameters () const override
  {
    if (!profile_)
      return {};
    return {{"profile-id", std::to_string (*profile_)}};
  }

  void forget () override { profile_.reset (); }

private:
  std::optional<unsigned> profile_;
  bool is_inter_ = false; // the frame that mend() is in
};

} // namespace

std::unique_ptr<PayloadFormat>
make_vp9 ()
{
  return std::make_unique<Vp9> ();
}

} // namespace restream::codec
