// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/query.h"

#include <glib.h>

namespace restream {

namespace {

std::optional<std::string>
unescape (std::string_view text, bool plus_is_space)
{
  std::string plain;
  plain.reserve (text.size ());
  for (std::size_t i = 0; i < text.size (); i++) {
    if (text[i] == '+' && plus_is_space) {
      plain += ' ';
    } else if (text[i] != '%') {
      plain += text[i];
    } else {
      if (i + 2 >= text.size () || !g_ascii_isxdigit (text[i + 1])
          || !g_ascii_isxdigit (text[i + 2]))
        return std::nullopt;
      plain += static_cast<char> (g_ascii_xdigit_value (text[i + 1]) * 16
          + g_ascii_xdigit_value (text[i + 2]));
      i += 2;
    }
  }
  return plain;
}

} // namespace

std::optional<std::string>
form_unescape (std::string_view text)
{
  return unescape (text, true);
}

std::optional<std::string>
segment_unescape (std::string_view text)
{
  auto plain = unescape (text, false);
  if (plain && !g_utf8_validate_len (plain->data (), plain->size (), nullptr))
    return std::nullopt; // a NUL is none either
  return plain;
}

Query::Query (std::string_view raw)
{
  while (!raw.empty ()) {
    std::size_t end = raw.find ('&');
    std::string_view pair = raw.substr (0, end);
    raw.remove_prefix (end == raw.npos ? raw.size () : end + 1);
    if (pair.empty () || pair.find (';') != pair.npos)
      continue;
    std::size_t equals = pair.find ('=');
    auto name = form_unescape (pair.substr (0, equals));
    auto value = form_unescape (
        equals == pair.npos ? std::string_view () : pair.substr (equals + 1));
    if (name && value)
      pairs_.emplace_back (*std::move (name), *std::move (value));
  }
}

std::string
Query::get (std::string_view name) const
{
  for (const auto &[known, value] : pairs_)
    if (known == name)
      return form_unescape (value).value_or (value);
  return {};
}

} // namespace restream
