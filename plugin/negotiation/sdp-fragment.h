// SPDX-License-Identifier: LGPL-2.1-or-later
// Fragments of SDP that carry ICE alone (RFC 8840, section 9): what a viewer sends when it trickles candidates
// or restarts ICE, and our answer to a restart.
#pragma once

#include "plugin/negotiation/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace restream::negotiation {

inline constexpr std::size_t kMaxFragmentBytes = 64 * 1024;
inline constexpr std::size_t kMaxFragmentLines = 1024;

// What a fragment says to one session.
struct IceUpdate
{
  bool restart = false; // the credentials are new ones
  IceParameters ice; // of a restart: the viewer's from now on
  std::vector<std::string>
      candidates; // usable ones, in the plan's form; kMaxCandidates at most
};

// Reads a fragment for the session with this plan, whose viewer has the credentials ice now. Errors:
// bad_request (malformed, or only half of the credentials are new), too_large,
// unprocessable (of other media sections than the session's). Candidates that cannot be used are left out.
Result<IceUpdate> read_fragment (std::string_view text, const Plan &plan,
    const IceParameters &ice);

// Our side of a restart, in the terms of the answer to the plan (W26, W27).
std::string make_fragment (const Plan &plan, const LocalTransport &local);

} // namespace restream::negotiation
