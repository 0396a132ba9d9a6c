// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"

#include <cstddef>
#include <map>
#include <string>

namespace restream {

// What clients keep with a process, or with the daemon: a JSON value for each key. Bounded.
// The values are immutable, so that copies are cheap.
class Metadata
{
public:
  static constexpr std::size_t kMaxKeys = 1000;
  static constexpr std::size_t kMaxKeyBytes = 1024;
  static constexpr std::size_t kMaxBytes =
      4 * 1024 * 1024; // all of it, as JSON

  // A value of nullptr or null removes the key. The node must be immutable.
  Result<void> set (const std::string &key, JsonNode *value);
  // Takes in what was stored, whatever its size.
  void restore (const std::string &key, JsonNode *value);
  // nullptr: no such key.
  JsonNode *find (const std::string &key) const;
  bool empty () const { return entries_.empty (); }
  // As an object.
  void write (JsonWriter &json) const;

private:
  struct Entry
  {
    Ref<JsonNode> value;
    std::size_t bytes;
  };
  std::map<std::string, Entry> entries_;
  std::size_t bytes_ = 0;
};

} // namespace restream
