// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <map>
#include <string>
#include <string_view>

namespace restream {

// What a placeholder stands for. The value may have places of its own, "{name}", which the placeholder's
// parameters fill.
struct PlaceholderValue
{
  std::string text;
  std::map<std::string, std::string, std::less<>> defaults; // of the parameters
};

using PlaceholderValues = std::map<std::string, PlaceholderValue, std::less<>>;
using PlaceholderVariables = std::map<std::string, std::string, std::less<>>;

// Nothing resolves to more than this, which is more than a program's argument may have.
inline constexpr std::size_t kMaxResolvedBytes = 128 * 1024;

// Replaces the placeholders "{name}", "{name^:}" (each ":" and "\" in the value is escaped), and
// "{name,key=value,…}", once each. In parameters, which are escaped as in a URL's query, "$name" stands for
// a variable. A name without a value stays as it is, except "fs:…", which becomes empty. An error only if
// the text grows too long. Pure.
Result<std::string> replace_placeholders (std::string_view text,
    const PlaceholderValues &values, const PlaceholderVariables &variables);

} // namespace restream
