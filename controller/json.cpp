// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace restream {

namespace {

Error
bad_json (std::string what)
{
  return {Code::bad_request, std::move (what)};
}

// As the grammar has it, and such that it keeps its value: json-glib would take 010 for eight, and what is over
// 64 bits for anything.
Result<void>
check_number (std::string_view word)
{
  std::size_t at = word.starts_with ('-');
  auto digits = [&] {
    std::size_t from = at;
    while (at < word.size () && g_ascii_isdigit (word[at]))
      at++;
    return at > from;
  };
  bool zero = at < word.size () && word[at] == '0';
  std::size_t first = at;
  bool good = digits () && (!zero || at == first + 1);
  bool integer = at == word.size ();
  if (good && at < word.size () && word[at] == '.') {
    at++;
    good = digits ();
  }
  if (good && at < word.size () && (word[at] == 'e' || word[at] == 'E')) {
    at++;
    at += at < word.size () && (word[at] == '+' || word[at] == '-');
    good = digits ();
  }
  if (!good || at != word.size ())
    return bad_json ("malformed number");
  std::int64_t whole = 0;
  if (integer ? std::from_chars (word.data (), word.data () + at, whole).ec
              != std::errc ()
              : !std::isfinite (
                  g_ascii_strtod (std::string (word).c_str (), nullptr)))
    return bad_json ("number out of range");
  return {};
}

// The length of the string that begins here, with its quotes.
Result<std::size_t>
check_string (std::string_view text)
{
  for (std::size_t i = 1; i < text.size (); i++) {
    char c = text[i];
    if (c == '"')
      return i + 1;
    if (static_cast<unsigned char> (c) < 0x20)
      return bad_json ("control character in a string");
    if (c != '\\')
      continue;
    if (text.substr (i, 6) == "\\u0000")
      return bad_json ("\\u0000 is not accepted");
    i++;
    if (i < text.size () && !strchr ("\"\\/bfnrtu", text[i]))
      return bad_json ("malformed escape in a string");
  }
  return bad_json ("unterminated string");
}

// Looks at the text's tokens only, so that json-glib's recursion is bounded, its
// extensions (comments, octal numbers) are out, and there is one value only: json-glib 1.6 would read
// on, and forget what it has when the next one is broken. The rest of the grammar is
// json-glib's.
Result<void>
check_text (std::string_view text, unsigned max_depth)
{
  unsigned depth = 0;
  bool root = false; // the one value has begun
  for (std::size_t i = 0; i < text.size ();) {
    char c = text[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      i++;
      continue;
    }
    if (depth == 0 && std::exchange (root, true))
      return bad_json ("more than one value");
    if (c == '"') {
      auto length = check_string (text.substr (i));
      if (!length)
        return length.error ();
      i += *length;
    } else if (g_ascii_isalnum (c) || strchr ("+-.", c)) {
      std::size_t end = i;
      while (end < text.size ()
          && (g_ascii_isalnum (text[end]) || strchr ("+-.", text[end])))
        end++;
      std::string_view word = text.substr (i, end - i);
      if (!g_ascii_isalpha (c)) {
        if (auto ok = check_number (word); !ok)
          return ok;
      } else if (word != "true" && word != "false" && word != "null") {
        return bad_json ("unexpected word");
      }
      i = end;
    } else {
      if (c == '{' || c == '[') {
        if (++depth > max_depth)
          return bad_json ("nested too deep");
      } else if (c == '}' || c == ']') {
        if (depth-- == 0)
          return bad_json ("unbalanced brackets");
      } else if (c != ':' && c != ',') {
        return bad_json ("unexpected character");
      }
      i++;
    }
  }
  if (depth > 0)
    return bad_json ("unexpected end");
  return {};
}

} // namespace

Result<Ref<JsonNode>>
parse_json (std::string_view text, unsigned max_depth)
{
  if (auto ok = check_text (text, max_depth); !ok)
    return ok.error ();
  if (text.size () > G_MAXINT
      || !g_utf8_validate_len (text.data (), text.size (), nullptr))
    return bad_json ("not UTF-8");
  auto parser = Ref<JsonParser>::adopt (json_parser_new_immutable ());
  Owned<GError> error;
  if (!json_parser_load_from_data (parser.get (), text.data (),
          gssize (text.size ()), out (error)))
    return Error::from (error.get (), Code::bad_request);
  JsonNode *root = json_parser_get_root (parser.get ());
  if (!root)
    return bad_json ("empty");
  return Ref<JsonNode>::retain (root);
}

