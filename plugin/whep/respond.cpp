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
      "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch, Allow, "
      "WWW-Authenticate");
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

const char *
methods_of (Route::Kind kind)
{
  switch (kind) {
    case Route::Kind::endpoint:
      return "GET, HEAD, OPTIONS, POST";
    case Route::Kind::session:
      return "DELETE, GET, HEAD, OPTIONS, PATCH";
    case Route::Kind::events:
      return "OPTIONS, POST";
    case Route::Kind::event_stream:
      return "DELETE, GET, OPTIONS";
  }
  return "OPTIONS";
}

void
add_accept (SoupServerMessage *msg, Route::Kind kind)
{
  if (kind == Route::Kind::endpoint)
    set_header (msg, "Accept-Post", kSdp);
  else if (kind == Route::Kind::session)
    set_header (msg, "Accept-Patch", kPatchTypes);
  else if (kind == Route::Kind::events)
    set_header (msg, "Accept-Post", kJson);
}

void
answer_options (SoupServerMessage *msg, Route::Kind kind)
{
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
  set_header (msg, "Allow", methods_of (kind));
  set_header (msg, "Access-Control-Allow-Methods", methods_of (kind));
  set_header (msg, "Access-Control-Allow-Headers",
      "Authorization, Content-Type, If-Match, Last-Event-ID");
  set_header (msg, "Access-Control-Max-Age", "86400");
  add_accept (msg, kind);
}

} // namespace restream::whep
