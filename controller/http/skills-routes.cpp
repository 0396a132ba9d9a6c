// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"
#include "controller/http/skills-json.h"

namespace restream {

namespace {

SkillsReader::Done
answer_to (const Request &request)
{
  return [reply = request.reply] (const Result<Skills> &skills) {
    if (!skills)
      return reply->error (
          {500, "FFmpeg can't be asked for its skills", skills.error ().what});
    JsonWriter json;
    write_skills (json, *skills);
    reply->json (200, std::move (json));
  };
}

} // namespace

void
add_skills_routes (Router &router, SkillsReader &skills)
{
  router.get ("/api/v3/skills",
      [&skills] (Request &request) { skills.get (answer_to (request)); });
  router.get ("/api/v3/skills/reload",
      [&skills] (Request &request) { skills.reload (answer_to (request)); });
}

} // namespace restream
