// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"

#include <glib.h>

#include <string>

namespace restream::test {

// Runs the main context until the condition holds; generously. detail: for the message
// of a failure.
template <typename F>
void
wait_until (const char *what, F condition, std::string (*detail) () = nullptr)
{
  constexpr gint64 kDeadlineUs = 60 * G_USEC_PER_SEC;
  const gint64 end = g_get_monotonic_time () + kDeadlineUs;
  // Wakes the context up for what other threads change.
  Timer tick (nullptr, 20, [] { return true; });
  while (!condition ()) {
    if (g_get_monotonic_time () > end)
      g_error ("time is up waiting for %s%s", what,
          detail ? detail ().c_str () : "");
    g_main_context_iteration (nullptr, TRUE);
  }
}

} // namespace restream::test
