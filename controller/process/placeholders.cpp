// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/placeholders.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace restream {

namespace {

struct Placeholder
{
  std::string_view name, escape, parameters;
  std::size_t length = 0; // with the braces
};

// The one at the text's beginning, if there is one: {([a-z]+(:[0-9A-Za-z]+)?)(^.)?(,.*?)?}
std::optional<Placeholder>
read_placeholder (std::string_view text)
{
  std::size_t at = 1; // behind the brace
  auto skip = [&] (auto &&wanted) {
    std::size_t from = at;
    while (at < text.size () && wanted (text[at]))
      at++;
    return at > from;
  };
  if (!skip ([] (char c) { return g_ascii_islower (c); }))
    return std::nullopt;
  if (text.substr (at, 1) == ":") {
    at++;
    if (!skip ([] (char c) { return g_ascii_isalnum (c); }))
      return std::nullopt;
  }
  Placeholder found;
  found.name = text.substr (1, at - 1);
  if (text.substr (at, 1) == "^") {
    // One character, which may have several bytes; the text is UTF-8.
    std::string_view rest = text.substr (at + 1);
    if (rest.empty () || rest[0] == '\n')
      return std::nullopt;
    std::size_t bytes = 1;
    while (bytes < rest.size () && (rest[bytes] & 0xc0) == 0x80)
      bytes++;
    found.escape = rest.substr (0, bytes);
    at += 1 + bytes;
  }
  if (text.substr (at, 1) == ",") {
    std::size_t end = text.find_first_of ("}\n", at);
    if (end == std::string_view::npos || text[end] == '\n')
      return std::nullopt;
    found.parameters = text.substr (at + 1, end - at - 1);
    at = end;
  }
  if (text.substr (at, 1) != "}")
    return std::nullopt;
  found.length = at + 1;
  return found;
}

void
replace_all (std::string &text, std::string_view what, std::string_view with)
{
  if (what.empty () || text.find (what) == std::string::npos)
    return;
  std::string result;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find (what, from)) != std::string::npos;
       from = at + what.size ()) {
    result.append (text, from, at - from).append (with);
    if (result.size () > kMaxResolvedBytes)
      break; // the caller sees that it is too long
  }
  text = result.append (text, from);
}

std::optional<std::string>
unescape (std::string_view text)
{
  std::string plain (text);
  std::replace (plain.begin (), plain.end (), '+', ' ');
  Owned<char> result (g_uri_unescape_string (plain.c_str (), nullptr));
  if (!result || !g_utf8_validate (result.get (), -1, nullptr))
    return std::nullopt;
  return result.get ();
}

std::map<std::string, std::string, std::less<>>
read_parameters (std::string_view text, const PlaceholderVariables &variables)
{
  std::map<std::string, std::string, std::less<>> parameters;
  while (!text.empty ()) {
    std::size_t comma = std::min (text.find (','), text.size ());
    std::string_view part = text.substr (0, comma);
    text.remove_prefix (std::min (comma + 1, text.size ()));
    std::size_t equals = std::min (part.find ('='), part.size ());
    auto key = unescape (part.substr (0, equals));
    auto value = unescape (part.substr (std::min (equals + 1, part.size ())));
    if (!key || key->empty () || !value)
      continue;
    for (const auto &[name, text_of] : variables)
      replace_all (*value, "$" + name, text_of);
    parameters[*key] = std::move (*value);
  }
  return parameters;
}

// Fills the value's own places: {([a-z:]+)}
std::string
fill (const PlaceholderValue &value, std::string_view parameter_text,
    const PlaceholderVariables &variables)
{
  if (value.text.find ('{') == std::string::npos)
    return value.text;
  auto parameters = read_parameters (parameter_text, variables);
  parameters.insert (value.defaults.begin (), value.defaults.end ());
  std::string result;
  std::string_view rest = value.text;
  while (!rest.empty () && result.size () <= kMaxResolvedBytes) {
    std::size_t open = rest.find ('{');
    std::size_t close = rest.find ('}', std::min (open, rest.size ()));
    if (close == std::string_view::npos)
      break;
    auto parameter = parameters.find (rest.substr (open + 1, close - open - 1));
    result.append (rest.substr (0, open));
    if (parameter != parameters.end ())
      result.append (parameter->second);
    else
      result.append (rest.substr (open, close + 1 - open));
    rest.remove_prefix (close + 1);
  }
  return result.append (rest);
}

} // namespace

Result<std::string>
replace_placeholders (std::string_view text, const PlaceholderValues &values,
    const PlaceholderVariables &variables)
{
  std::string result;
  while (!text.empty ()) {
    std::size_t open = std::min (text.find ('{'), text.size ());
    result.append (text.substr (0, open));
    text.remove_prefix (open);
    if (!text.empty ()) {
      auto found = read_placeholder (text);
      auto value = found ? values.find (found->name) : values.end ();
      if (value != values.end ()) {
        std::string filled = fill (value->second, found->parameters, variables);
        // The escape itself is escaped as well.
        if (!found->escape.empty () && found->escape != "\\")
          replace_all (filled, "\\", "\\\\\\");
        replace_all (filled, found->escape,
            "\\\\" + std::string (found->escape));
        result.append (filled);
      } else if (!found) {
        result.append ("{");
      } else if (!found->name.starts_with ("fs:")) {
        result.append (text.substr (0, found->length));
      }
      text.remove_prefix (found ? found->length : 1);
    }
    if (result.size () > kMaxResolvedBytes)
      return Error{Code::bad_request, "too long with its placeholders"};
  }
  return result;
}

} // namespace restream
