// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/http/request.h"

#include <functional>
#include <string>
#include <vector>

namespace restream {

enum class Effect
{
  read = 1,
  write // not there in a read-only API
};

enum class Access
{
  everyone = 1,
  user // who is logged in, where a login is asked for
};

struct Route
{
  std::string method;
  std::string pattern; // "/api/v3/process/{id}/state", as OpenAPI writes it
  std::function<void (Request &)> handler;
  Effect effect = Effect::read;
  Access access = Access::user;
};

// The table of all routes. Thread: main.
class Router
{
public:
  explicit Router (bool read_only) : read_only_ (read_only) {}

  void get (std::string pattern, std::function<void (Request &)> handler,
      Access access = Access::user);
  // Of a method that changes something.
  void write (std::string method, std::string pattern,
      std::function<void (Request &)> handler);
  void add (Route route);

  // The route for the request, whose params are then those of its path; nullptr if
  // there is none. A word goes before a param, whatever the order of adding.
  const Route *find (Request &request) const;
  const std::vector<Route> &routes () const { return routes_; }

private:
  const bool read_only_;
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> segments_; // of the patterns
};

} // namespace restream
