// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/http/query.h"
#include "controller/http/reply.h"
#include "controller/json.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

inline constexpr std::size_t kMaxApiBodyBytes = 1024 * 1024;

// One request on its way to its handler. The reply may be kept for a later answer,
// the rest is gone when the handler returns. Thread: main.
struct Request
{
  SoupServerMessage *message;
  std::string method; // HEAD is a GET here
  std::vector<std::string> path; // segments, unescaped
  Query query;
  std::shared_ptr<Reply> reply;
  std::vector<std::pair<std::string, std::string>> params; // of the path
  // Who asks may use all routes. Always so where no login is asked for.
  bool authorized = true;

  // What stands in the path for {name}.
  const std::string &param (std::string_view name) const;
  // The body, any JSON value. The error is the answer to give.
  Result<Ref<JsonNode>> json () const;
  // The same, an object, answered here if it is none.
  Ref<JsonNode> object_or_answer () const;
};

// The answer to a body that is none.
ApiError body_error (const Error &error);

} // namespace restream
