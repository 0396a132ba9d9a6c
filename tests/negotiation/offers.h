// SPDX-License-Identifier: LGPL-2.1-or-later
// The offers of index.tsv, for every test that feeds offers to something.
#pragma once

#include "plugin/negotiation/plan.h"

#include <string>
#include <vector>

namespace restream::test {

struct OfferCase
{
  std::string file; // relative to tests/negotiation
  std::string verdict; // "video+audio", "video", "audio", or an error's name
  unsigned http_status = 0;
  std::string comment;
  std::string text;

  bool accepted () const { return http_status == 201; }
};

// Aborts when the index or a file is missing or wrong.
std::vector<OfferCase> load_offers ();

// H.264 and Opus, as FFmpeg makes them.
negotiation::StreamDescription default_stream ();
negotiation::TransportCapabilities full_transport ();
negotiation::LocalDescription local_description ();
const char *name_of (Code code);

} // namespace restream::test
