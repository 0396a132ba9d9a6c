// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "controller/process/process-log.h"

#include <cstddef>
#include <functional>
#include <string_view>

namespace restream {

// The read end of a child's pipe, as lines. A child that floods it gets a bounded part of the main loop's
// time, at a priority below everything else; the full pipe then slows the child down. Thread: main.
class LinePipe
{
public:
  using Sink = std::function<void (std::string_view line)>;

  // Owns the descriptor. The sink must not destroy the pipe.
  LinePipe (int fd, Sink sink);
  ~LinePipe ();
  LinePipe (const LinePipe &) = delete;
  LinePipe &operator= (const LinePipe &) = delete;

  // What is left when the child has ended, as far as it is not too much: a grandchild may hold the other end
  // open, and write on.
  void drain ();

private:
  // Returns whether to go on watching.
  bool read (std::size_t limit);
  bool on_readable ();
  void watch ();

  const int fd_;
  const Sink sink_;
  LineSplitter splitter_;
  Ref<GSource> watch_;
  Timer pause_;
  std::int64_t period_began_us_ = 0;
  std::size_t in_period_ = 0;
};

} // namespace restream
