// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/request.h"

#include "common/ref.h"

namespace restream::whep {

bool
is_method (SoupServerMessage *msg, std::string_view method)
{
  return method == soup_server_message_get_method (msg);
}

bool
is_get_or_head (SoupServerMessage *msg)
{
  return is_method (msg, "GET") || is_method (msg, "HEAD");
}

bool
has_content_type (SoupServerMessage *msg, const char *type)
{
  const char *given = soup_message_headers_get_content_type (
      soup_server_message_get_request_headers (msg), nullptr);
  return given && g_ascii_strcasecmp (given, type) == 0;
}

bool
is_compressed (SoupServerMessage *msg)
{
  const char *coding = soup_message_headers_get_one (
      soup_server_message_get_request_headers (msg), "Content-Encoding");
  return coding && g_ascii_strcasecmp (coding, "identity") != 0;
}

std::string
body_of (SoupServerMessage *msg)
{
  auto bytes = Ref<GBytes>::adopt (
      soup_message_body_flatten (soup_server_message_get_request_body (msg)));
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  return std::string (data ? data : "", size);
}

} // namespace restream::whep
