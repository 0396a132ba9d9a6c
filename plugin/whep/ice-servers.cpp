// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/ice-servers.h"

#include "common/ref.h"

#include <glib.h>

#include <cstring>
#include <string_view>

namespace restream::whep {

namespace {

Error
wrong (const std::string &why)
{
  return {Code::bad_request,
      "no ICE server: " + why
          + " (stun:host:port or turn:user:password@host:port?transport=udp)"};
}

bool
is_turn (std::string_view uri)
{
  return uri.starts_with ("turn");
}

std::string
quoted (const std::string &text)
{
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + "\"";
}

// What coturn calls the TURN REST API: a time, and its HMAC with the secret.
std::string
credential_of (const std::string &secret, const std::string &username)
{
  guint8 digest[20];
  gsize size = sizeof digest;
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA1,
      reinterpret_cast<const guchar *> (secret.data ()), secret.size ());
  g_hmac_update (hmac, reinterpret_cast<const guchar *> (username.data ()),
      gssize (username.size ()));
  g_hmac_get_digest (hmac, digest, &size);
  g_hmac_unref (hmac);
  Owned<char> text (g_base64_encode (digest, size));
  return text.get ();
}

} // namespace

Result<IceServer>
parse_ice_server (const std::string &text)
{
  std::size_t colon = text.find (':');
  std::string scheme = text.substr (0, colon);
  if (colon == text.npos
      || (scheme != "stun" && scheme != "stuns" && scheme != "turn"
          && scheme != "turns"))
    return wrong ("it begins with none of stun:, stuns:, turn:, turns:");
  for (char c : text) // it becomes part of a header
    if (!g_ascii_isgraph (c) || strchr ("<>\"\\,;", c))
      return wrong ("it has a character that cannot be there");
  std::string rest = text.substr (colon + 1);
  IceServer server;
  if (std::size_t at = rest.rfind ('@'); at != rest.npos) {
    std::string user = rest.substr (0, at);
    std::size_t split = user.find (':');
    if (!is_turn (scheme) || split == user.npos || split == 0
        || split + 1 == user.size ())
      return wrong ("user:password belongs in front of a TURN server's @");
    server.username = user.substr (0, split);
    server.credential = user.substr (split + 1);
    rest.erase (0, at + 1);
  }
  std::string host = rest.substr (0, rest.find ('?'));
  std::string query = rest.substr (host.size ());
  if (host.empty () || host.front () == ':' || host.find ('/') != host.npos)
    return wrong ("it has no host");
  if (!query.empty ()
      && (!is_turn (scheme)
          || (query != "?transport=udp" && query != "?transport=tcp")))
    return wrong ("?transport=udp or ?transport=tcp expected after the port");
  server.uri = scheme + ":" + rest;
  return server;
}

std::vector<std::string>
ice_server_links (const IceServers &servers, const std::string &viewer,
    std::int64_t now_s)
{
  std::vector<std::string> links;
  for (const IceServer &server : servers.list) {
    std::string link = "<" + server.uri + ">; rel=\"ice-server\"";
    std::string username = server.username, credential = server.credential;
    if (is_turn (server.uri)) {
      if (username.empty () && servers.turn_secret.empty ())
        continue;
      if (username.empty ()) {
        username = std::to_string (now_s + servers.turn_ttl_s) + ":" + viewer;
        credential = credential_of (servers.turn_secret, username);
      }
      link += "; username=" + quoted (username) + "; credential="
          + quoted (credential) + "; credential-type=\"password\"";
    }
    links.push_back (std::move (link));
  }
  return links;
}

} // namespace restream::whep
