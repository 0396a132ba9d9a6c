// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/stream-info.h"

#include <string>
#include <string_view>
#include <vector>

namespace restream {

// Reads what FFmpeg 5 to 7 tells of its inputs and outputs before it begins. The lines come from the child, and what is in them partly
// from its sources: bounded, and other lines (such as metadata that looks alike) are passed over. Pure.
class Prelude
{
public:
  static constexpr std::size_t kMaxStreams = 256; // on each side

  void add_line (std::string_view line);
  const std::vector<StreamInfo> &inputs () const { return inputs_; }
  const std::vector<StreamInfo> &outputs () const { return outputs_; }

private:
  enum class Section
  {
    none = 1,
    input,
    output,
    mapping
  };
  struct Coder // of the output's stream
  {
    unsigned index, stream;
    std::string name;
  };

  bool begin_section (std::string_view line);
  void add_stream (std::string_view line);
  void add_mapping (std::string_view line);
  void set_decoder (unsigned index, unsigned stream, std::string_view name);
  void set_encoder (unsigned index, unsigned stream, std::string_view name);

  Section section_ = Section::none;
  std::string address_, format_;
  double duration_s_ = 0;
  std::vector<StreamInfo> inputs_, outputs_;
  std::vector<Coder> encoders_;
};

} // namespace restream
