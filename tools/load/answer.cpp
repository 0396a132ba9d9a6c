// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/answer.h"

#include "plugin/negotiation/attributes.h"
#include "plugin/negotiation/offer.h"
#include "plugin/negotiation/text.h"
#include "tools/load/offer.h"

#include <algorithm>

namespace restream::load {

namespace {

using negotiation::Attributes;
using negotiation::Direction;
using negotiation::Offer;
using negotiation::OfferedFormat;
using negotiation::OfferedSection;
using negotiation::TransportAttributes;
using transport::native::Address;

Error
bad (std::string what)
{
  return {Code::bad_request, "the answer " + std::move (what)};
}

struct Candidate
{
  std::uint64_t priority = 0;
  Address address;
};

const VideoFormat *
find_video (std::uint8_t payload_type)
{
  for (const VideoFormat &format : kVideoFormats) {
    if (format.payload_type == payload_type)
      return &format;
  }
  return nullptr;
}

bool
is_our_rtx (std::uint8_t payload_type)
{
  return std::any_of (std::begin (kVideoFormats), std::end (kVideoFormats),
      [&] (
          const VideoFormat &f) { return f.rtx_payload_type == payload_type; });
}

// The answer's payload types are to be of the offer, and to mean the same.
Payload
meaning_of (const OfferedFormat &format, Media media)
{
  if (media == Media::audio)
    return format.payload_type == kAudioPayloadType
            && format.encoding_name == "OPUS"
        ? Payload::audio
        : Payload::unknown;
  if (format.encoding_name == "H264" && find_video (format.payload_type))
    return Payload::video;
  if (format.encoding_name == "RTX" && is_our_rtx (format.payload_type))
    return Payload::rtx;
  return Payload::unknown;
}

Result<void>
read_formats (const OfferedSection &section, Media media, Answer &answer)
{
  auto formats = negotiation::read_formats (section);
  if (!formats)
    return formats.error ().wrap ("the answer");
  bool any = false;
  for (const OfferedFormat &format : *formats) {
    const Payload meaning = meaning_of (format, media);
    answer.payloads[format.payload_type] = meaning;
    any |= meaning == Payload::video || meaning == Payload::audio;
  }
  if (!any)
    return bad (
        std::string ("has no format that was offered for ") + name_of (media));
  return {};
}

void
read_candidates (const Attributes &attributes, const std::string &ufrag,
    std::vector<Candidate> &candidates)
{
  for (std::string_view value : attributes.all ("candidate")) {
    auto text = negotiation::read_candidate (value, ufrag);
    if (!text)
      continue;
    // In canonical form: foundation component transport priority address port …
    const auto words = negotiation::split (*text, ' ');
    const auto priority = negotiation::parse_uint (words[3], UINT32_MAX);
    const auto port = negotiation::parse_uint (words[5], 65535);
    const auto address =
        Address::parse (words[4], static_cast<std::uint16_t> (*port));
    if (words[2] == "UDP" && address)
      candidates.push_back ({*priority, *address});
  }
}

bool
is_bundled (const Offer &description, const Answer &answer)
{
  const auto bundles = negotiation::read_bundles (description.attributes);
  for (Media media : kAllMedia) {
    if (!answer.has (media))
      continue;
    const std::string *mid =
        description.sections[index_of (media)].attributes.find ("mid");
    if (!mid || bundles.size () != 1
        || std::find (bundles[0].begin (), bundles[0].end (), *mid)
            == bundles[0].end ())
      return false;
  }
  return true;
}

} // namespace

Result<Answer>
read_answer (std::string_view text)
{
  Result<Offer> parsed = negotiation::parse_offer (text, "answer");
  if (!parsed)
    return parsed.error ();
  const Offer &description = *parsed;
  if (description.sections.size () != kMediaCount)
    return bad ("has " + std::to_string (description.sections.size ())
        + " media sections, the offer has " + std::to_string (kMediaCount));

  auto session = negotiation::read_transport (description.attributes);
  if (!session)
    return session.error ().wrap ("the answer");

  Answer answer;
  std::optional<negotiation::Setup> setup;
  std::vector<Candidate> candidates;
  bool have_transport = false;
  for (Media media : kAllMedia) {
    const OfferedSection &section = description.sections[index_of (media)];
    if (section.media != name_of (media))
      return bad ("has its media sections in another order than the offer");
    if (section.port == 0)
      continue;
    const Direction direction = negotiation::read_direction (section.attributes,
        description.attributes);
    if (direction != Direction::sendonly && direction != Direction::sendrecv)
      continue;
    if (auto ok = read_formats (section, media, answer); !ok)
      return ok.error ();
    answer.accepted[index_of (media)] = true;

    // Of a bundle the first section speaks for all.
    auto own = negotiation::read_transport (section.attributes);
    if (!own)
      return own.error ().wrap ("the answer");
    const TransportAttributes &from = own->ufrag.empty () ? *session : *own;
    if (!have_transport) {
      have_transport = true;
      answer.ufrag = from.ufrag;
      answer.pwd = from.pwd;
      answer.fingerprints = own->fingerprints.empty () ? session->fingerprints
                                                       : own->fingerprints;
      setup = own->setup ? own->setup : session->setup;
    }
    read_candidates (section.attributes, answer.ufrag, candidates);
  }
  read_candidates (description.attributes, answer.ufrag, candidates);

  if (!have_transport)
    return Error{Code::not_acceptable, "the answer sends neither medium"};
  if (answer.has (Media::video) && answer.has (Media::audio)
      && !is_bundled (description, answer))
    return bad ("does not bundle the media");
  if (answer.ufrag.empty ())
    return bad ("has no ICE credentials");
  if (answer.fingerprints.empty ())
    return bad ("has no fingerprint that is of use");
  if (!setup || *setup == negotiation::Setup::actpass)
    return bad ("does not choose a DTLS role");
  answer.we_are_dtls_client = *setup == negotiation::Setup::passive;

  std::stable_sort (candidates.begin (), candidates.end (),
      [] (const Candidate &a, const Candidate &b) {
        return a.priority > b.priority;
      });
  for (const Candidate &candidate : candidates) {
    if (answer.candidates.size () < Answer::kMaxCandidates
        && std::find (answer.candidates.begin (), answer.candidates.end (),
               candidate.address)
            == answer.candidates.end ())
      answer.candidates.push_back (candidate.address);
  }
  if (answer.candidates.empty ())
    return Error{Code::unprocessable,
        "the answer has no UDP candidate with an IP address"};
  return answer;
}

} // namespace restream::load
