// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "tests/src/packets.h"

#include <cstdint>
#include <string>
#include <vector>

namespace restream::sinktest {

// The packets of one medium, as one FFmpeg after the other would send them.
class Sender
{
public:
  Sender (Media media, const std::string &encoding_name);

  // As FFmpeg number count: another SSRC, sequence, timestamp and payload type.
  void restart (unsigned count);
  unsigned run () const { return run_; }

  // One picture or one frame of sound.
  std::vector<packets::Bytes> next ();

private:
  void load (const std::string &encoding_name);
  std::vector<packets::Bytes> next_sound ();
  std::vector<packets::Bytes> next_recorded ();
  std::vector<packets::Bytes> next_h264 ();
  void add (std::vector<packets::Bytes> &out, bool marker);

  Media media_;
  std::uint32_t clock_rate_;
  // The payloads of each picture; none: H.264 of our own making.
  std::vector<std::vector<packets::Bytes>> recorded_;
  packets::Rtp rtp_;
  unsigned run_ = 0, picture_ = 0;
};

} // namespace restream::sinktest
