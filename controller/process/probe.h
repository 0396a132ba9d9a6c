// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/ffmpeg-process.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// What FFmpeg says of its inputs.
struct ProbeResult
{
  std::vector<StreamInfo> streams;
  std::vector<std::string> log;

  void write (JsonWriter &json) const;
};

// An FFmpeg without outputs, which tells what it finds in its inputs and ends. Thread: main.
class Probe
{
public:
  using Done = std::function<void (const ProbeResult &)>;
  static constexpr unsigned kTimeoutMs = 20000;

  // arguments: FFmpeg's, up to the last input.
  Probe (const std::string &id, FfmpegSettings settings,
      std::vector<std::string> arguments, unsigned timeout_ms = kTimeoutMs);
  // Kills FFmpeg, and answers with what there is.
  ~Probe ();
  Probe (const Probe &) = delete;
  Probe &operator= (const Probe &) = delete;

  // done is called once, maybe at once. It may destroy the probe.
  void wait (Done done);
  bool running () const { return process_->running (); }

private:
  ProbeResult result () const;
  void answer ();

  const std::shared_ptr<FfmpegProcess> process_;
  std::vector<Done> waiters_;
  Timer timeout_;
  bool timed_out_ = false;
};

} // namespace restream
