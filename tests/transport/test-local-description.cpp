// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/local-description.h"

#include <glib.h>

using namespace restream::transport;

static void
announced_addresses_become_candidates ()
{
  std::vector<std::string> candidates{
      "1 1 UDP 2015363327 192.0.2.2 50000 typ host",
      "2 1 TCP 1015021823 192.0.2.2 9 typ host tcptype active",
      "3 1 UDP 2015363583 2001:db8::1 50001 typ host",
  };
  announce_addresses (candidates, {"203.0.113.5", "2001:db8::99"});
  g_assert_cmpuint (candidates.size (), ==, 5);
  g_assert_cmpstr (candidates[3].c_str (), ==,
      "nat1 1 UDP 2015363326 203.0.113.5 50000 typ host");
  g_assert_cmpstr (candidates[4].c_str (), ==,
      "nat2 1 UDP 2015363581 2001:db8::99 50001 typ host");
}

static void
without_announced_addresses_nothing_changes ()
{
  std::vector<std::string> candidates{
      "1 1 UDP 2015363327 192.0.2.2 50000 typ host"};
  announce_addresses (candidates, {});
  g_assert_cmpuint (candidates.size (), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/transport/local-description/announced",
      announced_addresses_become_candidates);
  g_test_add_func ("/transport/local-description/none-announced",
      without_announced_addresses_nothing_changes);
  return g_test_run ();
}
