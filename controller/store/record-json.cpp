// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/store/record-json.h"

#include <algorithm>
#include <limits>

namespace restream {

namespace {

constexpr std::uint64_t kMegabyte = 1024 * 1024;

// What write_record() writes by itself.
const MemberNames kProcessNames = {"id", "reference", "created_at",
    "updated_at", "order", "config"};
const MemberNames kConfigNames = {"id", "reference", "input", "output",
    "options", "reconnect", "reconnect_delay_seconds", "autostart",
    "stale_timeout_seconds", "limit_cpu_usage", "limit_memory_bytes",
    "limit_waitfor_seconds", "webrtc"};

JsonNode *
member_of (JsonNode *object, const char *name)
{
  return object && JSON_NODE_HOLDS_OBJECT (object)
      ? json_object_get_member (json_node_get_object (object), name)
      : nullptr;
}

void
write_ios (JsonWriter &json, const char *name,
    const std::vector<ProcessIo> &ios)
{
  json.key (name).begin_array ();
  for (const ProcessIo &io : ios) {
    json.begin_object ()
        .member ("id", io.id)
        .member ("address", io.address)
        .member ("options", io.options);
    write_cleanup (json, io.cleanup);
    json.end_object ();
  }
  json.end_array ();
}

void
write_config (JsonWriter &json, const ProcessConfig &config, JsonNode *stored)
{
  std::uint64_t megabytes = std::min (config.limits.memory_mbytes,
      std::uint64_t (std::numeric_limits<std::int64_t>::max ()) / kMegabyte);
  json.begin_object ()
      .member ("id", config.id)
      .member ("reference", config.reference);
  write_ios (json, "input", config.input);
  write_ios (json, "output", config.output);
  json.member ("options", config.options)
      .member ("reconnect", config.reconnect)
      .member ("reconnect_delay_seconds", config.reconnect_delay_s)
      .member ("autostart", config.autostart)
      .member ("stale_timeout_seconds", config.stale_timeout_s);
  json.key ("limit_cpu_usage").exact (config.limits.cpu_usage);
  json.member ("limit_memory_bytes", megabytes * kMegabyte)
      .member ("limit_waitfor_seconds", config.limits.waitfor_s);
  json.key ("webrtc");
  config.webrtc.write (json, Secrets::shown);
  write_other_members (json, stored, kConfigNames);
  json.end_object ();
}

Result<void>
read_config (JsonObject *object, ProcessConfig &config)
{
  if (auto ok = config.merge (object); !ok)
    return ok;
  JsonReader reader (object, "");
  std::uint64_t bytes = 0;
  auto &limits = config.limits;
  for (auto ok : {reader.get ("limit_cpu_usage", limits.cpu_usage),
           reader.get ("limit_memory_bytes", bytes),
           reader.get ("limit_waitfor_seconds", limits.waitfor_s)})
    if (!ok)
      return ok;
  limits.memory_mbytes = bytes / kMegabyte;
  return {};
}

Result<void>
read_members (JsonObject *object, ProcessRecord &record)
{
  JsonReader reader (object, "");
  std::uint64_t created = 0, updated = 0;
  std::string order;
  for (auto ok : {reader.get ("created_at", created),
           reader.get ("updated_at", updated), reader.get ("order", order)})
    if (!ok)
      return ok;
  record.created_at_s = std::int64_t (created);
  record.updated_at_s = std::int64_t (updated);
  record.order = order == "start" ? Order::start : Order::stop;
  auto config = reader.object ("config");
  if (!config)
    return config.error ();
  if (!*config)
    return Error{Code::bad_request, "config: object expected"};
  return read_config (*config, record.config);
}

} // namespace

void
write_record (JsonWriter &json, const ProcessRecord &record)
{
  JsonNode *stored = record.stored.get ();
  JsonNode *config = member_of (stored, "config");
  json.begin_object ()
      .member ("id", record.config.id)
      .member ("reference", record.config.reference)
      .member ("created_at", record.created_at_s)
      .member ("updated_at", record.updated_at_s)
      .member ("order", name_of (record.order));
  json.key ("config");
  if (record.unreadable && config)
    json.value (config);
  else
    write_config (json, record.config, config);
  write_other_members (json, stored, kProcessNames);
  json.end_object ();
}

ProcessRecord
read_record (const std::string &id, JsonNode *node)
{
  ProcessRecord record;
  Result<void> ok = JSON_NODE_HOLDS_OBJECT (node)
      ? read_members (json_node_get_object (node), record)
      : Error{Code::bad_request, "object expected"};
  record.config.id = id; // what it is known by
  if (!ok) {
    record.unreadable = true;
    record.invalid = "cannot be read from the state file: " + ok.error ().what;
  }
  if (!ok || has_other_members (node, kProcessNames)
      || has_other_members (member_of (node, "config"), kConfigNames))
    record.stored = Ref<JsonNode>::retain (node);
  return record;
}

} // namespace restream
