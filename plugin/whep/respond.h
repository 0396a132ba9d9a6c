// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/whep/route.h"

#include <libsoup/soup.h>

namespace restream::whep {

inline constexpr const char *kSdp = "application/sdp";
inline constexpr const char *kFragment = "application/trickle-ice-sdpfrag";
inline constexpr const char *kPatchTypes =
    "application/trickle-ice-sdpfrag, application/sdp";
inline constexpr const char *kJson = "application/json";

void set_header (SoupServerMessage *msg, const char *name, const char *value);

// Any page may play: what protects a stream is who knows its URL, not where the
// page came from. To be set with the final status, since libsoup forgets headers
// when it has said 100 Continue.
void add_cors (SoupServerMessage *msg);

// Answers with problem details, readable for any page; 409 and 503 always say
// when to come again.
void refuse (SoupServerMessage *msg, Error error);

// What a kind of resource knows.
const char *methods_of (Route::Kind kind);
// The media types that a POST or PATCH there may have, as Accept-Post or Accept-Patch.
void add_accept (SoupServerMessage *msg, Route::Kind kind);

// Answers OPTIONS, and so CORS preflights: for any resource that can exist, since
// a page never learns the status of a refused preflight.
void answer_options (SoupServerMessage *msg, Route::Kind kind);

} // namespace restream::whep
