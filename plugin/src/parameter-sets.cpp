// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/parameter-sets.h"

#include "common/bytes.h"
#include "common/ref.h"

#include <algorithm>
#include <optional>

namespace restream::src {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr unsigned kSps = 7, kPps = 8, kStapA = 24;
constexpr unsigned kMaxSpsId = 31, kMaxPpsId = 255;

// An Exp-Golomb number at the start of the bytes. Ids are so small that no
// emulation prevention byte can fall into them.
std::optional<unsigned>
read_ue (Bytes b)
{
  const auto bit = [b] (std::size_t i) { return b[i / 8] >> (7 - i % 8) & 1; };
  const std::size_t bits = 8 * b.size ();
  std::size_t zeros = 0;
  while (zeros < bits && !bit (zeros))
    zeros++;
  if (zeros > 16 || 2 * zeros + 1 > bits)
    return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = zeros; i <= 2 * zeros; i++)
    value = value << 1 | static_cast<unsigned> (bit (i));
  return value - 1;
}

} // namespace

bool
ParameterSets::feed (Bytes payload)
{
  if (!may_hold (payload))
    return false;
  if ((payload[0] & 0x1f) == kStapA) {
    for (Bytes rest = payload.subspan (1); rest.size () >= 2;) {
      const std::size_t size = be16 (rest, 0);
      rest = rest.subspan (2);
      if (size > rest.size ())
        break;
      add_nal (rest.first (size));
      rest = rest.subspan (size);
    }
  } else {
    add_nal (payload);
  }
  if (!changed_ || !complete ())
    return false;
  changed_ = false;
  return true;
}

void
ParameterSets::clear ()
{
  sps_.clear ();
  pps_.clear ();
  changed_ = false;
}

void
ParameterSets::add_nal (Bytes nal)
{
  if (nal.size () > kMaxSetBytes)
    return;
  if (nal.size () >= 5 && (nal[0] & 0x9f) == kSps) {
    const auto id = read_ue (nal.subspan (4));
    if (id && *id <= kMaxSpsId && store (sps_, *id, nal)) {
      // A new sequence: its picture parameters follow, the old ones are void.
      pps_.clear ();
      changed_ = true;
    }
  } else if (nal.size () >= 2 && (nal[0] & 0x9f) == kPps) {
    const auto id = read_ue (nal.subspan (1));
    if (id && *id <= kMaxPpsId && store (pps_, *id, nal))
      changed_ = true;
  }
}

bool
ParameterSets::store (std::vector<Set> &sets, unsigned id, Bytes nal)
{
  auto it = std::ranges::find (sets, id, &Set::id);
  if (it == sets.end ()) {
    if (sets.size () == kMaxSets)
      return false;
    sets.push_back ({id, {nal.begin (), nal.end ()}});
    return true;
  }
  if (std::ranges::equal (it->nal, nal))
    return false;
  it->nal.assign (nal.begin (), nal.end ());
  return true;
}

std::string
ParameterSets::profile_level_id () const
{
  const auto &nal = sps_.front ().nal; // at least 5 bytes, by add_nal()
  const Owned<char> hex (
      g_strdup_printf ("%02x%02x%02x", nal[1], nal[2], nal[3]));
  return hex.get ();
}

std::string
ParameterSets::sprop () const
{
  std::string all;
  for (const auto *sets : {&sps_, &pps_}) {
    for (const Set &set : *sets) {
      const Owned<char> text (
          g_base64_encode (set.nal.data (), set.nal.size ()));
      if (!all.empty ())
        all += ',';
      all += text.get ();
    }
  }
  return all;
}

} // namespace restream::src
