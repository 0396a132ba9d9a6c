// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/rtcp-compound.h"

#include <cstdlib>
#include <vector>

using namespace restream::src;

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  const auto whole = parse_rtcp ({data, size});
  if (!whole)
    return 0;
  if (whole->reports ().size () > RtcpContents::kMaxReports
      || whole->byes ().size () > RtcpContents::kMaxByes)
    std::abort ();
  // Twice the same is as well formed, unless the first half ends in padding.
  std::vector<std::uint8_t> twice (data, data + size);
  twice.insert (twice.end (), data, data + size);
  const auto again = parse_rtcp (twice);
  if (again && again->reports ().size () < whole->reports ().size ())
    std::abort ();
  return 0;
}
