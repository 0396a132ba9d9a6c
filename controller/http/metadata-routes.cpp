// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/process-routes.h"

namespace restream {

namespace {

const ApiError kNoKey{400, "Invalid key", "The key must not be of length 0"};

void
answer_value (Reply &reply, JsonNode *value)
{
  JsonWriter json;
  json.value (value);
  reply.json (200, std::move (json));
}

void
answer_all (Reply &reply, const Metadata &metadata)
{
  JsonWriter json;
  metadata.write (json);
  reply.json (200, std::move (json));
}

void
get_of_process (const Request &request, const ProcessManager &manager)
{
  const Metadata *metadata = manager.metadata (request.param ("id"));
  if (!metadata)
    return request.reply->error (kUnknownProcess);
  const std::string &key = request.param ("key");
  if (key.empty () && metadata->empty ())
    return request.reply->json (200, "null");
  if (key.empty ())
    return answer_all (*request.reply, *metadata);
  if (JsonNode *value = metadata->find (key))
    return answer_value (*request.reply, value);
  request.reply->error ({404, "Unknown process ID", "unknown key"});
}

void
get_of_app (const Request &request, const ProcessManager &manager)
{
  const Metadata &metadata = manager.app_metadata ();
  const std::string &key = request.param ("key");
  if (key.empty ())
    return answer_all (*request.reply, metadata);
  if (JsonNode *value = metadata.find (key))
    return answer_value (*request.reply, value);
  request.reply->error ({404, "Metadata not found", "unknown key"});
}

// Any value is fine, and is what the answer says; store keeps it.
void
put (const Request &request,
    const std::function<void (const std::string &key, JsonNode *value,
        ProcessManager::Done done)> &store)
{
  ReplyPtr reply = request.reply;
  if (request.param ("key").empty ())
    return reply->error (kNoKey);
  auto value = request.json ();
  if (!value)
    return reply->error (body_error (value.error ()));
  store (request.param ("key"), value->get (),
      [reply, value = *value] (Result<void> ok) {
        if (ok)
          return answer_value (*reply, value.get ());
        if (ok.error ().code == Code::not_found)
          return reply->error (kUnknownProcess);
        reply->error (manager_error (ok.error (), "Invalid metadata"));
      });
}

} // namespace

void
add_metadata_routes (Router &router, ProcessManager &manager)
{
  for (const char *key : {"", "/{key}"}) {
    router.get (std::string ("/api/v3/process/{id}/metadata") + key,
        [&manager] (Request &request) { get_of_process (request, manager); });
    router.get (std::string ("/api/v3/metadata") + key,
        [&manager] (Request &request) { get_of_app (request, manager); });
  }
  router.write ("PUT", "/api/v3/process/{id}/metadata/{key}",
      [&manager] (Request &request) {
        put (request,
            [&manager, id = request.param ("id")] (const std::string &key,
                JsonNode *value, ProcessManager::Done done) {
              manager.set_metadata (id, key, value, std::move (done));
            });
      });
  router.write ("PUT", "/api/v3/metadata/{key}", [&manager] (Request &request) {
    put (request,
        [&manager] (const std::string &key, JsonNode *value,
            ProcessManager::Done done) {
          manager.set_app_metadata (key, value, std::move (done));
        });
  });
}

} // namespace restream
