// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/text.h"

#include <algorithm>

namespace restream::negotiation {

static constexpr bool
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

static constexpr bool
is_alnum (char c)
{
  return is_digit (c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static constexpr char
lower (char c)
{
  return c >= 'A' && c <= 'Z' ? static_cast<char> (c - 'A' + 'a') : c;
}

static constexpr char
upper (char c)
{
  return c >= 'a' && c <= 'z' ? static_cast<char> (c - 'a' + 'A') : c;
}

std::vector<std::string_view>
split (std::string_view text, char separator)
{
  std::vector<std::string_view> words;
  while (!text.empty ()) {
    std::string_view word = take_until (text, separator);
    if (!word.empty ())
      words.push_back (word);
  }
  return words;
}

std::string_view
take_until (std::string_view &text, char separator)
{
  std::size_t end = text.find (separator);
  std::string_view taken = text.substr (0, end);
  text.remove_prefix (end == std::string_view::npos ? text.size () : end + 1);
  return taken;
}

std::string_view
trim (std::string_view text)
{
  while (!text.empty () && (text.front () == ' ' || text.front () == '\t'))
    text.remove_prefix (1);
  while (!text.empty () && (text.back () == ' ' || text.back () == '\t'))
    text.remove_suffix (1);
  return text;
}

std::optional<std::uint64_t>
parse_uint (std::string_view text, std::uint64_t max)
{
  if (text.empty () || text.size () > 20)
    return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!is_digit (c))
      return std::nullopt;
    auto digit = static_cast<std::uint64_t> (c - '0');
    if (value > (UINT64_MAX - digit) / 10)
      return std::nullopt;
    value = value * 10 + digit;
  }
  if (value > max)
    return std::nullopt;
  return value;
}

int
hex_digit (char c)
{
  if (is_digit (c))
    return c - '0';
  c = lower (c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
equal_nocase (std::string_view a, std::string_view b)
{
  return std::equal (a.begin (), a.end (), b.begin (), b.end (),
      [] (char x, char y) { return lower (x) == lower (y); });
}

std::string
to_lower (std::string_view text)
{
  std::string out (text);
  std::transform (out.begin (), out.end (), out.begin (), lower);
  return out;
}

std::string
to_upper (std::string_view text)
{
  std::string out (text);
  std::transform (out.begin (), out.end (), out.begin (), upper);
  return out;
}

bool
is_token (std::string_view text)
{
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`{|}~";
  return !text.empty ()
      && std::all_of (text.begin (), text.end (), [] (char c) {
           return is_alnum (c) || kMarks.find (c) != std::string_view::npos;
         });
}

bool
is_ice_chars (std::string_view text)
{
  return !text.empty ()
      && std::all_of (text.begin (), text.end (),
          [] (char c) { return is_alnum (c) || c == '+' || c == '/'; });
}

std::string
quote (std::string_view text)
{
  static constexpr std::size_t kMax = 40;
  std::string out = "'";
  for (char c : text.substr (0, kMax))
    out += c >= ' ' && c < 0x7f ? c : '?';
  out += text.size () > kMax ? "…'" : "'";
  return out;
}

} // namespace restream::negotiation
