// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-record.h"

#include <functional>
#include <string>

namespace restream {

// Where the manager's state is kept. Thread: main.
class StateStore
{
public:
  using Done = std::function<void (Result<void>)>;

  virtual ~StateStore () = default;
  // The state as it is to be from the next commit on. An error: there is no room, nothing has changed.
  virtual Result<void> put (const ProcessRecord &record) = 0;
  virtual void erase (const std::string &id) = 0;
  virtual Result<void> put_app_metadata (const Metadata &metadata) = 0;
  // done, later or at once when there is nothing to write: all that was put before is durable. An error is
  // everybody's who waits: the owner puts back what was, and then they are called.
  virtual void commit (Done done) = 0;
  // Called before the waiting ones get their error.
  virtual void set_on_failure (std::function<void ()> on_failure) = 0;
};

} // namespace restream
