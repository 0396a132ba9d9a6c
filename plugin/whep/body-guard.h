// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libsoup/soup.h>

#include <cstddef>

namespace restream::whep {

// A client that is refused is read on up to here, without keeping anything, so
// that it gets to see its answer; over it the connection is closed.
inline constexpr std::size_t kMaxDrainBytes = 16 * 1024 * 1024;
inline constexpr unsigned kBodyTimeoutMs = 10000;

// Bounds what the body of a request costs us: over max_bytes it is answered 413
// and no longer kept (libsoup would collect any length before it calls a
// handler), and a body that takes longer than timeout_ms, or has a negative length
// (over which libsoup warns), closes the connection. For early handlers, of every
// method. Again on the same message: the new bound holds.
// Thread: the server's.
void guard_body (SoupServerMessage *msg, std::size_t max_bytes,
    unsigned timeout_ms = kBodyTimeoutMs);

// Guards every request of a server that no early handler has guarded.
void guard_all_bodies (SoupServer *server, std::size_t max_bytes);

} // namespace restream::whep