JsonNode *
JsonReader::member (const char *name) const
{
  return json_object_get_member (object_, name);
}

bool
JsonReader::is_null (const char *name) const
{
  JsonNode *node = member (name);
  return node && JSON_NODE_HOLDS_NULL (node);
}

std::string
JsonReader::path_of (const char *name) const
{
  return path_.empty () ? name : path_ + "." + name;
}

Error
JsonReader::wrong_type (const char *name, const char *wanted) const
{
  return bad_json (path_of (name) + ": " + wanted + " expected");
}

Result<void>
JsonReader::get (const char *name, std::string &target) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return {};
  if (json_node_get_value_type (node) != G_TYPE_STRING)
    return wrong_type (name, "string");
  target = json_node_get_string (node);
  return {};
}

Result<void>
JsonReader::get (const char *name, bool &target) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return {};
  if (json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return wrong_type (name, "boolean");
  target = json_node_get_boolean (node);
  return {};
}

Result<void>
JsonReader::get (const char *name, std::uint64_t &target) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return {};
  if (json_node_get_value_type (node) != G_TYPE_INT64
      || json_node_get_int (node) < 0)
    return wrong_type (name, "unsigned integer");
  target = std::uint64_t (json_node_get_int (node));
  return {};
}

Result<void>
JsonReader::get (const char *name, double &target) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return {};
  GType type = json_node_get_value_type (node);
  if (type == G_TYPE_INT64)
    target = double (json_node_get_int (node));
  else if (type == G_TYPE_DOUBLE && std::isfinite (json_node_get_double (node)))
    target = json_node_get_double (node);
  else
    return wrong_type (name, "number");
  return {};
}

Result<void>
JsonReader::get (const char *name, std::vector<std::string> &target) const
{
  if (is_null (name)) {
    target.clear ();
    return {};
  }
  auto list = array (name);
  if (!list)
    return list.error ();
  if (!*list)
    return {};
  std::vector<std::string> strings;
  guint count = json_array_get_length (*list);
  strings.reserve (count);
  for (guint i = 0; i < count; i++) {
    JsonNode *node = json_array_get_element (*list, i);
    if (json_node_get_value_type (node) != G_TYPE_STRING)
      return wrong_type (name, "list of strings");
    strings.emplace_back (json_node_get_string (node));
  }
  target = std::move (strings);
  return {};
}

Result<JsonObject *>
JsonReader::object (const char *name) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return static_cast<JsonObject *> (nullptr);
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return wrong_type (name, "object");
  return json_node_get_object (node);
}

Result<JsonArray *>
JsonReader::array (const char *name) const
{
  JsonNode *node = member (name);
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return static_cast<JsonArray *> (nullptr);
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return wrong_type (name, "list");
  return json_node_get_array (node);
}

void
JsonWriter::separate ()
{
  if (after_value_)
    text_ += ',';
  after_value_ = true;
}

JsonWriter &
JsonWriter::begin_object ()
{
  separate ();
  text_ += '{';
  after_value_ = false;
  return *this;
}

JsonWriter &
JsonWriter::end_object ()
{
  text_ += '}';
  after_value_ = true;
  return *this;
}

JsonWriter &
JsonWriter::begin_array ()
{
  separate ();
  text_ += '[';
  after_value_ = false;
  return *this;
}

JsonWriter &
JsonWriter::end_array ()
{
  text_ += ']';
  after_value_ = true;
  return *this;
}

JsonWriter &
JsonWriter::key (std::string_view name)
{
  value (name);
  text_ += ':';
  after_value_ = false;
  return *this;
}

