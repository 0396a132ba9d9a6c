// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"
#include "controller/skills/skills.h"

namespace restream {

void write_skills (JsonWriter &json, const Skills &skills);

} // namespace restream
