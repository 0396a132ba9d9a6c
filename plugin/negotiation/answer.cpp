// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/describe.h"
#include "plugin/negotiation/plan.h"

#include <algorithm>

namespace restream::negotiation {

// An answer must choose a side, and not the viewer's (RFC 8842, section 5.3).
static Setup
answered_setup (Setup offered, Setup local)
{
  if (offered == Setup::active)
    return Setup::passive;
  if (offered == Setup::passive)
    return Setup::active;
  return local == Setup::active ? Setup::active : Setup::passive;
}

static void
write_transport (SdpWriter &sdp, const Plan &plan,
    const LocalTransport &transport)
{
  sdp.line ({"a=ice-ufrag:", transport.ice.ufrag});
  sdp.line ({"a=ice-pwd:", transport.ice.pwd});
  if (transport.ice.trickle)
    sdp.line ({"a=ice-options:trickle"});
  sdp.fingerprint (transport.fingerprint);
  sdp.setup (answered_setup (plan.setup, transport.setup));
}

static void
write_accepted (SdpWriter &sdp, const Plan &plan, const Section &section,
    const LocalDescription &local)
{
  const MediaPlan &media = *section.accepted;
  sdp.media_line (section, "9", format_list (media));
  if (!section.mid.empty ())
    sdp.line ({"a=mid:", section.mid});
  sdp.line ({"a=sendonly"});
  sdp.line ({"a=msid:", local.stream_id, " ", name_of (media.media)});
  write_transport (sdp, plan, local.transport);
  sdp.line ({"a=rtcp-mux"});
  sdp.line ({"a=rtcp-mux-only"});
  sdp.codec (media);
  sdp.extensions (media);
  auto stream = std::find_if (local.streams.begin (), local.streams.end (),
      [&] (const LocalStream &s) { return s.media == media.media; });
  if (stream != local.streams.end ())
    sdp.ssrc (media, *stream, local.cname);
}

// Nothing but the port has a meaning in a section that is refused (RFC 9429, section 5.3.1). The
// transport is for GStreamer's viewers: webrtcbin takes no answer with a section without.
static void
write_rejected (SdpWriter &sdp, const Plan &plan, const Section &section,
    const LocalTransport &transport)
{
  sdp.media_line (section, "0", section.formats);
  if (!section.mid.empty ())
    sdp.line ({"a=mid:", section.mid});
  write_transport (sdp, plan, transport);
  sdp.line ({"a=inactive"});
}

std::string
make_answer (const Plan &plan, const LocalDescription &local)
{
  SdpWriter sdp;
  sdp.line ({"v=0"});
  // JSEP, section 5.2.1: the id has to fit 63 bits.
  sdp.line ({"o=- ", std::to_string (local.session_id & INT64_MAX),
      " 1 IN IP4 127.0.0.1"});
  sdp.line ({"s=-"});
  sdp.line ({"t=0 0"});
  if (!plan.bundle.empty ()) {
    std::string group = "a=group:BUNDLE";
    for (const std::string &mid : plan.bundle)
      group += " " + mid;
    sdp.line ({group});
  }
  if (local.transport.ice.lite)
    sdp.line ({"a=ice-lite"});

  // Candidates belong to the section that the transport goes by: the group's first.
  auto carrier = std::find_if (plan.sections.begin (), plan.sections.end (),
      [&] (const Section &section) {
        return section.accepted
            && (plan.bundle.empty () || section.mid == plan.bundle.front ());
      });
  for (auto section = plan.sections.begin (); section != plan.sections.end ();
       ++section) {
    if (!section->accepted) {
      write_rejected (sdp, plan, *section, local.transport);
      continue;
    }
    write_accepted (sdp, plan, *section, local);
    if (section == carrier) {
      for (const std::string &candidate : local.transport.candidates)
        sdp.line ({"a=candidate:", candidate});
      sdp.line ({"a=end-of-candidates"});
    }
  }
  return sdp.take ();
}

} // namespace restream::negotiation
