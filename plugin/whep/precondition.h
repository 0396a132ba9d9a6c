// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <string_view>

namespace restream::whep {

// If-Match (RFC 9110, section 13.1.1) against a strong entity tag, with its quotes: field is all of its
// lines, joined by commas; null if there are none. Errors: precondition_required (W21: none is there),
// precondition_failed. "*" in quotes is taken for *, since the draft's example has it so.
Result<void> check_if_match (const char *field, std::string_view tag);

} // namespace restream::whep