JsonWriter &
JsonWriter::value (std::string_view text)
{
  separate ();
  text_ += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        text_ += "\\\"";
        break;
      case '\\':
        text_ += "\\\\";
        break;
      case '\n':
        text_ += "\\n";
        break;
      case '\r':
        text_ += "\\r";
        break;
      case '\t':
        text_ += "\\t";
        break;
      default:
        if (static_cast<unsigned char> (c) < 0x20 || strchr ("<>&", c)) {
          char escaped[8];
          g_snprintf (escaped, sizeof escaped, "\\u%04x",
              static_cast<unsigned char> (c));
          text_ += escaped;
        } else {
          text_ += c;
        }
    }
  }
  text_ += '"';
  return *this;
}

JsonWriter &
JsonWriter::value (bool b)
{
  separate ();
  text_ += b ? "true" : "false";
  return *this;
}

JsonWriter &
JsonWriter::value (std::int64_t number)
{
  separate ();
  text_ += std::to_string (number);
  return *this;
}

JsonWriter &
JsonWriter::value (std::uint64_t number)
{
  separate ();
  text_ += std::to_string (number);
  return *this;
}

JsonWriter &
JsonWriter::value (double number)
{
  separate ();
  if (!std::isfinite (number) || number == 0)
    number = 0; // also for -0
  // printf would follow the locale's decimal point.
  char text[G_ASCII_DTOSTR_BUF_SIZE + 320];
  bool integral = std::trunc (number) == number;
  text_ +=
      g_ascii_formatd (text, sizeof text, integral ? "%.0f" : "%.3f", number);
  return *this;
}

JsonWriter &
JsonWriter::value (const std::vector<std::string> &list)
{
  begin_array ();
  for (const std::string &item : list)
    value (item);
  return end_array ();
}

JsonWriter &
JsonWriter::exact (double number)
{
  if (!std::isfinite (number))
    return null (); // 1e999 is valid JSON
  char text[64];
  auto end = std::to_chars (text, text + sizeof text, number).ptr;
  separate ();
  text_.append (text, end);
  return *this;
}

JsonWriter &
JsonWriter::value (JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    begin_object ();
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    json_object_iter_init_ordered (&iter, json_node_get_object (node));
    while (json_object_iter_next_ordered (&iter, &name, &member))
      key (name).value (member);
    return end_object ();
  }
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    begin_array ();
    JsonArray *array = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (array); i++)
      value (json_array_get_element (array, i));
    return end_array ();
  }
  switch (json_node_get_value_type (node)) {
    case G_TYPE_STRING:
      return value (json_node_get_string (node));
    case G_TYPE_BOOLEAN:
      return value (bool (json_node_get_boolean (node)));
    case G_TYPE_INT64:
      return value (std::int64_t (json_node_get_int (node)));
    case G_TYPE_DOUBLE:
      return exact (json_node_get_double (node));
    default:
      return null ();
  }
}

JsonWriter &
JsonWriter::null ()
{
  separate ();
  text_ += "null";
  return *this;
}

namespace {

// Calls f for each; stops when it returns false.
template <typename F>
void
for_other_members (JsonNode *object, MemberNames but, F f)
{
  if (!object || !JSON_NODE_HOLDS_OBJECT (object))
    return;
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;
  json_object_iter_init_ordered (&iter, json_node_get_object (object));
  while (json_object_iter_next_ordered (&iter, &name, &member))
    if (std::find (but.begin (), but.end (), name) == but.end ()
        && !f (name, member))
      return;
}

} // namespace

bool
has_other_members (JsonNode *object, MemberNames but)
{
  bool found = false;
  for_other_members (object, but, [&] (const char *, JsonNode *) {
    found = true;
    return false;
  });
  return found;
}

void
write_other_members (JsonWriter &json, JsonNode *object, MemberNames but)
{
  for_other_members (object, but, [&] (const char *name, JsonNode *member) {
    json.key (name).value (member);
    return true;
  });
}

std::string
to_utf8 (std::string_view bytes)
{
  std::string text;
  while (!bytes.empty ()) {
    const char *end = nullptr;
    if (g_utf8_validate_len (bytes.data (), bytes.size (), &end)) {
      text.append (bytes);
      break;
    }
    std::size_t good = std::size_t (end - bytes.data ());
    text.append (bytes.substr (0, good)).append ("\xef\xbf\xbd");
    bytes.remove_prefix (good + 1);
  }
  return text;
}

} // namespace restream
