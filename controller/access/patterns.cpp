// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/access/patterns.h"

namespace restream {

namespace {

constexpr const char *kLimits = "(*LIMIT_MATCH=200000)(*LIMIT_DEPTH=2000)";

Result<Ref<GRegex>>
compile_pattern (const std::string &pattern)
{
  Owned<GError> error;
  GRegex *regex = g_regex_new ((kLimits + pattern).c_str (), G_REGEX_RAW,
      GRegexMatchFlags (0), out (error));
  if (!regex)
    return Error{Code::bad_request,
        "invalid expression: '" + pattern + "' (" + error->message + ")"};
  return Ref<GRegex>::adopt (regex);
}

enum class Match
{
  yes = 1,
  no,
  undecided
};

Match
match (const Ref<GRegex> &regex, const std::string &text)
{
  Owned<GError> error;
  if (g_regex_match_full (regex.get (), text.data (), gssize (text.size ()), 0,
          GRegexMatchFlags (0), nullptr, out (error)))
    return Match::yes;
  return error ? Match::undecided : Match::no;
}

} // namespace

Result<AllowBlock>
AllowBlock::create (const std::vector<std::string> &allow,
    const std::vector<std::string> &block)
{
  AllowBlock rules;
  for (auto [patterns, target] :
      {std::pair (&allow, &rules.allow_), std::pair (&block, &rules.block_)})
    for (const std::string &pattern : *patterns) {
      auto regex = compile_pattern (pattern);
      if (!regex)
        return regex.error ();
      target->push_back (*std::move (regex));
    }
  return rules;
}

bool
AllowBlock::passes (const std::string &text) const
{
  for (const auto &regex : block_)
    if (match (regex, text) != Match::no)
      return false;
  for (const auto &regex : allow_)
    if (match (regex, text) == Match::yes)
      return true;
  return allow_.empty ();
}

std::string
check_pattern (const std::string &pattern)
{
  auto regex = compile_pattern (pattern);
  return regex ? "" : regex.error ().what;
}

} // namespace restream
