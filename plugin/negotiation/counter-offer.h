// SPDX-License-Identifier: LGPL-2.1-or-later
// The server's own offer (WHEP's counter-offer), and the viewer's answer to it.
#pragma once

#include "plugin/negotiation/plan.h"

#include <string>
#include <string_view>

namespace restream::negotiation {

// An offer of all that the stream has (JSEP 5.2.1; WHEP W05, W09, W29, W30): each medium sendonly in one codec,
// bundled, with all of local's candidates. local.streams has their SSRCs.
std::string make_offer (const StreamDescription &stream,
    const TransportCapabilities &transport, const LocalDescription &local);

// The plan that the viewer's answer to make_offer() makes. An answer has the form of an offer to receive
// with the choices made, so it is read as one. Errors: bad_request, too_large, unprocessable (it
// takes nothing of the stream).
Result<Plan> read_answer (std::string_view answer,
    const StreamDescription &stream, const TransportCapabilities &transport);

} // namespace restream::negotiation
