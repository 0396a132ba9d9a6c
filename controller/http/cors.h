// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libsoup/soup.h>

#include <string>
#include <vector>

namespace restream {

// What pages of other origins may do with the API. Thread: main.
class Cors
{
public:
  // "*" = all; empty = none.
  explicit Cors (std::vector<std::string> origins)
      : origins_ (std::move (origins))
  {
  }
  // Puts the headers on the answer to come.
  void apply (SoupServerMessage *message) const;

private:
  const std::string *allowed (const char *origin) const;
  std::vector<std::string> origins_;
};

} // namespace restream
