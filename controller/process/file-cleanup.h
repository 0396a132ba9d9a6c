// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-config.h"

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace restream {

enum class CleanupKind
{
  regular = 1, // by number and age
  purge // all files of the rules that say so
};

struct CleanupResult
{
  std::size_t removed = 0;
  std::string error; // the first one; "" = none
};

// The part of the rule's pattern that is about the files below the folder: "disk:/x", "diskfs:/x", "mem:/x" and
// "memfs:/x" (the folder "memfs" in it), or the folder's own path. nullopt = the rule is about other files.
std::optional<std::string> cleanup_pattern (const CleanupRule &rule,
    const std::string &folder);

// Removes the regular files that the rules say. Looks at a bounded number of files, never at what is
// outside of the folder, follows no symbolic link. Waits for the disk. Thread: any.
CleanupResult clean_up_files (const std::string &folder,
    const std::vector<CleanupRule> &rules, CleanupKind kind,
    const std::atomic<bool> &cancelled);

} // namespace restream
