// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/metadata.h"

#include <string>

using namespace restream;

namespace {

void
metadata_bounds ()
{
  Metadata metadata;
  Ref<JsonNode> value = *parse_json ("[1,2.5,\"<\",{\"a\":null}]");
  g_assert_true (metadata.set ("b", value.get ()).has_value ());
  g_assert_true (metadata.set ("a", value.get ()).has_value ());
  g_assert_true (metadata.find ("b") == value.get ());
  JsonWriter json;
  metadata.write (json);
  std::string text = json.take ();
  g_assert_cmpstr (text.c_str (), ==,
      "{\"a\":[1,2.5,\"\\u003c\",{\"a\":null}],"
      "\"b\":[1,2.5,\"\\u003c\",{\"a\":null}]}");
  g_assert_true (
      metadata.set ("b", (*parse_json ("null")).get ()).has_value ());
  g_assert_true (metadata.set ("a", nullptr).has_value ());
  g_assert_true (metadata.set ("never", nullptr).has_value ());
  g_assert_true (metadata.empty ());
  g_assert_false (metadata.set ("", value.get ()).has_value ());
  g_assert_false (
      metadata.set (std::string (1025, 'k'), value.get ()).has_value ());
  text = "\"" + std::string (1024 * 1024 - 100, 'x') + "\"";
  Ref<JsonNode> large = *parse_json (text);
  for (const char *key : {"1", "2", "3", "4"})
    g_assert_true (metadata.set (key, large.get ()).has_value ());
  auto full = metadata.set ("5", large.get ());
  g_assert_true (!full && full.error ().code == Code::too_large);
  // In place of another one there is room.
  g_assert_true (metadata.set ("4", large.get ()).has_value ());
  for (const char *key : {"1", "2", "3", "4"})
    g_assert_true (metadata.set (key, nullptr).has_value ());
  for (std::size_t i = 0; i < Metadata::kMaxKeys; i++)
    g_assert_true (
        metadata.set (std::to_string (i), value.get ()).has_value ());
  g_assert_false (metadata.set ("x", value.get ()).has_value ());
  g_assert_true (metadata.set ("0", large.get ()).has_value ());
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/metadata/bounds", metadata_bounds);
  return g_test_run ();
}
