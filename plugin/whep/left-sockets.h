// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libsoup/soup.h>

namespace restream::whep {

inline constexpr unsigned kSweepIntervalMs = 5000;

// libsoup before 3.4.0 keeps a reference to the socket of each connection that it has
// accepted, for ever: a third of a kB for each. These are let go here, once the socket is
// closed, its message gone, and that reference the only one at two sweeps. Where libsoup
// has been corrected there is none left to find. Thread: the server's.
void let_left_sockets_go (SoupServer *server,
    unsigned interval_ms = kSweepIntervalMs);

} // namespace restream::whep
