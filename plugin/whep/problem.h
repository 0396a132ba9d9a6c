// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <libsoup/soup.h>

#include <string>

namespace restream::whep {

// RFC 9457: {"type", "title", "status", "detail"} as JSON.
std::string problem_json (const Error &error);

// Answers msg with the error: status, problem details as body, Retry-After.
void respond_problem (SoupServerMessage *msg, const Error &error);

} // namespace restream::whep
