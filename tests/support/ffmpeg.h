// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

#include <gio/gio.h>

#include <string>
#include <vector>

namespace restream::test {

// A program that a test starts; it never outlives it.
class Child
{
public:
  Child (const std::vector<std::string> &argv, GSubprocessFlags flags);
  // Killed.
  ~Child ();
  Child (const Child &) = delete;
  Child &operator= (const Child &) = delete;

  GSubprocess *get () const { return process_.get (); }

private:
  Ref<GSubprocess> process_;
};

// Real FFmpeg: H.264, 30 pictures a second, to a port of rtprestreamsrc, Opus to the
// next one.
class Ffmpeg
{
public:
  explicit Ffmpeg (unsigned port, unsigned group_of_pictures = 6,
      const char *bit_rate = "300k");

private:
  Child child_;
};

} // namespace restream::test
