// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/access/option-rules.h"
#include "controller/access/path-rules.h"
#include "controller/access/patterns.h"
#include "controller/process/process-config.h"

#include <optional>
#include <string>
#include <vector>

namespace restream {

// Whose files have to be in the storage folder.
enum class Confine
{
  nothing = 1,
  outputs, // as upstream has it
  everything // inputs too, and what options name
};

// "everything", "outputs", "nothing".
std::optional<Confine> parse_confine (const std::string &text);

struct AccessSettings
{
  std::vector<std::string> input_allow, input_block;
  std::vector<std::string> output_allow, output_block;
  Confine confine = Confine::everything;
  std::string storage_dir;
  std::vector<std::string>
      other_dirs; // inputs and options may name files here too
  std::string working_dir; // of FFmpeg; absolute
};

// Which addresses and options FFmpeg may be given. Looks at configurations whose placeholders and
// references are resolved. Immutable; pure.
class AccessRules
{
public:
  static Result<AccessRules> create (const AccessSettings &settings);

  // options: those of the input, for the format that they force.
  Result<void> check_input (const std::string &address,
      const std::vector<std::string> &options = {}) const;
  Result<void> check_output (const std::string &address) const;
  // All of it; the error says where, as upstream does.
  Result<void> check (const ProcessConfig &config) const;

private:
  AccessRules (AllowBlock input, AllowBlock output, PathRules paths,
      bool confine)
      : input_ (std::move (input)), output_ (std::move (output)),
        paths_ (std::move (paths)), confine_ (confine)
  {
  }
  Result<void> check_output (std::string_view address, unsigned depth) const;
  Result<void> check_all_options (const std::vector<std::string> &options,
      const std::string &what) const;

  AllowBlock input_, output_;
  PathRules paths_;
  bool confine_;
};

} // namespace restream
