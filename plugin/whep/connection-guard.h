// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libsoup/soup.h>

#include <cstddef>

namespace restream::whep {

inline constexpr unsigned kHeaderTimeoutMs = 10000;

// Ends connections that have not sent a request's head (with TLS: shaken hands, too) in time, and those over
// the number. libsoup itself bounds the head's size (64 KiB), waits for it for ever, and listens no more once
// it has run out of descriptors.
void guard_connections (SoupServer *server, std::size_t max_connections,
    unsigned header_timeout_ms = kHeaderTimeoutMs);

// Half of what the process may open.
std::size_t default_max_connections ();

} // namespace restream::whep
