// SPDX-License-Identifier: LGPL-2.1-or-later
// What the routes about processes share.
#pragma once

#include "controller/http/routes.h"

namespace restream {

using ReplyPtr = std::shared_ptr<Reply>;

extern const ApiError kUnknownProcess;

// The process of the path's id; answers, and returns nullptr, if there is none.
const Task *find_or_answer (const Request &request,
    const ProcessManager &manager);

// An error of the manager: 400 as clients know it, but for what is our state.
ApiError manager_error (const Error &error, const char *message);

} // namespace restream
