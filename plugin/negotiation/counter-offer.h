// SPDX-License-Identifier: LGPL-2.1-or-later
// The server's own offer (WHEP's counter-offer), and the viewer's answer to it.
#pragma once

#include "plugin/negotiation/plan.h"

#include <string>
#include <string_view>

namespace restream::negotiation {

// What is offered of a stream: a section for each medium that it has, video first, in one codec and with the payload
// types of the offer. The rest of a plan is the answer's.
Plan plan_offer (const StreamDescription &stream,
    const TransportCapabilities &transport);

// An offer of all that the stream has (JSEP 5.2.1; WHEP W05, W09, W29, W30): each medium sendonly in one codec,
// bundled, with all of local's candidates. local.streams has their SSRCs; a medium without one for RTX is offered none.
std::string make_offer (const StreamDescription &stream,
    const TransportCapabilities &transport, const LocalDescription &local);

// The plan that the viewer's answer to make_offer() makes. An answer has the form of an offer to receive
// with the choices made, so it is read as one. Errors: bad_request, too_large, unprocessable (it
// takes nothing of the stream, or by other payload types, where the transport must have its own).
Result<Plan> read_answer (std::string_view answer,
    const StreamDescription &stream, const TransportCapabilities &transport);

} // namespace restream::negotiation
