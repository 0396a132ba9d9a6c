// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/describe.h"
#include "plugin/negotiation/plan.h"

#include <algorithm>

namespace restream::negotiation {

namespace {

// webrtcbin knows one fingerprint per section and checks none that is not
// SHA-256 against it.
const Fingerprint *
preferred (const std::vector<Fingerprint> &fingerprints)
{
  auto it = std::find_if (fingerprints.begin (), fingerprints.end (),
      [] (const Fingerprint &f) { return f.algorithm == "sha-256"; });
  if (it == fingerprints.end ())
    it = fingerprints.begin ();
  return it == fingerprints.end () ? nullptr : &*it;
}

// Of the offered format parameters only those that describe how packets are
// made: webrtcbin intersects the offer with its sink pad's caps, and a
// profile that differs would make the section inactive.
void
relax (Codec &codec)
{
  std::erase_if (codec.parameters, [&] (const auto &parameter) {
    return codec.encoding_name != "H264"
        || parameter.first != "packetization-mode";
  });
}

// The transport does itself what webrtcbin has other ideas about, or none: it takes RED for a part of FEC, and
// GStreamer 1.22 makes elements of header extensions.
void
strip (MediaPlan &media)
{
  relax (media.codec);
  media.red_payload_type.reset ();
  media.extensions.clear ();
  std::erase_if (media.feedback, [] (const std::string &feedback) {
    return feedback != "nack" && feedback != "nack pli";
  });
}

// What webrtcbin gets to see of a section.
struct Shown
{
  Section section;
  bool taken = true; // else inactive
};

std::string
describe (const Plan &plan, std::vector<Shown> sections)
{
  SdpWriter sdp;
  sdp.line ({"v=0"});
  sdp.line ({"o=- 0 0 IN IP4 127.0.0.1"});
  sdp.line ({"s=-"});
  sdp.line ({"t=0 0"});
  std::string bundle = "a=group:BUNDLE";
  for (const Shown &shown : sections)
    bundle += " " + shown.section.mid;
  sdp.line ({bundle});
  if (plan.ice.lite)
    sdp.line ({"a=ice-lite"});

  bool first = true;
  for (Shown &shown : sections) {
    MediaPlan &media = *shown.section.accepted;
    strip (media);
    sdp.media_line (shown.section, "9", format_list (media));
    sdp.line ({"a=mid:", shown.section.mid});
    sdp.line ({"a=ice-ufrag:", plan.ice.ufrag});
    sdp.line ({"a=ice-pwd:", plan.ice.pwd});
    if (plan.ice.trickle)
      sdp.line ({"a=ice-options:trickle"});
    if (const Fingerprint *fingerprint = preferred (plan.fingerprints))
      sdp.fingerprint (*fingerprint);
    sdp.setup (plan.setup);
    sdp.line ({shown.taken ? "a=recvonly" : "a=inactive"});
    sdp.line ({"a=rtcp-mux"});
    sdp.codec (media);
    if (first) {
      for (const std::string &candidate : plan.candidates)
        sdp.line ({"a=candidate:", candidate});
      if (!plan.ice.trickle)
        sdp.line ({"a=end-of-candidates"});
    }
    first = false;
  }
  return sdp.take ();
}

} // namespace

std::string
canonical_offer (const Plan &plan)
{
  std::vector<Shown> sections;
  for (const Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    sections.push_back ({section});
    Section &shown = sections.back ().section;
    // webrtcbin wants a mid for each section.
    if (shown.mid.empty ())
      shown.mid = name_of (section.accepted->media);
    shown.protocol = "UDP/TLS/RTP/SAVPF";
  }
  return describe (plan, std::move (sections));
}

std::string
canonical_answer (const Plan &plan, const Plan &offered,
    const std::vector<std::string> &mids)
{
  std::vector<Shown> sections;
  for (const Section &section : offered.sections) {
    Shown shown{section};
    if (sections.size () < mids.size ())
      shown.section.mid = mids[sections.size ()];
    const MediaPlan *taken = plan.find (section.accepted->media);
    shown.taken = taken;
    if (taken)
      shown.section.accepted = *taken;
    sections.push_back (std::move (shown));
  }
  return describe (plan, std::move (sections));
}

} // namespace restream::negotiation
