// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config/host-port.h"

#include <gio/gio.h>

namespace restream {

Result<HostPort>
parse_address (const std::string &address)
{
  Error wrong{Code::bad_request, "host:port expected, not '" + address + "'"};
  std::size_t colon = address.rfind (':');
  if (colon == std::string::npos)
    return wrong;
  HostPort result;
  guint64 port = 0;
  if (!g_ascii_string_to_unsigned (address.c_str () + colon + 1, 10, 0, 65535,
          &port, nullptr))
    return wrong;
  result.port = std::uint16_t (port);
  result.host = address.substr (0, colon);
  if (result.host.size () >= 2 && result.host.front () == '['
      && result.host.back () == ']')
    result.host = result.host.substr (1, result.host.size () - 2);
  else if (result.host.find (':') != std::string::npos)
    return wrong; // an IPv6 address without brackets
  if (result.host == "localhost")
    result.host = "127.0.0.1";
  if (!result.host.empty () && !g_hostname_is_ip_address (result.host.c_str ()))
    return Error{Code::bad_request,
        "an IP address expected, not '" + result.host + "'"};
  return result;
}

} // namespace restream
