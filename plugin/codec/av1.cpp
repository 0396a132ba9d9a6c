// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/bit-reader.h"
#include "plugin/codec/formats.h"

namespace restream::codec {

namespace {

// The aggregation header's bits.
constexpr std::uint8_t kContinues = 0x80, kContinued = 0x40,
                       kNewSequence = 0x08;
// AV1 bitstream, section 6.2.2.
constexpr unsigned kSequenceHeader = 1, kFrameHeader = 3, kFrame = 6;

// Takes a number off the front; nothing if it does not end.
std::optional<std::size_t>
take_leb128 (Bytes &from)
{
  std::size_t value = 0;
  for (std::size_t i = 0; i < 5 && i < from.size (); i++) {
    value |= static_cast<std::size_t> (from[i] & 0x7f) << 7 * i;
    if (!(from[i] & 0x80)) {
      from = from.subspan (i + 1);
      return value;
    }
  }
  return std::nullopt;
}

// Calls see (type, contents, whole) for each OBU that begins here.
template <typename F>
void
for_each_obu (Bytes payload, F see)
{
  if (payload.empty ())
    return;
  const std::uint8_t header = payload[0];
  const unsigned count = header >> 4 & 3; // 0: not said
  Bytes rest = payload.subspan (1);
  for (unsigned i = 0; !rest.empty (); i++) {
    std::size_t size =
        rest.size (); // that of the last one, if they are counted
    if (count == 0 || i + 1 < count) {
      const auto said = take_leb128 (rest);
      if (!said || *said > rest.size ())
        return;
      size = *said;
    }
    Bytes obu = rest.first (size);
    rest = rest.subspan (size);
    if (i == 0 && header & kContinues)
      continue;
    if (obu.empty () || obu[0] & 0x80) // reserved: zero
      continue;
    const bool whole = !(rest.empty () && header & kContinued);
    const std::uint8_t obu_header = obu[0];
    const std::size_t header_size = obu_header & 0x04 ? 2 : 1;
    if (obu.size () < header_size)
      continue;
    obu = obu.subspan (header_size);
    // Senders should leave the size out (section 4.4); not all do.
    if (obu_header & 0x02) {
      const auto said = take_leb128 (obu);
      if (!said)
        continue;
      if (*said < obu.size ())
        obu = obu.first (*said);
    }
    see (unsigned{obu_header} >> 3 & 15, obu, whole);
  }
}

// The beginning of a sequence header (AV1 bitstream, section 5.5.1).
struct Sequence
{
  unsigned profile = 0;
  std::optional<unsigned> level, tier; // of the first operating point
  bool operator== (const Sequence &) const = default;
};

std::optional<Sequence>
read_sequence (Bytes header)
{
  BitReader bits (header);
  Sequence sequence;
  sequence.profile = bits.bits (3);
  bits.skip (1);
  const bool reduced = bits.flag ();
  if (reduced) {
    sequence.level = bits.bits (5);
  } else if (!bits.flag ()) { // no timing info, which is long
    bits.skip (1 + 5 + 12);
    sequence.level = bits.bits (5);
    sequence.tier = *sequence.level > 7 ? bits.bits (1) : 0;
  }
  if (!bits.ok () || sequence.profile > 2)
    return std::nullopt;
  return sequence;
}

class Av1 final : public PayloadFormat
{
public:
  Begin begin (Bytes payload) const override
  {
    if (payload.size () < 2 || payload[0] & kContinues)
      return Begin::nothing;
    if (payload[0] & kNewSequence)
      return Begin::keyframe;
    Begin found = Begin::nothing;
    for_each_obu (payload, [&found] (unsigned type, Bytes contents, bool) {
      if (type == kSequenceHeader && found == Begin::nothing)
        found = Begin::parameters;
      // It shows no older frame and is of type KEY_FRAME (section 5.9.2).
      if ((type == kFrame || type == kFrameHeader) && !contents.empty ()
          && (contents[0] & 0xe0) == 0)
        found = Begin::keyframe;
    });
    return found;
  }

  bool learn (Bytes payload) override
  {
    bool changed = false;
    for_each_obu (payload,
        [this, &changed] (unsigned type, Bytes contents, bool whole) {
          if (type != kSequenceHeader || !whole)
            return;
          const auto sequence = read_sequence (contents);
          if (!sequence || sequence == sequence_)
            return;
          sequence_ = sequence;
          changed = true;
        });
    return changed;
  }

  Parameters parameters () const override
  {
    if (!sequence_)
      return {};
    Parameters all{{"profile", std::to_string (sequence_->profile)}};
    if (sequence_->level)
      all.emplace_back ("level-idx", std::to_string (*sequence_->level));
    if (sequence_->tier)
      all.emplace_back ("tier", std::to_string (*sequence_->tier));
    return all;
  }

  void forget () override { sequence_.reset (); }

private:
  std::optional<Sequence> sequence_;
};

} // namespace

std::unique_ptr<PayloadFormat>
make_av1 ()
{
  return std::make_unique<Av1> ();
}

} // namespace restream::codec
