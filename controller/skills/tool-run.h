// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"

#include <gio/gio.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// One run of a program whose answer is what it prints: bounded in size and time,
// with an empty environment, killed with its owner and with the daemon.
// Thread: main.
class ToolRun : public std::enable_shared_from_this<ToolRun>
{
public:
  using Done = std::function<void (Result<std::string>)>;
  static constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;
  static constexpr unsigned kTimeoutMs = 10000;

  // done is called later, once, unless the run is dropped before.
  static std::shared_ptr<ToolRun> start (std::vector<std::string> arguments,
      Done done);
  ~ToolRun ();
  ToolRun (const ToolRun &) = delete;
  ToolRun &operator= (const ToolRun &) = delete;

private:
  explicit ToolRun (Done done) : done_ (std::move (done)) {}
  void begin (const std::vector<std::string> &arguments);
  void read ();
  void got (GBytes *bytes, const GError *error);
  void wait ();
  void finish (Result<std::string> result);

  Done done_;
  std::string name_, output_;
  Ref<GSubprocess> child_;
  Ref<GCancellable> cancellable_ =
      Ref<GCancellable>::adopt (g_cancellable_new ());
  Timer timer_;
};

} // namespace restream
