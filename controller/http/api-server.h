// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/http/cors.h"
#include "controller/http/router.h"

#include <libsoup/soup.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace restream {

struct ApiOptions
{
  bool read_only = false;
  // Besides localhost and IP addresses. A page of somebody else's whose name is
  // made to point here (DNS rebinding) comes with its own.
  std::vector<std::string> host_names;
  std::vector<std::string> cors_origins; // "*" = all
};

// HTTP for the process API: finds the route of each request and calls its handler.
// On a SoupServer that somebody else listens with, which must have raw paths.
// Thread: main.
class ApiServer
{
public:
  // Says why a request may not use the routes of users; nullopt if it may.
  using Guard = std::function<std::optional<ApiError> (const Request &)>;

  ApiServer (SoupServer *server, ApiOptions options);
  ~ApiServer ();
  ApiServer (const ApiServer &) = delete;
  ApiServer &operator= (const ApiServer &) = delete;

  // Whoever has routes adds them.
  Router &router () { return router_; }
  // Without one everybody is a user.
  void set_guard (Guard guard) { guard_ = std::move (guard); }

private:
  void handle (SoupServerMessage *message, const char *path);
  bool knows_host (SoupServerMessage *message) const;
  void route (Request &request);

  Ref<SoupServer> server_;
  const ApiOptions options_;
  const Cors cors_;
  Router router_;
  Guard guard_;
};

} // namespace restream
