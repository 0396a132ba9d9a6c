// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace restream {

// The parameters of a URL's query, read as the API's clients expect it: the first
// one of a name counts, what is malformed is left out. Values are bytes, not
// necessarily UTF-8. A value. Thread: any.
class Query
{
public:
  Query () = default;
  // raw: the part after the question mark, still escaped.
  explicit Query (std::string_view raw);

  // Unescaped twice, as the original has it (a client that knows escapes twice); a
  // value that stands only one unescaping is taken after that. "" if there is none.
  std::string get (std::string_view name) const;

private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// "+" and "%41" as in a form; nullopt for a malformed escape.
std::optional<std::string> form_unescape (std::string_view text);

// One segment of a path: "%41" only; nullopt if it is malformed, or what comes out
// is not UTF-8 or holds a NUL.
std::optional<std::string> segment_unescape (std::string_view text);

} // namespace restream
