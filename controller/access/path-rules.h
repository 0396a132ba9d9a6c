// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace restream {

// The path from the root on, without "." and "..". Links are not followed.
std::string absolute_path (std::string_view path,
    const std::string &working_folder);

// The folders in which FFmpeg's files may be. Pure: paths are compared as text, links are not followed.
class PathRules
{
public:
  // home: the storage folder; others: further ones for all but outputs. All absolute.
  // working_folder: where relative names begin.
  PathRules (std::string home, std::vector<std::string> others,
      std::string working_folder);

  std::string absolute (std::string_view path) const
  {
    return absolute_path (path, working_folder_);
  }
  // "<path> is not inside of <home>"; /dev is everybody's.
  Result<void> check_output (std::string_view path) const;
  Result<void> check_other (std::string_view path) const;
  // Looks for whatever in the text could name a file from the root on, or by going up: what options, filter
  // graphs, and URLs within them contain.
  Result<void> check_text (std::string_view text) const;

private:
  const std::string home_;
  std::vector<std::string> others_;
  const std::string working_folder_;
};

// Does the address begin with a scheme (upstream's reading of it)?
bool has_scheme (std::string_view address);
// The scheme's name; empty if there is none.
std::string_view scheme_of (std::string_view address);
// Does FFmpeg reach something over a network by it?
bool is_network_scheme (std::string_view scheme);
// Is there no way to read it as a URL?
bool is_broken_url (std::string_view address);

} // namespace restream
