// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <libsoup/soup.h>

namespace restream::whep {

inline constexpr const char *kSdp = "application/sdp";
inline constexpr const char *kEndpointMethods = "GET, HEAD, OPTIONS, POST";
inline constexpr const char *kSessionMethods = "DELETE, GET, HEAD, OPTIONS";

void set_header (SoupServerMessage *msg, const char *name, const char *value);

// Any page may play: what protects a stream is who knows its URL, not where the
// page came from. To be set with the final status, since libsoup forgets headers
// when it has said 100 Continue.
void add_cors (SoupServerMessage *msg);

// Answers with problem details, readable for any page; 409 and 503 always say
// when to come again.
void refuse (SoupServerMessage *msg, Error error);

// Answers OPTIONS, and so CORS preflights: for any resource that can exist, since
// a page never learns the status of a refused preflight.
void answer_options (SoupServerMessage *msg, bool is_endpoint);

} // namespace restream::whep
