// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

#include <libsoup/soup.h>

#include <cstddef>

namespace restream::whep {

inline constexpr std::size_t kMaxOtherBodyBytes = 1024 * 1024;

// A SoupServer as Server wants it: paths are left percent-encoded, the body of any
// request is bounded (see guard_body; a handler of larger ones calls that), and no
// connection outlives its client, or waits for a request for long.
Ref<SoupServer> new_http_server ();

} // namespace restream::whep
