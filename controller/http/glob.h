// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace restream {

inline constexpr std::size_t kMaxGlobLength = 1024; // bytes
inline constexpr unsigned kMaxGlobDepth = 32; // of nested {}

// A pattern of the process API, in the dialect of its clients' server: "*" any
// text ("**" too), "?" any character, "[abc]", "[!abc]", "[a-c]", "[!a-c]",
// "{one,two}" (nesting), "\" takes the next character as it is. No separators: "*"
// goes over "/" and ":". Matches the whole text. A value. Thread: any.
class Glob
{
public:
  // An error if the pattern is malformed, not UTF-8 or over the bounds.
  static Result<Glob> parse (std::string_view pattern);
  // Of file paths: there "/" separates, and only "**" and a "/" go over it.
  static Result<Glob> parse_path (std::string_view pattern);

  // steps: what the match may cost, and counts down; at 0 there is no match. No
  // match takes more than about length of the pattern × length of the text.
  bool matches (std::string_view text, std::uint64_t &steps) const;

private:
  struct State
  {
    enum class Kind
    {
      character = 1, // low
      any_one,
      any_many, // also the way on, as for all of these
      range, // low to high
      list,
      fork, // to each of targets
      jump, // to targets[0]
      match
    };
    Kind kind;
    bool negated = false;
    bool inside = false; // of a path's part: not "/"
    std::uint32_t low = 0, high = 0;
    std::u32string list;
    std::vector<std::uint32_t> targets;
  };
  static Result<Glob> parse (std::string_view pattern, bool path);

  class Parser;
  class Run;
  std::vector<State> states_;
};

} // namespace restream
