// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/metadata.h"
#include "controller/process/process-config.h"
#include "controller/process/task.h"

#include <cstdint>
#include <string>

namespace restream {

// All of a process that outlives the daemon.
struct ProcessRecord
{
  ProcessConfig config;
  Order order = Order::stop;
  std::int64_t created_at_s = 0, updated_at_s = 0;
  Metadata metadata;

  // Why a stored process cannot run; "" = it can. Not stored.
  std::string invalid;
  // As it was read from the store, if there is more in it than we know; null otherwise.
  Ref<JsonNode> stored;
  bool unreadable = false; // its configuration stays as it was read
};

} // namespace restream
