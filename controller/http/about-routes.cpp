// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"

namespace restream {

namespace {

// The API that clients expect behind the version number. Who is not logged in gets
// to know the major one.
constexpr const char *kApiVersion = "16.16.0";
constexpr const char *kApiMajorVersion = "16.0.0";

void
about (const Request &request, const ApiInfo &info)
{
  JsonWriter json;
  json.begin_object ()
      .member ("app", "datarhei-core")
      .member ("auths", info.auths);
  if (request.authorized) {
    GDateTime *time =
        g_date_time_new_from_unix_utc (info.created_at_us / G_USEC_PER_SEC);
    Owned<char> created (g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ"));
    g_date_time_unref (time);
    json.member ("name", info.name)
        .member ("id", info.id)
        .member ("created_at", created.get ())
        .member ("uptime_seconds",
            (g_get_real_time () - info.created_at_us) / G_USEC_PER_SEC)
        .member ("variant", PACKAGE);
  }
  json.key ("version").begin_object ();
  if (request.authorized)
    json.member ("number", kApiVersion)
        .member ("repository_commit", "")
        .member ("repository_branch", "")
        .member ("build_date", "")
        .member ("arch", "linux/" RTPRESTREAM_ARCH)
        .member ("compiler", __VERSION__);
  else
    json.member ("number", kApiMajorVersion);
  json.end_object ().end_object ();
  request.reply->json (200, std::move (json));
}

} // namespace

void
add_about_routes (Router &router, const ApiInfo &info)
{
  router.get (
      "/api", [info] (Request &request) { about (request, info); },
      Access::everyone);
  router.get (
      "/ping", [] (Request &request) { request.reply->text (200, "pong"); },
      Access::everyone);
}

} // namespace restream
