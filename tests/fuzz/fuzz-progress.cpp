// SPDX-License-Identifier: LGPL-2.1-or-later
// What a child writes to stderr, in pieces as a pipe gives them.
#include "controller/process/process-log.h"
#include "controller/process/progress.h"

#include <cmath>

using namespace restream;

extern "C" int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  std::string_view bytes (reinterpret_cast<const char *> (data) + 1, size - 1);
  std::size_t piece = data[0] + 1u;
  LineSplitter splitter;
  ProgressTracker tracker;
  ProcessLog log (5, 2);
  std::int64_t now = 1;
  auto sink = [&] (std::string_view line) {
    g_assert_true (g_utf8_validate_len (line.data (), line.size (), nullptr));
    g_assert_cmpuint (line.size (), <=, 3 * kMaxLogLineBytes);
    now += 100000;
    if (tracker.add_line (line, now))
      log.end_prelude ();
    else
      log.add (line, now / G_USEC_PER_SEC);
  };
  while (!bytes.empty ()) {
    splitter.feed (bytes.substr (0, piece), sink);
    bytes.remove_prefix (std::min (piece, bytes.size ()));
  }
  splitter.finish (sink);
  const Progress &progress = tracker.current ();
  g_assert_true (std::isfinite (progress.fps) && std::isfinite (progress.q)
      && std::isfinite (progress.time_s)
      && std::isfinite (progress.bitrate_kbit)
      && std::isfinite (progress.speed));
  g_assert_cmpuint (log.current ().lines.size (), <=, 5);
  return 0;
}
