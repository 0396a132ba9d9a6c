// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/problem.h"

#include <json-glib/json-glib.h>

namespace restream::whep {

// RFC 9110 names; libsoup still has RFC 2616's for some.
static const char *
title_of (unsigned status)
{
  switch (status) {
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    default:
      return soup_status_get_phrase (status);
  }
}

std::string
problem_json (const Error &error)
{
  unsigned status = http_status (error.code);
  // What the text quotes may come from outside; JSON must be UTF-8.
  g_autofree char *detail =
      g_utf8_make_valid (error.what.data (), gssize (error.what.size ()));
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "type");
  json_builder_add_string_value (builder, "about:blank");
  json_builder_set_member_name (builder, "title");
  json_builder_add_string_value (builder, title_of (status));
  json_builder_set_member_name (builder, "status");
  json_builder_add_int_value (builder, status);
  json_builder_set_member_name (builder, "detail");
  json_builder_add_string_value (builder, detail);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, FALSE);
  return text;
}

void
respond_problem (SoupServerMessage *msg, const Error &error)
{
  unsigned status = http_status (error.code);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  soup_server_message_set_status (msg, status, title_of (status));
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  if (error.retry_after_s)
    soup_message_headers_replace (headers, "Retry-After",
        std::to_string (error.retry_after_s).c_str ());
  std::string body = problem_json (error);
  soup_message_body_truncate (soup_server_message_get_response_body (msg));
  soup_server_message_set_response (msg, "application/problem+json",
      SOUP_MEMORY_COPY, body.data (), body.size ());
}

} // namespace restream::whep
