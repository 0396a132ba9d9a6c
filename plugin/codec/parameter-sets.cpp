// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/parameter-sets.h"

#include "common/ref.h"

#include <algorithm>
#include <cstring>

namespace restream::codec {

bool
ParameterSets::store (unsigned id, std::span<const std::uint8_t> nal)
{
  if (nal.size () > kMaxSetBytes)
    return false;
  auto it = std::ranges::find (sets_, id, &Set::id);
  if (it == sets_.end ()) {
    if (sets_.size () == kMaxSets)
      return false;
    sets_.push_back ({id, {nal.begin (), nal.end ()}});
    return true;
  }
  if (std::ranges::equal (it->nal, nal))
    return false;
  it->nal.assign (nal.begin (), nal.end ());
  return true;
}

std::string
ParameterSets::text () const
{
  std::string all;
  for (const Set &set : sets_) {
    const Owned<char> text (g_base64_encode (set.nal.data (), set.nal.size ()));
    if (!all.empty ())
      all += ',';
    all += text.get ();
  }
  return all;
}

void
ParameterSets::append_to (
    std::vector<std::span<const std::uint8_t>> &list) const
{
  for (const Set &set : sets_)
    list.emplace_back (set.nal);
}

void
for_each_set (const std::string &text,
    const std::function<void (std::span<const std::uint8_t>)> &see)
{
  constexpr int kMaxParts = 3 * ParameterSets::kMaxSets;
  const Owned<char *> parts (g_strsplit (text.c_str (), ",", kMaxParts));
  for (char **part = parts.get (); *part; part++) {
    if (strlen (*part) < 2)
      continue;
    gsize size = 0;
    const guchar *unit = g_base64_decode_inplace (*part, &size);
    if (size > 0 && size <= ParameterSets::kMaxSetBytes)
      see ({unit, size});
  }
}

} // namespace restream::codec
