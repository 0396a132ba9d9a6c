// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/counter-offer.h"

#include "plugin/negotiation/attributes.h"
#include "plugin/negotiation/describe.h"

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

} // namespace

std::string
make_offer (const StreamDescription &stream,
    const TransportCapabilities &transport, const LocalDescription &local)
{
  std::vector<LocalStream> streams;
  std::string group = "a=group:BUNDLE";
  for (const LocalStream &sent : local.streams) {
    if (!(sent.media == Media::video ? stream.video : stream.audio))
      continue;
    group += " " + std::to_string (streams.size ());
    streams.push_back (sent);
  }
  SdpWriter sdp;
  sdp.line ({"v=0"});
  sdp.line ({"o=- ", std::to_string (local.session_id & INT64_MAX),
      " 1 IN IP4 127.0.0.1"});
  sdp.line ({"s=-"});
  sdp.line ({"t=0 0"});
  sdp.line ({group});
  if (local.transport.ice.lite)
    sdp.line ({"a=ice-lite"});

  for (std::size_t i = 0; i < streams.size (); i++) {
    const LocalStream &sent = streams[i];
    MediaPlan media = plan_of (sent.media,
        sent.media == Media::video ? *stream.video : *stream.audio, transport);
    Section section;
    section.media = name_of (sent.media);
    section.protocol = "UDP/TLS/RTP/SAVPF";
    sdp.media_line (section, "9", format_list (media));
    sdp.line ({"a=mid:", std::to_string (i)});
    sdp.line ({"a=sendonly"});
    sdp.line ({"a=msid:", local.stream_id, " ", name_of (sent.media)});
    sdp.line ({"a=ice-ufrag:", local.transport.ice.ufrag});
    sdp.line ({"a=ice-pwd:", local.transport.ice.pwd});
    sdp.fingerprint (local.transport.fingerprint);
    sdp.setup (Setup::actpass);
    sdp.line ({"a=rtcp-mux"});
    sdp.line ({"a=rtcp-mux-only"});
    sdp.codec (media);
    sdp.extensions (media);
    sdp.ssrc (media, sent, local.cname);
    if (i == 0) {
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
  return plan;
}

} // namespace restream::negotiation
