// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/sink/engine.h"

#include <gst/gst.h>

#include <memory>

namespace restream::sink {

// What the element's action signals do: each posts to the engine's control thread, and replies through the promise (which
// may be null), also if there is no engine. Thread: any.
void add_viewer (const std::shared_ptr<Engine> &engine,
    const RegistrySettings &settings, const char *offer,
    const GstStructure *options, GstPromise *promise);
void invite_viewer (const std::shared_ptr<Engine> &engine,
    const RegistrySettings &settings, const GstStructure *options,
    GstPromise *promise);
void answer_viewer (const std::shared_ptr<Engine> &engine, const char *id,
    const char *answer, GstPromise *promise);
void update_ice (const std::shared_ptr<Engine> &engine, const char *id,
    const char *fragment, GstPromise *promise);
void remove_viewer (const std::shared_ptr<Engine> &engine, const char *id,
    GstPromise *promise);
void drain (const std::shared_ptr<Engine> &engine, GstClockTime timeout,
    GstPromise *promise);

} // namespace restream::sink
