// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <libsoup/soup.h>

#include <string>
#include <string_view>

namespace restream::whep {

// RFC 6750, section 2.1: does the request bear this token? Compared in constant time. On errors the answer's
// WWW-Authenticate is set, to be followed by a refusal: unauthorized, or bad_request for what is no
// credentials at all.
Result<void> check_bearer (SoupServerMessage *msg, const std::string &token);

bool equal_in_constant_time (std::string_view a, std::string_view b);

// Can it stand in an Authorization header (b64token)?
bool is_bearer_token (const std::string &token);

} // namespace restream::whep
