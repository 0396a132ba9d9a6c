// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

namespace restream::src {

// Bytes of a pool buffer: any packet of an Ethernet-sized path, in half a page.
inline constexpr gsize kSlotBytes = 2048;

// A GstBufferPool of kSlotBytes buffers, active. GstBufferPool's own queue
// takes a mutex for each buffer, and a system call whenever it runs empty;
// this one takes neither. It grows with what downstream holds; what comes back
// beyond kMaxIdle is freed.
// Thread: acquire on the streaming thread, release on any.
[[nodiscard]] Ref<GstBufferPool> new_packet_pool ();

inline constexpr guint kMaxIdle = 2048;

} // namespace restream::src
