// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"

namespace restream {

void
add_routes (Router &router, const ApiParts &parts)
{
  add_about_routes (router, parts.info);
  add_process_routes (router, parts.manager);
  add_process_part_routes (router, parts.manager);
  add_metadata_routes (router, parts.manager);
  add_skills_routes (router, parts.skills);
  add_log_routes (router);
  add_session_routes (router, parts.manager, parts.viewers);
  if (parts.metrics)
    add_metrics_routes (router, parts.manager, parts.info);
  add_openapi_routes (router);
}

} // namespace restream
