// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/cors.h"

#include <cstring>

namespace restream {

const std::string *
Cors::allowed (const char *origin) const
{
  for (const std::string &known : origins_)
    if (known == "*" || g_ascii_strcasecmp (known.c_str (), origin) == 0)
      return &known;
  return nullptr;
}

void
Cors::apply (SoupServerMessage *message) const
{
  SoupMessageHeaders *answer =
      soup_server_message_get_response_headers (message);
  soup_message_headers_append (answer, "Vary", "Origin");
  const char *origin = soup_message_headers_get_one (
      soup_server_message_get_request_headers (message), "Origin");
  const std::string *as = origin ? allowed (origin) : nullptr;
  if (!as)
    return;
  soup_message_headers_replace (answer, "Access-Control-Allow-Origin",
      as->c_str ());
  soup_message_headers_replace (answer, "Access-Control-Allow-Credentials",
      "true");
  if (strcmp (soup_server_message_get_method (message), "OPTIONS") != 0) {
    soup_message_headers_replace (answer, "Access-Control-Expose-Headers",
        "Content-Length");
    return;
  }
  soup_message_headers_replace (answer, "Access-Control-Allow-Methods",
      "GET,HEAD,PUT,POST,DELETE,PATCH");
  soup_message_headers_replace (answer, "Access-Control-Allow-Headers",
      "Origin,Content-Length,Content-Type,Authorization");
  soup_message_headers_replace (answer, "Access-Control-Max-Age", "86400");
}

} // namespace restream
