// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/metadata.h"

namespace restream {

namespace {

std::size_t
bytes_of (const std::string &key, JsonNode *value)
{
  JsonWriter json;
  json.value (key).value (value);
  return json.take ().size ();
}

} // namespace

Result<void>
Metadata::set (const std::string &key, JsonNode *value)
{
  auto known = entries_.find (key);
  std::size_t freed = known == entries_.end () ? 0 : known->second.bytes;
  if (!value || JSON_NODE_HOLDS_NULL (value)) {
    if (known != entries_.end ())
      entries_.erase (known);
    bytes_ -= freed;
    return {};
  }
  if (key.empty () || key.size () > kMaxKeyBytes)
    return Error{Code::bad_request, "a key of 1 to 1024 bytes expected"};
  if (known == entries_.end () && entries_.size () == kMaxKeys)
    return Error{Code::bad_request, "too many keys"};
  std::size_t bytes = bytes_of (key, value);
  if (bytes > freed && bytes_ - freed + bytes > kMaxBytes)
    return Error{Code::too_large, "too much metadata"};
  bytes_ = bytes_ - freed + bytes;
  entries_[key] = {Ref<JsonNode>::retain (value), bytes};
  return {};
}

void
Metadata::restore (const std::string &key, JsonNode *value)
{
  std::size_t bytes = bytes_of (key, value);
  bytes_ += bytes;
  entries_[key] = {Ref<JsonNode>::retain (value), bytes};
}

JsonNode *
Metadata::find (const std::string &key) const
{
  auto it = entries_.find (key);
  return it == entries_.end () ? nullptr : it->second.value.get ();
}

void
Metadata::write (JsonWriter &json) const
{
  json.begin_object ();
  for (const auto &[key, entry] : entries_)
    json.key (key).value (entry.value.get ());
  json.end_object ();
}

} // namespace restream
