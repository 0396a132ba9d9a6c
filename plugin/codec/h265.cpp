// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/bit-reader.h"
#include "plugin/codec/formats.h"
#include "plugin/codec/parameter-sets.h"

#include "common/bytes.h"

namespace restream::codec {

namespace {

// Rec. ITU-T H.265, table 7-1; RFC 7798, section 4.4.
constexpr unsigned kFirstIrap = 16, kLastIrap = 23;
constexpr unsigned kVps = 32, kSps = 33, kPps = 34;
constexpr unsigned kAggregation = 48, kFragment = 49;
constexpr std::size_t kNalHeader = 2;
constexpr unsigned kMaxH265SpsId = 15, kMaxH265PpsId = 63;

unsigned
type_of (Bytes unit)
{
  return unit[0] >> 1 & 0x3f;
}

// For each unit that is whole in this payload. It has its header at least.
// Without DONL fields, which no WebRTC peer negotiates.
template <typename F>
void
for_each_whole_unit (Bytes payload, F see)
{
  if (payload.size () < kNalHeader)
    return;
  const unsigned type = type_of (payload);
  if (type < kAggregation)
    see (payload);
  if (type != kAggregation)
    return;
  for (std::size_t at = kNalHeader; at + 2 + kNalHeader <= payload.size ();) {
    const std::size_t length = be16 (payload, at);
    if (length < kNalHeader || length > payload.size () - at - 2)
      return;
    see (payload.subspan (at + 2, length));
    at += 2 + length;
  }
}

Begin
begin_of (unsigned type)
{
  if (type >= kFirstIrap && type <= kLastIrap)
    return Begin::keyframe;
  return type == kVps || type == kSps ? Begin::parameters : Begin::nothing;
}

// H.265, section 7.3.3, of a sequence parameter set.
struct ProfileTierLevel
{
  unsigned profile = 0, tier = 0, level = 0;
};

class H265 final : public PayloadFormat
{
public:
  Begin begin (Bytes payload) const override
  {
    if (payload.size () > kNalHeader && type_of (payload) == kFragment)
      return payload[kNalHeader] & 0x80 ? begin_of (payload[kNalHeader] & 0x3f)
                                        : Begin::nothing;
    Begin found = Begin::nothing;
    for_each_whole_unit (payload,
        [&found] (Bytes unit) { found = found | begin_of (type_of (unit)); });
    return found;
  }

  bool learn (Bytes payload) override
  {
    for_each_whole_unit (payload, [this] (Bytes unit) { add (unit); });
    if (!changed_ || !complete ())
      return false;
    changed_ = false;
    return true;
  }

  Parameters parameters () const override
  {
    if (!complete ())
      return {};
    return {{"profile-id", std::to_string (ptl_.profile)},
        {"tier-flag", std::to_string (ptl_.tier)},
        {"level-id", std::to_string (ptl_.level)}, {"sprop-vps", vps_.text ()},
        {"sprop-sps", sps_.text ()}, {"sprop-pps", pps_.text ()}};
  }

  void learn_from (const Parameters &parameters) override
  {
    // In this order, whatever theirs is: a new SPS makes the PPS void.
    for (const char *kind : {"sprop-vps", "sprop-sps", "sprop-pps"})
      for (const auto &[name, value] : parameters)
        if (name == kind)
          for_each_set (value, [this] (Bytes unit) {
            if (unit.size () > kNalHeader)
              add (unit);
          });
  }

  std::vector<Bytes> parameter_sets () const override
  {
    std::vector<Bytes> list;
    if (!complete ())
      return list;
    vps_.append_to (list);
    sps_.append_to (list);
    pps_.append_to (list);
    return list;
  }

  void forget () override
  {
    vps_.clear ();
    sps_.clear ();
    pps_.clear ();
    changed_ = false;
  }

private:
  bool complete () const
  {
    return !vps_.empty () && !sps_.empty () && !pps_.empty ();
  }

  void add (Bytes unit)
  {
    const unsigned type = type_of (unit);
    if (type < kVps || type > kPps || unit[0] & 0x80)
      return;
    BitReader bits (unit.subspan (kNalHeader), BitReader::Escapes::nal);
    if (type == kVps) {
      const std::uint32_t id = bits.bits (4);
      if (bits.ok ())
        changed_ |= vps_.store (id, unit);
    } else if (type == kPps) {
      const std::uint32_t id = bits.ue ();
      if (bits.ok () && id <= kMaxH265PpsId)
        changed_ |= pps_.store (id, unit);
    } else {
      add_sps (unit, bits);
    }
  }

  void add_sps (Bytes unit, BitReader &bits)
  {
    bits.skip (4);
    const std::uint32_t sub_layers = bits.bits (3); // without the highest
    bits.skip (1);
    ProfileTierLevel ptl;
    bits.skip (2);
    ptl.tier = bits.bits (1);
    ptl.profile = bits.bits (5);
    bits.skip (32 + 48);
    ptl.level = bits.bits (8);
    std::uint32_t present = 0; // two bits for each
    for (unsigned i = 0; i < sub_layers; i++)
      present = present << 2 | bits.bits (2);
    if (sub_layers > 0)
      bits.skip (2 * (8 - sub_layers));
    for (unsigned i = sub_layers; i-- > 0;) {
      bits.skip (present >> (2 * i + 1) & 1 ? 88 : 0);
      bits.skip (present >> 2 * i & 1 ? 8 : 0);
    }
    const std::uint32_t id = bits.ue ();
    if (!bits.ok () || id > kMaxH265SpsId || !sps_.store (id, unit))
      return;
    // A new sequence: its picture parameters follow, the old ones are void.
    pps_.clear ();
    ptl_ = ptl;
    changed_ = true;
  }

  ParameterSets vps_, sps_, pps_;
  ProfileTierLevel ptl_; // of the newest SPS
  bool changed_ = false;
};

} // namespace

std::unique_ptr<PayloadFormat>
make_h265 ()
{
  return std::make_unique<H265> ();
}

} // namespace restream::codec
