// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON in and out. In: strict text, bounded depth, on json-glib. Out: the compact
// form of the process API's clients (Go's encoding/json).
#pragma once

#include "common/result.h"

#include <json-glib/json-glib.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

RESTREAM_REF_TRAITS (JsonNode, json_node_ref, json_node_unref);

inline constexpr unsigned kMaxJsonDepth = 32;

// The root of the text; never null. Refuses what json-glib would let through:
// comments, \u0000 (ends a C string early), nesting that would eat the stack.
Result<Ref<JsonNode>> parse_json (std::string_view text,
    unsigned max_depth = kMaxJsonDepth);

// Readers of one member that stay silent on what is absent or null (the target
// keeps its value), and tell the name of what has the wrong type.
class JsonReader
{
public:
  // path: how the object is called in messages, "" for the root.
  JsonReader (JsonObject *object, std::string path)
      : object_ (object), path_ (std::move (path))
  {
  }
  Result<void> get (const char *name, std::string &target) const;
  Result<void> get (const char *name, bool &target) const;
  Result<void> get (const char *name, std::uint64_t &target) const;
  Result<void> get (const char *name, double &target) const;
  // null empties the list.
  Result<void> get (const char *name, std::vector<std::string> &target) const;
  // The member if it is an object or array of that name; nullptr when absent or null.
  Result<JsonObject *> object (const char *name) const;
  Result<JsonArray *> array (const char *name) const;
  bool has (const char *name) const { return member (name) != nullptr; }
  bool is_null (const char *name) const;
  std::string path_of (const char *name) const;

private:
  JsonNode *member (const char *name) const;
  Error wrong_type (const char *name, const char *wanted) const;
  JsonObject *object_;
  std::string path_;
};

// Writes as it goes; the caller keeps the order of calls right.
class JsonWriter
{
public:
  JsonWriter &begin_object ();
  JsonWriter &end_object ();
  JsonWriter &begin_array ();
  JsonWriter &end_array ();
  JsonWriter &key (std::string_view name);
  JsonWriter &value (std::string_view text);
  JsonWriter &value (const char *text)
  {
    return value (std::string_view (text));
  }
  JsonWriter &value (const std::string &text)
  {
    return value (std::string_view (text));
  }
  JsonWriter &value (bool b);
  JsonWriter &value (std::int64_t number);
  JsonWriter &value (std::uint64_t number);
  JsonWriter &value (int number) { return value (std::int64_t (number)); }
  JsonWriter &value (unsigned number) { return value (std::uint64_t (number)); }
  // No decimals if integral, else three.
  JsonWriter &value (double number);
  JsonWriter &exact (double number); // all of its digits
  JsonWriter &value (const std::vector<std::string> &list);
  // Whatever it is, with all its digits.
  JsonWriter &value (JsonNode *node);
  JsonWriter &null ();
  template <typename T> JsonWriter &member (std::string_view name, const T &v)
  {
    key (name);
    return value (v);
  }
  std::string take () { return std::move (text_); }

private:
  void separate ();
  std::string text_;
  bool after_value_ = false;
};

// The members of an object but these: what others have written and we only keep. Of what is no object, none.
using MemberNames = std::initializer_list<std::string_view>;
bool has_other_members (JsonNode *object, MemberNames but);
void write_other_members (JsonWriter &json, JsonNode *object, MemberNames but);

// The text if it is UTF-8, else with each bad byte replaced by U+FFFD.
std::string to_utf8 (std::string_view bytes);

} // namespace restream
