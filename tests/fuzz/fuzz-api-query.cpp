// SPDX-License-Identifier: LGPL-2.1-or-later
// A query as a client sends it: its values, the patterns in it, what they match.
#include "controller/http/glob.h"
#include "controller/http/process-json.h"
#include "controller/http/query.h"

using namespace restream;

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  std::string_view text (reinterpret_cast<const char *> (data), size);
  Query query (text);
  (void) segment_unescape (text);
  (void) ProcessFilter::parse (query.get ("filter"));
  for (const std::string &pattern :
      {query.get ("idpattern"), std::string (text)}) {
    auto glob = Glob::parse (pattern);
    if (!glob)
      continue;
    std::uint64_t steps = 100000;
    (void) glob->matches (query.get ("id"), steps);
    (void) glob->matches (text, steps);
    // A text without anything special in it matches itself.
    if (pattern.find_first_of ("*?[\\{") == std::string::npos) {
      steps = 10 * (pattern.size () + 1);
      g_assert_true (glob->matches (pattern, steps));
    }
  }
  return 0;
}
