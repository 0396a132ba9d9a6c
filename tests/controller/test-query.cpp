// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/query.h"

#include <glib.h>

namespace restream {

static void
test_values ()
{
  Query query ("id=a%2Cb+c&filter=&id=second&twice=a%252Fb&half=100%25&empty"
               "&bad=%zz&cut=%4&=x&semi=a;b&sp%61ce=1&raw=%FF%00");
  g_assert_true (query.get ("id") == "a,b c");
  g_assert_true (query.get ("filter") == "");
  g_assert_true (query.get ("twice") == "a/b");
  g_assert_true (query.get ("half") == "100%");
  g_assert_true (query.get ("space") == "1");
  for (const char *name : {"empty", "bad", "cut", "semi", "absent"})
    g_assert_true (query.get (name).empty ());
  g_assert_true (query.get ("raw") == std::string ("\xff\0", 2));
  g_assert_true (Query ("&&=&").get ("").empty ());
}

static void
test_segments ()
{
  g_assert_true (segment_unescape ("a%2Fb+c") == "a/b+c");
  g_assert_true (segment_unescape ("%C3%A4") == "ä");
  for (const char *bad : {"%", "%4", "%zz", "%ff", "a%00b"})
    g_assert_false (segment_unescape (bad).has_value ());
}

} // namespace restream

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/query/values", restream::test_values);
  g_test_add_func ("/query/segments", restream::test_segments);
  return g_test_run ();
}
