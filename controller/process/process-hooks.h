// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-config.h"

#include <functional>
#include <string>
#include <vector>

namespace restream {

// What takes part in a process's ordered start and stop. Not called for a
// reconnect, a restart or a reload: what a start has set up outlives them.
// Thread: main.
class ProcessHooks
{
public:
  virtual ~ProcessHooks () = default;
  // Before FFmpeg runs. Returns arguments to append to FFmpeg's; an error refuses
  // the start, and then nothing may be left behind.
  virtual Result<std::vector<std::string>> on_process_start (
      const std::string &id, const ProcessConfig &config) = 0;
  // A stop has been ordered; FFmpeg still runs.
  virtual void before_process_stop (const std::string &id) = 0;
  // FFmpeg has ended. done is called exactly once, in bounded time; until then
  // the process counts as stopping, and is not started again.
  virtual void on_process_stop (const std::string &id,
      std::function<void ()> done) = 0;
};

} // namespace restream
