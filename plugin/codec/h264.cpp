// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/bit-reader.h"
#include "plugin/codec/formats.h"
#include "plugin/codec/parameter-sets.h"

#include "common/h264-payload.h"
#include "common/ref.h"

#include <glib.h>

namespace restream::codec {

namespace {

constexpr unsigned kMaxH264SpsId = 31, kMaxH264PpsId = 255;

class H264 final : public PayloadFormat
{
public:
  Begin begin (Bytes payload) const override
  {
    Begin found = Begin::nothing;
    for_each_h264_unit (payload, [&found] (unsigned type) {
      if (type == kH264Idr)
        found = found | Begin::keyframe;
      else if (type == kH264Sps)
        found = found | Begin::parameters;
    });
    return found;
  }

  bool learn (Bytes payload) override
  {
    for_each_whole_h264_unit (payload, [this] (Bytes unit) { add (unit); });
    if (!changed_ || sps_.empty () || pps_.empty ())
      return false;
    changed_ = false;
    return true;
  }

  Parameters parameters () const override
  {
    if (sps_.empty () || pps_.empty ())
      return {};
    const Bytes sps = sps_.front (); // at least 5 bytes, by add()
    const Owned<char> hex (
        g_strdup_printf ("%02x%02x%02x", sps[1], sps[2], sps[3]));
    return {{"profile-level-id", hex.get ()},
        {"sprop-parameter-sets", sps_.text () + "," + pps_.text ()}};
  }

  void learn_from (const Parameters &parameters) override
  {
    for (const auto &[name, value] : parameters)
      if (name == "sprop-parameter-sets")
        for_each_set (value, [this] (Bytes unit) { add (unit); });
  }

  std::vector<Bytes> parameter_sets () const override
  {
    std::vector<Bytes> list;
    if (sps_.empty () || pps_.empty ())
      return list;
    sps_.append_to (list);
    pps_.append_to (list);
    return list;
  }

  void forget () override
  {
    sps_.clear ();
    pps_.clear ();
    changed_ = false;
  }

private:
  void add (Bytes unit)
  {
    const unsigned type = unit[0] & 0x1f;
    const std::size_t header = type == kH264Sps ? 4 : 1;
    if (unit.size () <= header || unit[0] & 0x80)
      return;
    BitReader bits (unit.subspan (header), BitReader::Escapes::nal);
    if (type == kH264Sps) {
      const std::uint32_t id = bits.ue ();
      if (bits.ok () && id <= kMaxH264SpsId && sps_.store (id, unit)) {
        // A new sequence: its picture parameters follow, the old ones are void.
        pps_.clear ();
        changed_ = true;
      }
    } else if (type == kH264Pps) {
      const std::uint32_t id = bits.ue ();
      if (bits.ok () && id <= kMaxH264PpsId && pps_.store (id, unit))
        changed_ = true;
    }
  }

  ParameterSets sps_, pps_;
  bool changed_ = false;
};

} // namespace

std::unique_ptr<PayloadFormat>
make_h264 ()
{
  return std::make_unique<H264> ();
}

} // namespace restream::codec
