// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/describe.h"
#include "plugin/negotiation/plan.h"

#include <algorithm>

namespace restream::negotiation {

// webrtcbin knows one fingerprint per section and checks none that is not
// SHA-256 against it.
static const Fingerprint *
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
static void
relax (Codec &codec)
{
  std::erase_if (codec.parameters, [&] (const auto &parameter) {
    return codec.encoding_name != "H264"
        || parameter.first != "packetization-mode";
  });
}

std::string
canonical_offer (const Plan &plan)
{
  std::vector<Section> sections;
  for (const Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    sections.push_back (section);
    // webrtcbin wants a mid for each section.
    if (sections.back ().mid.empty ())
      sections.back ().mid = name_of (section.accepted->media);
    sections.back ().protocol = "UDP/TLS/RTP/SAVPF";
  }

  SdpWriter sdp;
  sdp.line ({"v=0"});
  sdp.line ({"o=- 0 0 IN IP4 127.0.0.1"});
  sdp.line ({"s=-"});
  sdp.line ({"t=0 0"});
  std::string bundle = "a=group:BUNDLE";
  for (const Section &section : sections)
    bundle += " " + section.mid;
  sdp.line ({bundle});
  if (plan.ice.lite)
    sdp.line ({"a=ice-lite"});

  bool first = true;
  for (Section &section : sections) {
    MediaPlan &media = *section.accepted;
    relax (media.codec);
    for (HeaderExtension &extension : media.extensions)
      extension.one_way = false;
    sdp.media_line (section, "9", format_list (media));
    sdp.line ({"a=mid:", section.mid});
    sdp.line ({"a=ice-ufrag:", plan.ice.ufrag});
    sdp.line ({"a=ice-pwd:", plan.ice.pwd});
    if (plan.ice.trickle)
      sdp.line ({"a=ice-options:trickle"});
    if (const Fingerprint *fingerprint = preferred (plan.fingerprints))
      sdp.fingerprint (*fingerprint);
    sdp.setup (plan.setup);
    sdp.line ({"a=recvonly"});
    sdp.line ({"a=rtcp-mux"});
    sdp.codec (media);
    sdp.extensions (media);
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

} // namespace restream::negotiation
