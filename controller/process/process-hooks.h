// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-config.h"

#include <functional>
#include <string>
#include <vector>

namespace restream {

// What takes part in a process's ordered start and stop. What a start has set up outlives
// reconnects, restarts and reloads.
// Thread: main.
class ProcessHooks
{
public:
  virtual ~ProcessHooks () = default;
  // Before FFmpeg runs. An error refuses the start, and then nothing may be left behind.
  virtual Result<void> on_process_start (const std::string &id,
      const ProcessConfig &config) = 0;
  // Before each run of FFmpeg, reconnects and the like included: the run before has ended. Returns
  // arguments to append to FFmpeg's.
  virtual std::vector<std::string> run_arguments (const std::string &id,
      const ProcessConfig &config) = 0;
  // A stop has been ordered; FFmpeg still runs.
  virtual void before_process_stop (const std::string &id) = 0;
  // FFmpeg has ended. done is called exactly once, in bounded time; until then
  // the process counts as stopping, and is not started again.
  virtual void on_process_stop (const std::string &id,
      std::function<void ()> done) = 0;
};

} // namespace restream
