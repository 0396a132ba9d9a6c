// SPDX-License-Identifier: LGPL-2.1-or-later
// What clients ask about the viewers of HLS, RTMP and SRT, of which there are none
// here; viewers of WebRTC are counted in the widget.
#include "controller/http/process-routes.h"

#include <functional>

namespace restream {

namespace {

constexpr std::size_t kMaxCollectors = 100;

// An object with a member for each collector asked for.
void
answer_each (const Request &request,
    const std::function<void (JsonWriter &)> &write)
{
  Owned<char *> names (g_strsplit (request.query.get ("collectors").c_str (),
      ",", kMaxCollectors));
  JsonWriter json;
  json.begin_object ();
  for (guint i = 0; names.get ()[i]; i++) {
    char *const *end = names.get () + i;
    bool again = false;
    for (char **earlier = names.get (); earlier < end; earlier++)
      again |= g_str_equal (*earlier, *end);
    if (again)
      continue;
    json.key (to_utf8 (*end));
    write (json);
  }
  json.end_object ();
  request.reply->json (200, std::move (json));
}

void
write_no_stats (JsonWriter &json)
{
  json.member ("sessions", 0)
      .member ("traffic_rx_mb", 0)
      .member ("traffic_tx_mb", 0);
}

void
write_no_summary (JsonWriter &json)
{
  json.begin_object ();
  json.key ("active").begin_object ();
  json.key ("list").begin_array ().end_array ();
  for (const char *name : {"sessions", "bandwidth_rx_mbit", "bandwidth_tx_mbit",
           "max_sessions", "max_bandwidth_rx_mbit", "max_bandwidth_tx_mbit"})
    json.member (name, 0);
  json.end_object ();
  json.key ("summary").begin_object ();
  for (const char *name : {"remote", "local", "reference"})
    json.key (name).begin_object ().end_object ();
  write_no_stats (json);
  json.end_object ().end_object ();
}

void
widget (const Request &request, const ProcessManager &manager,
    const ViewerCount &viewers)
{
  const Task *task = find_or_answer (request, manager);
  if (!task)
    return;
  bool running = task->process ().state () == ExecState::running;
  std::uint64_t now = viewers ? viewers (task->id ()) : 0;
  JsonWriter json;
  json.begin_object ()
      .member ("current_sessions", now)
      .member ("total_sessions", now)
      .member ("uptime", running ? task->process ().seconds_in_state () : 0)
      .end_object ();
  request.reply->json (200, std::move (json));
}

} // namespace

void
add_session_routes (Router &router, ProcessManager &manager,
    ViewerCount viewers)
{
  router.get ("/api/v3/session",
      [] (Request &request) { answer_each (request, write_no_summary); });
  router.get ("/api/v3/session/active", [] (Request &request) {
    answer_each (request,
        [] (JsonWriter &json) { json.begin_array ().end_array (); });
  });
  router.get (
      "/api/v3/widget/process/{id}",
      [&manager, viewers = std::move (viewers)] (
          Request &request) { widget (request, manager, viewers); },
      Access::everyone);
}

} // namespace restream
