// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-record.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

inline constexpr unsigned kStateVersion = 4;

// What somebody else has written into the file's objects, and we keep: ",name:value…".
struct OtherMembers
{
  std::string root, metadata;
};

// All that the state file holds.
struct StoredState
{
  std::vector<ProcessRecord> processes;
  Metadata app_metadata;
  OtherMembers others;
};

// bad_request: the text is no state file; unprocessable: it is one of another version.
Result<StoredState> parse_state (std::string_view text);

// Four spaces for each level, as upstream writes it. The text is compact JSON.
std::string indent_json (std::string_view text);

// What stands in the file for one process; both are members of an object, name and value.
struct StatePiece
{
  std::string process, metadata;
};
// The text of the file.
std::string compose_state (
    const std::vector<std::shared_ptr<const StatePiece>> &pieces,
    const std::string &app_metadata, const OtherMembers &others);

// The text is in the folder's file of this name, and will be after a power cut, when it returns without an
// error. Otherwise the file is whole too: the old one, or the new one. May take long.
Result<void> write_durably (int folder, const std::string &name,
    std::string_view text);
// The same for a path.
Result<void> write_durably (const std::string &path, std::string_view text);

// The folder of the state file, ours alone as long as the object lives.
class StateFolder
{
public:
  // Makes the folder if it is not there. An error: it cannot be used, or another daemon has it.
  static Result<std::unique_ptr<StateFolder>> open (const std::string &path);
  ~StateFolder ();
  StateFolder (const StateFolder &) = delete;
  StateFolder &operator= (const StateFolder &) = delete;

  // Empty if there is no file. One that cannot be understood is kept under another name, which is told
  // in set_aside.
  Result<StoredState> load (std::string &set_aside) const;
  // write_durably() of the state file.
  Result<void> write (std::string_view text) const;

  const std::string &path () const { return path_; }

private:
  StateFolder (std::string path, int folder, int lock)
      : path_ (std::move (path)), folder_ (folder), lock_ (lock)
  {
  }
  const std::string path_;
  const int folder_, lock_;
};

} // namespace restream
