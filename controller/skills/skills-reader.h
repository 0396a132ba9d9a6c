// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "controller/skills/skills.h"
#include "controller/skills/tool-run.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace restream {

// Asks FFmpeg what it can do, once, and again when told to. Thread: main.
class SkillsReader
{
public:
  using Done = std::function<void (const Result<Skills> &)>;

  explicit SkillsReader (std::string binary) : binary_ (std::move (binary)) {}

  // done is called at once if the skills are known, else when they are. What could
  // not be read is tried again by the next one who asks.
  void get (Done done);
  // Asks FFmpeg anew. Who asks while it is being asked gets the same answer.
  void reload (Done done);

private:
  void ask ();
  void answered (Result<std::string> text);
  void finish (Result<Skills> result);

  const std::string binary_;
  std::optional<Skills> known_;
  std::vector<Done> waiting_;
  std::shared_ptr<ToolRun> run_;
  std::size_t question_ = 0;
  Skills found_;
};

} // namespace restream
