// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/process-json.h"

namespace restream {

namespace {

void
write_run (JsonWriter &json, const RunLog &run)
{
  json.member ("created_at", run.created_at_s).member ("prelude", run.prelude);
  json.key ("log").begin_array ();
  for (const LogLine &line : run.lines)
    json.begin_array ()
        .value (std::to_string (line.at_s))
        .value (line.text)
        .end_array ();
  json.end_array ();
}

} // namespace

ProcessFilter
ProcessFilter::parse (std::string_view list)
{
  if (list.find_first_not_of (',') == list.npos)
    return {};
  ProcessFilter filter{false, false, false, false};
  while (!list.empty ()) {
    std::size_t comma = list.find (',');
    std::string_view word = list.substr (0, comma);
    filter.config |= word == "config";
    filter.state |= word == "state";
    filter.report |= word == "report";
    filter.metadata |= word == "metadata";
    list = comma == std::string_view::npos ? std::string_view ()
                                           : list.substr (comma + 1);
  }
  return filter;
}

void
write_state (JsonWriter &json, const Task &task)
{
  const FfmpegProcess &process = task.process ();
  json.begin_object ()
      .member ("order", name_of (task.order ()))
      .member ("exec", name_of (process.state ()))
      .member ("runtime_seconds", process.seconds_in_state ())
      .member ("reconnect_seconds", task.reconnect_seconds ())
      .member ("last_logline", process.log ().last_line ());
  json.key ("progress");
  task.progress ().write (json);
  json.member ("memory_bytes", process.memory_bytes ())
      .member ("cpu_usage", process.cpu_usage ())
      .member ("command", task.command ())
      .end_object ();
}

void
write_report (JsonWriter &json, const Task &task)
{
  json.begin_object ();
  write_run (json, task.process ().log ().current ());
  json.key ("history").begin_array ();
  for (const RunLog &run : task.process ().log ().history ()) {
    json.begin_object ();
    write_run (json, run);
    json.end_object ();
  }
  json.end_array ().end_object ();
}

void
write_process (JsonWriter &json, const Task &task, const Metadata *metadata,
    const ProcessFilter &filter)
{
  const ProcessConfig &config = task.config ();
  json.begin_object ()
      .member ("id", config.id)
      .member ("type", config.type)
      .member ("reference", config.reference)
      .member ("created_at", task.created_at_s)
      .member ("updated_at", task.updated_at_s);
  if (filter.config) {
    json.key ("config");
    config.write (json);
  }
  if (filter.state) {
    json.key ("state");
    write_state (json, task);
  }
  if (filter.report) {
    json.key ("report");
    write_report (json, task);
  }
  if (filter.metadata) {
    json.key ("metadata");
    if (metadata && !metadata->empty ())
      metadata->write (json);
    else
      json.null ();
  }
  json.end_object ();
}

} // namespace restream
