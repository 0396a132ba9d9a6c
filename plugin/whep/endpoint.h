// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/core.h"

#include <libsoup/soup.h>

#include <string>

namespace restream::whep {

// POST at a WHEP endpoint: an offer, answered by 201 and an answer or by 406 and a counter-offer. Thread: the server's.
class Endpoint
{
public:
  explicit Endpoint (Core &core)
      : core_ (core) {} // in a shared_ptr, and outlives this
  // path: the endpoint's, as the client knows it.
  void post (SoupServerMessage *msg, const std::string &stream,
      const std::string &path);

private:
  struct Request
  {
    WaitingRequests::Id id;
    std::string stream;
    std::string path;
    bool loopback;
  };

  void answered (const Request &request, Result<Answer> answer);
  void invite (const Request &request, const std::string &reason);
  void open_session (const Request &request, const Answer &answer,
      bool invited);

  Core &core_;
};

} // namespace restream::whep
