// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/access/path-rules.h"

#include <glib.h>

#include <algorithm>
#include <cstring>

namespace restream {

namespace {

bool
is_inside (const std::string &path, const std::string &folder)
{
  return folder == "/" || path == folder
      || (path.size () > folder.size () && path.starts_with (folder)
          && path[folder.size ()] == '/');
}

// What may stand around a path in options and filter graphs.
bool
is_border (char c)
{
  return strchr (" \t\r\n=:,;|\"[]()<>@", c) != nullptr;
}

} // namespace

bool
is_network_scheme (std::string_view scheme)
{
  static constexpr std::string_view kNetwork[] = {"amqp", "amqps", "dtls",
      "ffrtmpcrypt", "ffrtmphttp", "ftp", "gopher", "gophers", "http",
      "httpproxy", "https", "icecast", "ipfs", "ipns", "mms", "mmsh", "mmst",
      "rist", "rtmp", "rtmpe", "rtmps", "rtmpt", "rtmpte", "rtmpts", "rtp",
      "rtsp", "rtsps", "rtspu", "sap", "sctp", "sftp", "smb", "srt", "srtp",
      "tcp", "tls", "udp", "udplite", "whip", "zmq"};
  return std::find (std::begin (kNetwork), std::end (kNetwork), scheme)
      != std::end (kNetwork);
}

std::string_view
scheme_of (std::string_view address)
{
  if (address.empty () || !g_ascii_isalpha (address[0]))
    return {};
  std::size_t end = 1;
  // Upstream's class, [a-z0-9.+-:], has a range in it: from + to :.
  while (end < address.size ()
      && (g_ascii_isalnum (address[end])
          || (address[end] >= '+' && address[end] <= ':')))
    end++;
  // The slash is one of them, so that ":/" may be its end, or in it.
  if (address.substr (0, end).find (":/") == std::string_view::npos)
    return {};
  return address.substr (0, address.find (':'));
}

bool
has_scheme (std::string_view address)
{
  return !scheme_of (address).empty ();
}

bool
is_broken_url (std::string_view address)
{
  for (char c : address)
    if (static_cast<unsigned char> (c) < 0x20 || c == 0x7f)
      return true;
  // The authority: what Go's parser wants of it.
  std::size_t from = address.find ("://");
  if (from == std::string_view::npos)
    return false;
  std::string_view authority = address.substr (from + 3);
  authority = authority.substr (0, authority.find_first_of ("/?#"));
  std::size_t at = authority.rfind ('@');
  std::string_view host =
      at == std::string_view::npos ? authority : authority.substr (at + 1);
  if (host.find_first_of (" <>\"\\^`{|}") != std::string_view::npos)
    return true;
  std::size_t port = host.rfind (':');
  if (host.starts_with ('[')) {
    std::size_t end = host.find (']');
    if (end == std::string_view::npos)
      return true;
    port = host.find (':', end);
    if (end + 1 != host.size () && port != end + 1)
      return true;
  }
  if (port == std::string_view::npos)
    return false;
  return !std::all_of (host.begin () + std::ptrdiff_t (port) + 1, host.end (),
      [] (char c) { return g_ascii_isdigit (c); });
}

PathRules::PathRules (std::string home, std::vector<std::string> others,
    std::string working_folder)
    : home_ (std::move (home)), others_ (std::move (others)),
      working_folder_ (std::move (working_folder))
{
}

std::string
absolute_path (std::string_view path, const std::string &working_folder)
{
  std::string full = path.starts_with ('/') ? "" : working_folder + "/";
  full += path;
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from < full.size ();) {
    std::size_t to = std::min (full.find ('/', from), full.size ());
    std::string_view part = std::string_view (full).substr (from, to - from);
    if (part == ".." && !parts.empty ())
      parts.pop_back ();
    else if (!part.empty () && part != "." && part != "..")
      parts.push_back (part);
    from = to + 1;
  }
  std::string result;
  for (std::string_view part : parts)
    (result += '/') += part;
  return result.empty () ? "/" : result;
}

Result<void>
PathRules::check_output (std::string_view path) const
{
  std::string full = absolute (path);
  if (full.starts_with ("/dev/") || is_inside (full, home_))
    return {};
  return Error{Code::bad_request, full + " is not inside of " + home_};
}

Result<void>
PathRules::check_other (std::string_view path) const
{
  std::string full = absolute (path);
  for (const std::string &folder : others_)
    if (is_inside (full, folder))
      return {};
  return check_output (full);
}

Result<void>
PathRules::check_text (std::string_view raw) const
{
  // Escapes and quotes are FFmpeg's to take away.
  std::string text;
  for (char c : raw)
    if (c != '\\' && c != '\'')
      text += c;
  for (std::size_t i = 0; i < text.size (); i++) {
    bool begins = i == 0 || is_border (text[i - 1]);
    if (!begins)
      continue;
    std::size_t end = i;
    while (end < text.size () && !is_border (text[end]))
      end++;
    std::string_view word = std::string_view (text).substr (i, end - i);
    // Of "scheme://host…" of a network the slashes begin no path.
    if (text.compare (end, 3, "://") == 0 && is_network_scheme (word)) {
      i = end + 2;
      continue;
    }
    bool climbs = word == ".." || word.starts_with ("../")
        || word.find ("/../") != std::string_view::npos
        || word.ends_with ("/..");
    if (word.starts_with ('/') || climbs)
      if (auto ok = check_other (word); !ok)
        return ok;
    // In a name that has a border in it, ".." goes up from there.
    if (climbs && i > 0)
      return Error{Code::bad_request, "'..' is not accepted here"};
  }
  return {};
}

} // namespace restream
