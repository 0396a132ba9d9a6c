// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/rtcp-reader.h"

namespace restream::transport {

// The time to a viewer and back, from its reports on our sender reports
// (RFC 3550, section 6.4.1).
// Thread: its owner's.
class RoundTrip
{
public:
  // now: when the report came, on the clock of our sender reports. False if
  // the report says nothing of the round trip, or nothing believable.
  bool add (std::uint64_t now_ntp, const ReportBlock &report);

  bool known () const { return known_; }
  // 0 until known. Smoothed as in RFC 6298: an eighth of each new one.
  std::uint64_t smoothed_ns () const { return smoothed_ns_; }
  std::uint64_t last_ns () const { return last_ns_; }

private:
  bool known_ = false;
  std::uint64_t smoothed_ns_ = 0;
  std::uint64_t last_ns_ = 0;
};

} // namespace restream::transport
