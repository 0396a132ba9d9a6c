// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/placeholders.h"
#include "controller/process/process-config.h"

#include <functional>
#include <string>

namespace restream {

// What configurations are resolved with.
struct ResolveEnvironment
{
  // Absolute; {diskfs} and {fs:disk}. {memfs} and {fs:mem} are its folder "memfs".
  std::string storage_dir;
  // Another process, as it is configured; nullptr = there is none.
  std::function<const ProcessConfig *(const std::string &id)> process;
};

// The configuration that FFmpeg gets: placeholders replaced, and each input "#process:output=id" by the
// address of that output. Pure but for the environment's process().
Result<ProcessConfig> resolve_config (const ProcessConfig &config,
    const ResolveEnvironment &environment);

} // namespace restream
