// SPDX-License-Identifier: LGPL-2.1-or-later
// A process's configuration as a client sends it: whatever is accepted must come
// back the same from its own JSON, and make an argv without a crash.
#include "controller/config/config.h"
#include "controller/process/process-config.h"
#include "controller/process/resolver.h"
#include "controller/process/rtp-legs.h"

using namespace restream;

static Ref<JsonNode>
object_of (std::string_view text)
{
  auto root = parse_json (text);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root->get ()))
    return nullptr;
  return *root;
}

extern "C" int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  std::string_view text (reinterpret_cast<const char *> (data), size);
  (void) parse_config (text, [] (const char *) { return std::nullopt; });
  Ref<JsonNode> root = object_of (text);
  if (!root)
    return 0;
  ProcessConfig config;
  if (!config.merge (json_node_get_object (root.get ())))
    return 0;
  JsonWriter json;
  config.write (json);
  Ref<JsonNode> written = object_of (json.take ());
  g_assert_true (static_cast<bool> (written));
  ProcessConfig again;
  g_assert_true (
      again.merge (json_node_get_object (written.get ())).has_value ());
  // Numbers are written with three decimals.
  again.limits.cpu_usage = config.limits.cpu_usage;
  g_assert_true (again == config);
  // Its references are to itself by another name.
  const auto other = [&config] (const std::string &id) {
    return id == "other" ? &config : nullptr;
  };
  if (auto resolved = resolve_config (config, {"/data", other}))
    for (const std::string &argument : resolved->arguments ())
      g_assert_cmpuint (argument.size (), <=, size + kMaxResolvedBytes);
  if (config.validate ())
    (void) rtp_leg_arguments (config.webrtc, 5000, 1);
  (void) config.arguments ();
  return 0;
}
