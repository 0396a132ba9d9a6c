// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/viewer.h"

namespace restream::transport {

const char *
name_of (ViewerState state)
{
  switch (state) {
    case ViewerState::created:
      return "new";
    case ViewerState::connecting:
      return "connecting";
    case ViewerState::connected:
      return "connected";
    case ViewerState::disconnected:
      return "disconnected";
    case ViewerState::failed:
      return "failed";
    case ViewerState::closed:
      return "closed";
  }
  return "unknown";
}

} // namespace restream::transport
