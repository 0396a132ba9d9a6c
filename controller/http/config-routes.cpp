// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/config-routes.h"

namespace restream {

namespace {

void
put_config (Request &request, ConfigStore &store)
{
  auto body = request.object_or_answer ();
  if (!body)
    return;
  JsonObject *object = json_node_get_object (body.get ());
  JsonReader reader (object, "");
  std::uint64_t version = 0;
  if (auto ok = reader.get ("version", version); !ok)
    return request.reply->error ({400, "Invalid JSON", ok.error ().what});
  if (version < 1 || version > 3)
    return request.reply->error (
        {400, "Invalid config version", "version " + std::to_string (version)});
  auto complaints =
      store.set (object, [reply = request.reply] (Result<void> ok) {
        if (ok)
          reply->ok ();
        else
          reply->error ({400, "Failed to store config", ok.error ().what});
      });
  if (complaints.empty ())
    return;
  JsonWriter json;
  json.begin_object ();
  for (const auto &[name, texts] : complaints)
    json.member (name, texts);
  json.end_object ();
  request.reply->json (409, std::move (json));
}

} // namespace

void
add_config_routes (Router &router, ConfigStore &store,
    std::function<Result<void> ()> reload)
{
  router.get ("/api/v3/config", [&store] (Request &request) {
    JsonWriter json;
    store.write (json);
    request.reply->json (200, std::move (json));
  });
  router.write ("PUT", "/api/v3/config",
      [&store] (Request &request) { put_config (request, store); });
  router.add ({"GET", "/api/v3/config/reload",
      [reload = std::move (reload)] (Request &request) {
        if (auto ok = reload (); ok)
          request.reply->ok ();
        else
          request.reply->error (
              {500, "Failed to reload config", ok.error ().what});
      },
      Effect::write});
}

} // namespace restream
