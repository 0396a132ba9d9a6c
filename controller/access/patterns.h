// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <string>
#include <vector>

namespace restream {

RESTREAM_REF_TRAITS (GRegex, g_regex_ref, g_regex_unref);

// What may pass: patterns that allow and patterns that block. The latter win; without the former all is
// allowed. Patterns are not anchored, and give up after a bounded number of steps: what they cannot decide
// does not pass.
class AllowBlock
{
public:
  AllowBlock () = default;
  static Result<AllowBlock> create (const std::vector<std::string> &allow,
      const std::vector<std::string> &block);
  bool passes (const std::string &text) const;

private:
  std::vector<Ref<GRegex>> allow_, block_;
};

// "" or what is wrong with it.
std::string check_pattern (const std::string &pattern);

} // namespace restream
