// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"
#include "controller/process/metadata.h"
#include "controller/process/task.h"

#include <string_view>

namespace restream {

// Which parts of a process a client wants.
struct ProcessFilter
{
  bool config = true, state = true, report = true, metadata = true;
  // "config,state,…"; empty = all; unknown words are ignored.
  static ProcessFilter parse (std::string_view list);
};

// metadata: null = none.
void write_process (JsonWriter &json, const Task &task,
    const Metadata *metadata, const ProcessFilter &filter);
void write_state (JsonWriter &json, const Task &task);
void write_report (JsonWriter &json, const Task &task);

} // namespace restream
