// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/request.h"

#include <cstring>

namespace restream {

const std::string &
Request::param (std::string_view name) const
{
  static const std::string none;
  for (const auto &[known, value] : params)
    if (known == name)
      return value;
  return none;
}

Result<Ref<JsonNode>>
Request::json () const
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  if (!soup_message_body_get_accumulate (body))
    return Error{Code::too_large, "the body is too large"};
  if (body->length == 0)
    return Error{Code::bad_request, "request doesn't contain any content"};
  const char *type = soup_message_headers_get_one (
      soup_server_message_get_request_headers (message), "Content-Type");
  if (!type || !g_str_has_prefix (type, "application/json"))
    return Error{Code::bad_request, "request doesn't contain JSON content"};
  auto bytes = Ref<GBytes>::adopt (soup_message_body_flatten (body));
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  return parse_json ({data, size});
}

Ref<JsonNode>
Request::object_or_answer () const
{
  auto root = json ();
  if (!root)
    reply->error (body_error (root.error ()));
  else if (!JSON_NODE_HOLDS_OBJECT (root->get ()))
    reply->error ({400, "Invalid JSON", "a JSON object expected"});
  else
    return *root;
  return nullptr;
}

ApiError
body_error (const Error &error)
{
  if (error.code == Code::too_large)
    return {413, "Request Entity Too Large", error.what};
  return {400, "Invalid JSON", error.what};
}

} // namespace restream
