// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/respond.h"

#include "plugin/whep/problem.h"

namespace restream::whep {

// Where the backend does not know better.
static constexpr unsigned kRetryAfterS = 2;

void
set_header (SoupServerMessage *msg, const char *name, const char *value)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (msg),
      name, value);
}

void
add_cors (SoupServerMessage *msg)
{
  set_header (msg, "Access-Control-Allow-Origin", "*");
  set_header (msg, "Access-Control-Expose-Headers",
      "Location, ETag, Link, Retry-After, Accept-Post, Allow");
}

void
refuse (SoupServerMessage *msg, Error error)
{
  // W10 and W33: both are worth another try, so both say when.
  if (error.retry_after_s == 0
      && (error.code == Code::conflict || error.code == Code::unavailable))
    error.retry_after_s = kRetryAfterS;
  add_cors (msg);
  respond_problem (msg, error);
}

void
answer_options (SoupServerMessage *msg, bool is_endpoint)
{
  const char *methods = is_endpoint ? kEndpointMethods : kSessionMethods;
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
  set_header (msg, "Allow", methods);
  // PATCH too, or a trickling page would see a network error and not our 405.
  set_header (msg, "Access-Control-Allow-Methods",
      (std::string (methods) + ", PATCH").c_str ());
  set_header (msg, "Access-Control-Allow-Headers",
      "Authorization, Content-Type, If-Match");
  set_header (msg, "Access-Control-Max-Age", "86400");
  if (is_endpoint)
    set_header (msg, "Accept-Post", kSdp);
}

} // namespace restream::whep
