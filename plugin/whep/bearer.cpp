// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/bearer.h"

#include "plugin/whep/respond.h"

#include <array>
#include <cstring>
#include <string_view>

namespace restream::whep {

namespace {

constexpr std::size_t kMaxToken = 4096;

Error
challenge (SoupServerMessage *msg, Code code, const char *error,
    std::string what)
{
  std::string header = "Bearer realm=\"WHEP\"";
  if (error)
    header += std::string (", error=\"") + error + "\"";
  set_header (msg, "WWW-Authenticate", header.c_str ());
  return {code, std::move (what)};
}

} // namespace

// Digests have one length, and tell nothing of how far two texts agree.
bool
equal_in_constant_time (std::string_view a, std::string_view b)
{
  auto digest = [] (std::string_view text) {
    std::array<guint8, 32> bytes{};
    gsize size = bytes.size ();
    GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
    g_checksum_update (checksum,
        reinterpret_cast<const guchar *> (text.data ()), gssize (text.size ()));
    g_checksum_get_digest (checksum, bytes.data (), &size);
    g_checksum_free (checksum);
    return bytes;
  };
  std::array<guint8, 32> x = digest (a), y = digest (b);
  guint8 difference = 0;
  for (std::size_t i = 0; i < x.size (); i++)
    difference = guint8 (difference | (x[i] ^ y[i]));
  return difference == 0;
}

bool
is_bearer_token (const std::string &token)
{
  std::string_view text = token;
  while (text.ends_with ('='))
    text.remove_suffix (1);
  if (text.empty () || token.size () > kMaxToken)
    return false;
  for (char c : text)
    if (!g_ascii_isalnum (c) && !strchr ("-._~+/", c))
      return false;
  return true;
}

Result<void>
check_bearer (SoupServerMessage *msg, const std::string &token)
{
  const char *header = soup_message_headers_get_list (
      soup_server_message_get_request_headers (msg), "Authorization");
  if (!header)
    return challenge (msg, Code::unauthorized, nullptr,
        "a Bearer token is needed");
  std::string_view text = header;
  static constexpr std::string_view kScheme = "Bearer";
  bool bearer = text.size () > kScheme.size () && text[kScheme.size ()] == ' '
      && g_ascii_strncasecmp (header, kScheme.data (), kScheme.size ()) == 0;
  if (!bearer)
    return challenge (msg, Code::unauthorized, nullptr,
        "a Bearer token is needed, not another kind of credentials");
  text.remove_prefix (kScheme.size ());
  while (text.starts_with (' '))
    text.remove_prefix (1);
  std::string given (text);
  if (!is_bearer_token (given))
    return challenge (msg, Code::bad_request, "invalid_request",
        "what follows Bearer is no token");
  if (!equal_in_constant_time (given, token))
    return challenge (msg, Code::unauthorized, "invalid_token",
        "the Bearer token is not valid here");
  return {};
}

} // namespace restream::whep
