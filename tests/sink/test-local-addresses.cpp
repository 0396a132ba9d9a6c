// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/local-addresses.h"

#include <glib.h>

#include <algorithm>

using namespace restream::sink;

static bool
has (const std::vector<std::string> &list, const char *address)
{
  return std::find (list.begin (), list.end (), address) != list.end ();
}

static void
loopback_only_when_asked_for ()
{
  g_assert_false (has (local_addresses ({}, false), "127.0.0.1"));
  g_assert_true (has (local_addresses ({}, true), "127.0.0.1"));
  g_assert_true (has (local_addresses ({"lo"}, false), "127.0.0.1"));
}

static void
filters_by_interface ()
{
  g_assert_true (local_addresses ({"no-such-interface"}, false).empty ());
}

static void
splits_lists ()
{
  auto parts = split_list (" a, b ,,c ");
  g_assert_cmpuint (parts.size (), ==, 3);
  g_assert_cmpstr (parts[0].c_str (), ==, "a");
  g_assert_cmpstr (parts[1].c_str (), ==, "b");
  g_assert_cmpstr (parts[2].c_str (), ==, "c");
  g_assert_true (split_list (nullptr).empty ());
  g_assert_true (split_list ("").empty ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/local-addresses/loopback",
      loopback_only_when_asked_for);
  g_test_add_func ("/sink/local-addresses/filter", filters_by_interface);
  g_test_add_func ("/sink/local-addresses/split", splits_lists);
  return g_test_run ();
}
