// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/ref.h"
#include "plugin/src/port-pair.h"

#include <gst/gst.h>

#include <array>

namespace restream::src {

enum SrcProperty : unsigned
{
  PROP_0,
  PROP_PORT,
  PROP_ADDRESS,
  PROP_VIDEO_CAPS,
  PROP_AUDIO_CAPS,
  PROP_BUFFER_SIZE,
  PROP_TIMEOUT,
  PROP_TAKEOVER_TIME,
  PROP_STATS,
};

// What the application set for the time when the ports are bound. Protected by the element's object lock.
struct SrcSettings
{
  SrcSettings ();
  PortPair::Options ports;
  std::array<Ref<GstCaps>, kMediaCount> caps;
};

void install_src_properties (GObjectClass *klass);
// false: not one of these settings.
bool set_src_property (SrcSettings &settings, unsigned id, const GValue *value);
bool get_src_property (const SrcSettings &settings, unsigned id, GValue *value);

} // namespace restream::src
