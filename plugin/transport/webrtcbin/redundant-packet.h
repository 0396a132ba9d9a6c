// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"
#include "plugin/transport/header-extensions.h"

#include <cstdint>

namespace restream::transport {

struct RedPayloadTypes
{
  std::uint8_t audio = 0;
  std::uint8_t red = 0;
};

// A packet of audio with the one before in it (RFC 2198), and these header extensions in place of its own. Null: they
// do not go together.
Ref<GstBuffer> redundant_packet (GstBuffer *packet, GstBuffer *before,
    const RedPayloadTypes &types, const HeaderExtensions &extensions);

} // namespace restream::transport
