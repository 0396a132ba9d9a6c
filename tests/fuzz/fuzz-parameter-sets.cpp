// SPDX-License-Identifier: LGPL-2.1-or-later
// A sequence of RTP payloads, each behind one byte of length.
#include "plugin/src/parameter-sets.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace restream::src;

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  ParameterSets sets;
  std::span<const std::uint8_t> rest (data, size);
  while (!rest.empty ()) {
    const std::size_t length =
        std::min<std::size_t> (rest[0], rest.size () - 1);
    const std::vector<std::uint8_t> payload (rest.begin () + 1,
        rest.begin () + 1 + length);
    rest = rest.subspan (1 + length);
    const bool changed = sets.feed (payload);
    if (changed
        && (!sets.complete () || !ParameterSets::may_hold (payload)
            || sets.profile_level_id ().size () != 6
            || sets.sprop ().find (',') == std::string::npos))
      std::abort ();
    if (changed && sets.feed (payload) && !sets.complete ())
      std::abort ();
  }
  if (sets.complete ()
      && sets.sprop ().size ()
          > 2 * ParameterSets::kMaxSets * (ParameterSets::kMaxSetBytes * 3 / 2))
    std::abort ();
  return 0;
}
