// SPDX-License-Identifier: LGPL-2.1-or-later
// What single SDP attributes say, each checked against its grammar.
#pragma once

#include "plugin/negotiation/offer.h"
#include "plugin/negotiation/plan.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restream::negotiation {

// A payload type of an RTP section with all that the section says of it.
struct OfferedFormat
{
  std::uint8_t payload_type = 0;
  std::string encoding_name; // upper case; "" = nobody said what it is
  std::uint32_t clock_rate = 0;
  unsigned channels = 1;
  FormatParameters parameters;
  std::vector<std::string> feedback; // its own and those of "*", lower case
};

enum class Direction
{
  sendrecv = 1,
  sendonly,
  recvonly,
  inactive
};

// The transport attributes of a section, or of the session. Empty where the
// text has none.
struct TransportAttributes
{
  std::string ufrag;
  std::string pwd;
  std::vector<Fingerprint> fingerprints; // of the algorithms we trust
  bool weak_fingerprint = false; // there was another one
  std::optional<Setup> setup;
};

Result<TransportAttributes> read_transport (const Attributes &attributes);
Direction read_direction (const Attributes &section, const Attributes &session);
// Of an RTP section: its formats in the offer's order.
Result<std::vector<OfferedFormat>> read_formats (const OfferedSection &section);
// Those that the viewer takes, with an id that fits a one-byte header.
Result<std::vector<HeaderExtension>> read_extensions (
    const Attributes &attributes);
// The candidate in canonical form, or nothing when we cannot use it: another
// component, no IP literal, of other credentials than ufrag, …
std::optional<std::string> read_candidate (std::string_view value,
    std::string_view ufrag);
// The mids of each BUNDLE group.
std::vector<std::vector<std::string>> read_bundles (const Attributes &session);

const std::string *find_parameter (const FormatParameters &parameters,
    std::string_view name);

} // namespace restream::negotiation
