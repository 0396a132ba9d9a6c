// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/config/config-store.h"
#include "controller/http/router.h"

#include <functional>

namespace restream {

// /api/v3/config, and /api/v3/config/reload, which calls reload and answers with its error.
void add_config_routes (Router &router, ConfigStore &store,
    std::function<Result<void> ()> reload);

} // namespace restream
