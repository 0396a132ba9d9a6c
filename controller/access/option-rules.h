// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/access/path-rules.h"

#include <functional>
#include <string>
#include <vector>

namespace restream {

// Walks FFmpeg's options as FFmpeg does, and tells the first that names what it may not: a file out of the
// folders, an input or output of its own that is not allowed, or what would do away with FFmpeg's own
// safeguards. check_input, check_output: for addresses among the options. Pure.
Result<void> check_options (const std::vector<std::string> &options,
    const PathRules &paths,
    const std::function<Result<void> (const std::string &)> &check_input,
    const std::function<Result<void> (const std::string &)> &check_output);

// The format that the options force (-f); empty if none.
std::string forced_format (const std::vector<std::string> &options);

} // namespace restream
