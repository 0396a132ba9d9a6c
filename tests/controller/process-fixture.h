// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once
#include "controller/process/ffmpeg-process.h"

#include <cstdint>
#include <functional>
#include <string>

// What the tests of processes share: fake-ffmpeg, and patience.
namespace restream {

inline std::string fake_ffmpeg; // main () sets it
constexpr unsigned kShortStopMs = 300;

// Turns the main loop until the condition holds; fails the test after 20 s.
inline void
wait_until (const std::function<bool ()> &condition)
{
  std::int64_t deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  Timer tick (nullptr, 10, [] { return true; });
  while (!condition ()) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    g_main_context_iteration (nullptr, TRUE);
  }
}

} // namespace restream
