// SPDX-License-Identifier: LGPL-2.1-or-later
// Small readers of FFmpeg's text. Each takes what it reads off the front.
#pragma once

#include <glib.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace restream {

inline std::string_view
trim (std::string_view text)
{
  std::size_t from = text.find_first_not_of (" \t");
  if (from == std::string_view::npos)
    return {};
  return text.substr (from, text.find_last_not_of (" \t") - from + 1);
}

inline bool
eat (std::string_view &text, std::string_view prefix)
{
  if (!text.starts_with (prefix))
    return false;
  text.remove_prefix (prefix.size ());
  return true;
}

// Ends at the number's end, which may be glued to a unit.
inline std::optional<double>
eat_double (std::string_view &text)
{
  std::string copy (text.substr (0, 64));
  char *end = nullptr;
  if (copy.empty ()
      || !(g_ascii_isdigit (copy[0]) || copy[0] == '-' || copy[0] == '.'))
    return std::nullopt;
  double value = g_ascii_strtod (copy.c_str (), &end);
  if (end == copy.c_str () || !std::isfinite (value))
    return std::nullopt;
  text.remove_prefix (std::size_t (end - copy.c_str ()));
  return value;
}

// Up to 9 digits.
inline std::optional<unsigned>
eat_unsigned (std::string_view &text)
{
  std::size_t digits = 0;
  unsigned value = 0;
  while (digits < text.size () && g_ascii_isdigit (text[digits])) {
    if (digits == 9)
      return std::nullopt;
    value = value * 10 + unsigned (text[digits++] - '0');
  }
  if (digits == 0)
    return std::nullopt;
  text.remove_prefix (digits);
  return value;
}

// "00:01:02.34", also negative; "N/A" is no time.
inline std::optional<double>
read_clock (std::string_view text)
{
  double sign = eat (text, "-") ? -1 : 1;
  double total = 0;
  for (int part = 0; part < 3; part++) {
    auto value = eat_double (text);
    if (!value || *value < 0)
      return std::nullopt;
    total = total * 60 + *value;
    if (part < 2 && !eat (text, ":"))
      return std::nullopt;
  }
  if (total > 1e12)
    return std::nullopt;
  return sign * total;
}

// "[info] " in front of a line: what FFmpeg's -loglevel level+… adds.
inline std::string_view
without_level (std::string_view line)
{
  for (const char *level : {"[info] ", "[warning] ", "[error] ", "[fatal] ",
           "[panic] ", "[verbose] ", "[debug] ", "[trace] "})
    if (eat (line, level))
      break;
  return line;
}

} // namespace restream
