// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/sink/hub.h"

namespace restream::sink {

// Tells the application what happens to the stream: warnings for people, and
// element messages for programs.
// Thread: any.
class StreamNotices final : public StreamObserver
{
public:
  // element outlives it.
  explicit StreamNotices (GstElement *element) : element_ (element) {}

  void waiting_for_keyframe (bool waiting) override;
  void b_frames () override;
  void large_packets (Media media, std::size_t bytes) override;
  void codec_changed (Media media, const std::string &what) override;

private:
  GstElement *element_;
};

} // namespace restream::sink
