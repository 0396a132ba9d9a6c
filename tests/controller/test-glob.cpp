// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/glob.h"

#include <string>

namespace restream {

static bool
matches (const std::string &pattern, const std::string &text)
{
  auto glob = Glob::parse (pattern);
  g_assert_true (glob.has_value ());
  std::uint64_t steps = 100000;
  return glob->matches (text, steps);
}

static void
test_matches ()
{
  struct
  {
    const char *pattern, *text;
    bool expected;
  } const cases[] = {
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"abc", "ab", false},
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b:c", true},
      {"**", "a/b", true},
      {"restreamer-ui:ingest:*", "restreamer-ui:ingest:x", true},
      {"restreamer-ui:ingest:*", "restreamer-ui:egress:x", false},
      {"a*c", "abbc", true},
      {"a*c", "abcb", false},
      {"*a*a*", "xaxax", true},
      {"?", "ä", true},
      {"?", "", false},
      {"a?c", "abc", true},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[!abc]", "d", true},
      {"[!abc]", "a", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]", "d", true},
      {"[!a-c]", "b", false},
      {"[^a]", "^", true}, // no negation here
      {"[-a]", "-", true},
      {"[\\]a]", "]", true},
      {"[ä-ö]", "ü", false},
      {"[ä-ö]", "ë", true},
      {"{a,bc}", "bc", true},
      {"{a,bc}", "b", false},
      {"x{a,{b,c}d}y", "xcdy", true},
      {"x{a,{b,c}d}y", "xay", true},
      {"x{a,{b,c}d}y", "xcy", false},
      {"{,a}b", "b", true},
      {"{*a,b*}", "xa", true},
      {"{*a,b*}", "bx", true},
      {"{a,b", "b", true}, // left open
      {"a}b", "a}b", true},
      {"a,b", "a,b", true},
      {"\\*", "*", true},
      {"\\*", "x", false},
      {"\\{a\\}", "{a}", true},
      {"a\\", "a", true},
      {"a.c", "abc", false},
      {"(a|b)+", "a", false},
  };
  for (const auto &c : cases)
    if (matches (c.pattern, c.text) != c.expected)
      g_error ("%s on %s: %d expected", c.pattern, c.text, c.expected);
}

static void
test_malformed ()
{
  for (const std::string &pattern : {std::string ("["), std::string ("[]"),
           std::string ("[a"), std::string ("[!]"), std::string ("[!"),
           std::string ("[a-"), std::string ("[a-]"), std::string ("[c-a]"),
           std::string ("[a-cx]"), std::string ("\xff"),
           std::string ("a\0b", 3), std::string (kMaxGlobLength + 1, 'a'),
           std::string (kMaxGlobDepth + 1, '{')})
    g_assert_false (Glob::parse (pattern).has_value ());
}

static void
test_bombs ()
{
  // What backtracking takes for ever over.
  std::string stars, braces;
  for (int i = 0; i < 500; i++)
    stars += "a*";
  for (int i = 0; i < 30; i++)
    braces += "{a,{b,*}}";
  for (const std::string &pattern : {stars + "b", braces + "c",
           std::string (kMaxGlobDepth, '{') + "*a*a*b"}) {
    auto glob = Glob::parse (pattern);
    g_assert_true (glob.has_value ());
    std::uint64_t steps = 100'000'000;
    g_assert_false (glob->matches (std::string (1000, 'a') + "x", steps));
    g_assert_cmpuint (100'000'000 - steps, <,
        4 * pattern.size () * 1001); // linear in each
    steps = 100;
    g_assert_false (glob->matches (std::string (1000, 'a'), steps));
    g_assert_cmpuint (steps, ==, 0);
  }
}

} // namespace restream

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/glob/matches", restream::test_matches);
  g_test_add_func ("/glob/malformed", restream::test_malformed);
  g_test_add_func ("/glob/bombs", restream::test_bombs);
  return g_test_run ();
}
