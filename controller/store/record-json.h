// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-record.h"

namespace restream {

// A process as the state file has it: upstream's names and units, and what upstream does not know besides.
void write_record (JsonWriter &json, const ProcessRecord &record);

// The process of this id. One that cannot be understood comes with the reason (ProcessRecord::invalid), and
// is written as it was until it is repaired. The node must be immutable.
ProcessRecord read_record (const std::string &id, JsonNode *node);

} // namespace restream
