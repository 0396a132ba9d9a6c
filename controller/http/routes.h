// SPDX-License-Identifier: LGPL-2.1-or-later
// The routes of the process API, by what they are about. What the functions are
// given must outlive the router.
#pragma once

#include "controller/http/router.h"
#include "controller/process/process-manager.h"
#include "controller/skills/skills-reader.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace restream {

// What the API tells about this daemon.
struct ApiInfo
{
  std::string id;
  std::string name;
  std::vector<std::string> auths; // ways to log in
  std::int64_t created_at_us = g_get_real_time ();
};

// The number of viewers that a process has now.
using ViewerCount = std::function<std::uint64_t (const std::string &id)>;

struct ApiParts
{
  ProcessManager &manager;
  SkillsReader &skills;
  ApiInfo info;
  ViewerCount viewers;
  bool metrics = false; // there is a /metrics
};

// All of them.
void add_routes (Router &router, const ApiParts &parts);

void add_about_routes (Router &router, const ApiInfo &info); // /api, /ping
void add_process_routes (Router &router, ProcessManager &manager);
void add_process_part_routes (Router &router, ProcessManager &manager);
void add_metadata_routes (Router &router, ProcessManager &manager);
void add_skills_routes (Router &router, SkillsReader &skills);
void add_log_routes (Router &router);
void add_session_routes (Router &router, ProcessManager &manager,
    ViewerCount viewers); // and widgets
void add_metrics_routes (Router &router, ProcessManager &manager,
    const ApiInfo &info);
void add_openapi_routes (Router &router);

// What GET /metrics answers.
std::string metrics_text (const ProcessManager &manager, const ApiInfo &info);

// Where the description of the API is.
inline constexpr const char *kOpenapiPath = "/api/swagger/doc.json";
// The text of docs/openapi.json.
std::string_view openapi_text ();

} // namespace restream
