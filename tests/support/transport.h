// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib.h>

#include <cstring>

namespace restream::test {

// The transport that this run of a test is for: tests of viewers run once for each.
inline const char *
test_transport ()
{
  const char *name = g_getenv ("RTPRESTREAM_TEST_TRANSPORT");
  if (!name)
    g_error ("RTPRESTREAM_TEST_TRANSPORT is not set: webrtcbin or native");
  return name;
}

// What is inherent to one transport is asked for here, at the place that differs.
inline bool
transport_is_native ()
{
  return strcmp (test_transport (), "native") == 0;
}

} // namespace restream::test
