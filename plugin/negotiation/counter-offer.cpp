// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/counter-offer.h"

#include "plugin/negotiation/attributes.h"
#include "plugin/negotiation/describe.h"

#include <algorithm>

namespace restream::negotiation {

namespace {

constexpr std::uint8_t kVideoType = 96, kRtxType = 97, kAudioType = 111;

// What an offer says of a codec. Parameter sets go in-band.
Codec
offered (const Codec &codec)
{
  Codec out = codec;
  std::erase_if (out.parameters, [] (const auto &parameter) {
    return parameter.first.starts_with ("sprop-");
  });
  if (codec.encoding_name == "OPUS")
    out.channels = 2; // RFC 7587, section 7: always, whatever is sent
  if (codec.encoding_name == "H264") {
    auto have = [&] (const char *name, const char *value) {
      if (!find_parameter (out.parameters, name))
        out.parameters.emplace_back (name, value);
    };
    have ("level-asymmetry-allowed", "1");
    have ("packetization-mode", "1");
    have ("profile-level-id", "42e01f");
  }
  return out;
}

MediaPlan
plan_of (Media media, const Codec &codec,
    const TransportCapabilities &transport)
{
  bool video = media == Media::video;
  MediaPlan plan;
  plan.media = media;
  plan.codec = offered (codec);
  plan.payload_type = video ? kVideoType : kAudioType;
  if (video && transport.rtx)
    plan.rtx_payload_type = kRtxType;
  for (const std::string &feedback : transport.feedback)
    if (video || feedback == "transport-cc")
      plan.feedback.push_back (feedback);
  unsigned id = 1;
  for (const std::string &uri : transport.extensions)
    plan.extensions.push_back ({id++, uri});
  return plan;
}

// Does the answer take each medium by the payload types that it was offered with?
Result<void>
check_payload_types (const Plan &answer, const Plan &offer)
{
  for (Media media : kAllMedia) {
    const MediaPlan *taken = answer.find (media);
    const MediaPlan *offered = offer.find (media);
    if (!taken || !offered)
      continue;
    if (taken->payload_type != offered->payload_type
        || (taken->rtx_payload_type
            && taken->rtx_payload_type != offered->rtx_payload_type))
      return Error{Code::unprocessable,
          std::string ("the answer takes the ") + name_of (media)
              + " by other payload types (" + format_list (*taken)
              + ") than were offered (" + format_list (*offered) + ")"};
  }
  return {};
}

} // namespace

Plan
plan_offer (const StreamDescription &stream,
    const TransportCapabilities &transport)
{
  Plan plan;
  for (Media media : kAllMedia) {
    const std::optional<Codec> &codec =
        media == Media::video ? stream.video : stream.audio;
    if (!codec)
      continue;
    Section section;
    section.media = name_of (media);
    section.protocol = "UDP/TLS/RTP/SAVPF";
    section.mid = std::to_string (plan.sections.size ());
    section.accepted = plan_of (media, *codec, transport);
    section.formats = format_list (*section.accepted);
    plan.bundle.push_back (section.mid);
    plan.sections.push_back (std::move (section));
  }
  return plan;
}

std::string
make_offer (const StreamDescription &stream,
    const TransportCapabilities &transport, const LocalDescription &local)
{
  const Plan plan = plan_offer (stream, transport);
  std::string group = "a=group:BUNDLE";
  for (const std::string &mid : plan.bundle)
    group += " " + mid;
  SdpWriter sdp;
  sdp.line ({"v=0"});
  sdp.line ({"o=- ", std::to_string (local.session_id & INT64_MAX),
      " 1 IN IP4 127.0.0.1"});
  sdp.line ({"s=-"});
  sdp.line ({"t=0 0"});
  sdp.line ({group});
  if (local.transport.ice.lite)
    sdp.line ({"a=ice-lite"});

  for (const Section &section : plan.sections) {
    MediaPlan media = *section.accepted;
    auto sent = std::find_if (local.streams.begin (), local.streams.end (),
        [&] (const LocalStream &s) { return s.media == media.media; });
    if (sent == local.streams.end () || !sent->rtx_ssrc)
      media.rtx_payload_type.reset ();
    sdp.media_line (section, "9", format_list (media));
    sdp.line ({"a=mid:", section.mid});
    sdp.line ({"a=sendonly"});
    sdp.line ({"a=msid:", local.stream_id, " ", name_of (media.media)});
    sdp.line ({"a=ice-ufrag:", local.transport.ice.ufrag});
    sdp.line ({"a=ice-pwd:", local.transport.ice.pwd});
    sdp.fingerprint (local.transport.fingerprint);
    sdp.setup (Setup::actpass);
    sdp.line ({"a=rtcp-mux"});
    sdp.line ({"a=rtcp-mux-only"});
    sdp.codec (media);
    sdp.extensions (media);
    if (sent != local.streams.end ())
      sdp.ssrc (media, *sent, local.cname);
    if (&section == &plan.sections.front ()) {
      for (const std::string &candidate : local.transport.candidates)
        sdp.line ({"a=candidate:", candidate});
      sdp.line ({"a=end-of-candidates"});
    }
  }
  return sdp.take ();
}

Result<Plan>
read_answer (std::string_view answer, const StreamDescription &stream,
    const TransportCapabilities &transport)
{
  Result<Plan> plan = make_plan (answer, stream, transport);
  if (!plan
      && (plan.error ().code == Code::not_acceptable
          || plan.error ().code == Code::no_receiver))
    return Error{Code::unprocessable,
        "the answer takes nothing of the stream: " + plan.error ().what};
  if (!plan)
    return plan.error ().wrap ("the answer, read as what its viewer receives");
  if (plan->setup == Setup::actpass)
    return Error{Code::bad_request,
        "the answer's setup is actpass; an answer chooses (RFC 8842)"};
  if (transport.fixed_payload_types)
    if (Result<void> kept =
            check_payload_types (*plan, plan_offer (stream, transport));
        !kept)
      return kept.error ();
  return plan;
}

} // namespace restream::negotiation
