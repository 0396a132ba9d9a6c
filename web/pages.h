// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>

namespace restream::web {

// The bytes of a file of this folder, and its type; an empty Ref if there is none.
struct Asset
{
  Ref<GBytes> bytes;
  const char *content_type = nullptr;
};
Asset asset (const std::string &name);

enum class Site
{
  player, // "/" plays the stream of the endpoint "whep"
  daemon, // "/" lists the processes, "/play/{id}" plays that of "whep/{id}"
};

// Serves the pages as the default handler of a SoupServer, which must have
// raw-paths: what no other handler takes and is no page is 404. All references in
// the pages are relative, so that they work behind a path prefix.
// Thread: the server's.
class Pages
{
public:
  Pages (SoupServer *server, Site site);
  ~Pages ();
  Pages (const Pages &) = delete;
  Pages &operator= (const Pages &) = delete;

private:
  void answer (SoupServerMessage *msg) const;

  Ref<SoupServer> server_;
  const Site site_;
};

} // namespace restream::web
