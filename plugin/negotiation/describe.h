// SPDX-License-Identifier: LGPL-2.1-or-later
// The lines that offers and answers have in common.
#pragma once

#include "plugin/negotiation/plan.h"

namespace restream::negotiation {

class SdpWriter
{
public:
  // Writes "text\r\n".
  void line (std::initializer_list<std::string_view> parts);
  void media_line (const Section &section, std::string_view port,
      std::string_view formats);
  void fingerprint (const Fingerprint &fingerprint);
  void setup (Setup setup);
  // rtpmap, rtcp-fb, fmtp, the same for RTX, and extmap.
  void codec (const MediaPlan &plan);
  void extensions (const MediaPlan &plan);
  void ssrc (const MediaPlan &plan, const LocalStream &stream,
      std::string_view cname);
  std::string take () { return std::move (text_); }

private:
  std::string text_;
};

// The payload types of an accepted m-line.
std::string format_list (const MediaPlan &plan);

} // namespace restream::negotiation
