// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/router.h"

#include <algorithm>

namespace restream {

namespace {

bool
is_param (const std::string &segment)
{
  return !segment.empty () && segment.front () == '{';
}

std::vector<std::string>
split (const std::string &pattern)
{
  std::vector<std::string> segments;
  for (std::size_t from = 1; from <= pattern.size ();) {
    std::size_t to = std::min (pattern.find ('/', from), pattern.size ());
    segments.push_back (pattern.substr (from, to - from));
    from = to + 1;
  }
  return segments;
}

} // namespace

void
Router::get (std::string pattern, std::function<void (Request &)> handler,
    Access access)
{
  add ({"GET", std::move (pattern), std::move (handler), Effect::read, access});
}

void
Router::write (std::string method, std::string pattern,
    std::function<void (Request &)> handler)
{
  add ({std::move (method), std::move (pattern), std::move (handler),
      Effect::write});
}

void
Router::add (Route route)
{
  if (read_only_ && route.effect == Effect::write)
    return;
  // Sorted, so that what comes first fits first: "{" is behind all letters.
  auto place = std::upper_bound (routes_.begin (), routes_.end (), route,
      [] (const Route &a, const Route &b) { return a.pattern < b.pattern; });
  segments_.insert (segments_.begin () + (place - routes_.begin ()),
      split (route.pattern));
  routes_.insert (place, std::move (route));
}

const Route *
Router::find (Request &request) const
{
  for (std::size_t i = 0; i < routes_.size (); i++) {
    const auto &segments = segments_[i];
    if (routes_[i].method != request.method
        || !std::equal (segments.begin (), segments.end (),
            request.path.begin (), request.path.end (),
            [] (const std::string &pattern, const std::string &segment) {
              return is_param (pattern) || pattern == segment;
            }))
      continue;
    request.params.clear ();
    for (std::size_t s = 0; s < segments.size (); s++)
      if (is_param (segments[s]))
        request.params.emplace_back (
            segments[s].substr (1, segments[s].size () - 2), request.path[s]);
    return &routes_[i];
  }
  return nullptr;
}

} // namespace restream
