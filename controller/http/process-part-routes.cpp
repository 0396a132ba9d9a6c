// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/process-json.h"
#include "controller/http/process-routes.h"

namespace restream {

namespace {

// A route that writes a part of the process.
void
add_part (Router &router, const char *part, const ProcessManager &manager,
    void (*write) (JsonWriter &, const Task &))
{
  router.get (std::string ("/api/v3/process/{id}/") + part,
      [&manager, write] (Request &request) {
        const Task *task = find_or_answer (request, manager);
        if (!task)
          return;
        JsonWriter json;
        write (json, *task);
        request.reply->json (200, std::move (json));
      });
}

void
probe (const Request &request, ProcessManager &manager)
{
  manager.probe (request.param ("id"),
      [reply = request.reply] (const ProbeResult &result) {
        JsonWriter json;
        result.write (json);
        reply->json (200, std::move (json));
      });
}

void
command (const Request &request, ProcessManager &manager)
{
  auto body = request.object_or_answer ();
  if (!body)
    return;
  ReplyPtr reply = request.reply;
  std::string word;
  JsonReader reader (json_node_get_object (body.get ()), "");
  if (auto ok = reader.get ("command", word); !ok)
    return reply->error ({400, "Invalid JSON", ok.error ().what});
  if (word.empty ())
    return reply->error ({400, "Invalid JSON", "command: required"});
  auto done = [reply] (Result<void> result) {
    if (result)
      reply->ok ();
    else
      reply->error (manager_error (result.error (), "Command failed"));
  };
  const std::string &id = request.param ("id");
  if (word == "start")
    manager.start (id, done);
  else if (word == "stop")
    manager.stop (id, done);
  else if (word == "restart")
    manager.restart (id, done);
  else if (word == "reload")
    manager.reload (id, done);
  else
    reply->error ({400, "Unknown command provided",
        "Known commands are: start, stop, reload, restart"});
}

} // namespace

void
add_process_part_routes (Router &router, ProcessManager &manager)
{
  add_part (router, "config", manager,
      [] (JsonWriter &json, const Task &task) { task.config ().write (json); });
  add_part (router, "state", manager, write_state);
  add_part (router, "report", manager, write_report);
  router.get ("/api/v3/process/{id}/probe",
      [&manager] (Request &request) { probe (request, manager); });
  router.write ("PUT", "/api/v3/process/{id}/command",
      [&manager] (Request &request) { command (request, manager); });
}

} // namespace restream
