// SPDX-License-Identifier: LGPL-2.1-or-later
// What a child writes to stderr and as its progress, in pieces as a pipe gives them.
#include "controller/process/probe.h"
#include "controller/process/process-log.h"
#include "controller/process/progress.h"

#include <cmath>

using namespace restream;

static void
check_json (JsonWriter &json)
{
  g_assert_true (parse_json (json.take ()).has_value ());
}

extern "C" int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  std::string_view bytes (reinterpret_cast<const char *> (data) + 1, size - 1);
  std::size_t piece = data[0] + 1u;
  LineSplitter splitter;
  Prelude prelude;
  ProgressTracker tracker;
  ProcessLog log (5, 2);
  std::int64_t now = 1;
  auto sink = [&] (std::string_view line) {
    g_assert_true (g_utf8_validate_len (line.data (), line.size (), nullptr));
    g_assert_cmpuint (line.size (), <=, 3 * kMaxLogLineBytes);
    now += 100000;
    if (tracker.add_line (line, now)) {
      log.end_prelude ();
    } else {
      prelude.add_line (line);
      log.add (line, now / G_USEC_PER_SEC);
    }
    tracker.add_report_line (line, now);
  };
  while (!bytes.empty ()) {
    splitter.feed (bytes.substr (0, piece), sink);
    bytes.remove_prefix (std::min (piece, bytes.size ()));
  }
  splitter.finish (sink);
  g_assert_cmpuint (log.current ().lines.size (), <=, 5);
  g_assert_cmpuint (prelude.inputs ().size (), <=, Prelude::kMaxStreams);
  g_assert_cmpuint (prelude.outputs ().size (), <=, Prelude::kMaxStreams);
  for (std::int64_t later : {now, now + 10000000, now + 60000000}) {
    const ProcessProgress progress = tracker.at (later, prelude);
    const Progress &total = progress.total;
    g_assert_true (std::isfinite (total.fps) && std::isfinite (total.q)
        && std::isfinite (total.time_s) && std::isfinite (total.bitrate_kbit)
        && std::isfinite (total.speed) && total.fps >= 0
        && total.bitrate_kbit >= 0);
    g_assert_cmpuint (progress.outputs.size (), ==, prelude.outputs ().size ());
    JsonWriter json;
    progress.write (json);
    check_json (json);
  }
  JsonWriter json;
  ProbeResult{prelude.inputs (), log.current ().prelude}.write (json);
  check_json (json);
  return 0;
}
