// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/plan.h"

#include "plugin/negotiation/attributes.h"
#include "plugin/negotiation/codec-match.h"
#include "plugin/negotiation/text.h"

#include <algorithm>
#include <array>

namespace restream::negotiation {

namespace {

// JSEP, section 5.1.2: what a WebRTC m-line may call itself.
constexpr std::array kProtocols = {"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"};

constexpr std::size_t kMaxMid = 64;
constexpr std::string_view kMidExtension =
    "urn:ietf:params:rtp-hdrext:sdes:mid";

template <typename C, typename V>
bool
contains (const C &container, const V &value)
{
  return std::find (std::begin (container), std::end (container), value)
      != std::end (container);
}

// A section that passed all checks.
struct Usable
{
  std::size_t section = 0;
  MediaPlan plan;
  TransportAttributes transport;
};

class Planner
{
public:
  Planner (const Offer &offer, const StreamDescription &stream,
      const TransportCapabilities &capabilities)
      : offer_ (offer), stream_ (stream), capabilities_ (capabilities)
  {
  }

  Result<Plan> run ();

private:
  Result<void> read_mids ();
  Result<void> read_groups ();
  Result<void> choose (Media media);
  Result<Usable> examine (std::size_t index, Media media, const Codec &codec);
  Result<TransportAttributes> transport_of (std::size_t index);
  Result<void> check_bundle (const Usable &a, const Usable &b) const;
  void accept (Usable &usable);
  void read_candidates (std::size_t anchor);
  Error nothing_usable () const;
  bool same_bundle (std::size_t a, std::size_t b) const;
  const Codec *codec_of (Media media) const;
  void note (std::size_t index, std::string_view why);

  const Offer &offer_;
  const StreamDescription &stream_;
  const TransportCapabilities &capabilities_;
  std::vector<std::string> mids_; // of each section, may be empty
  std::vector<std::vector<std::string>> bundles_;
  std::optional<TransportAttributes> session_;
  std::optional<Usable> usable_[kMediaCount];
  std::string notes_; // why sections were passed over, for the refusal
  Plan plan_;
};

const Codec *
Planner::codec_of (Media media) const
{
  const auto &codec = media == Media::video ? stream_.video : stream_.audio;
  return codec ? &*codec : nullptr;
}

void
Planner::note (std::size_t index, std::string_view why)
{
  if (notes_.size () > 400)
    return;
  notes_ += (notes_.empty () ? "" : "; ")
      + ("section " + std::to_string (index)) + " ("
      + offer_.sections[index].media.substr (0, 16) + ") " + std::string (why);
}

Result<void>
Planner::read_mids ()
{
  for (const OfferedSection &section : offer_.sections) {
    const std::string *mid = section.attributes.find ("mid");
    if (!mid) {
      mids_.emplace_back ();
      continue;
    }
    if (!is_token (*mid) || mid->size () > kMaxMid)
      return Error{Code::bad_request,
          "mid " + quote (*mid) + " is not a token of up to "
              + std::to_string (kMaxMid) + " characters"};
    if (contains (mids_, *mid))
      return Error{Code::bad_request,
          "mid " + quote (*mid) + " is there twice"};
    mids_.push_back (*mid);
  }
  return {};
}

Result<void>
Planner::read_groups ()
{
  bundles_ = read_bundles (offer_.attributes);
  std::vector<std::string_view> seen;
  for (const auto &bundle : bundles_) {
    for (const std::string &mid : bundle) {
      if (!contains (mids_, mid))
        return Error{Code::bad_request,
            "BUNDLE group names mid " + quote (mid) + ", which no section has"};
      if (contains (seen, mid))
        return Error{Code::bad_request,
            "mid " + quote (mid) + " is in BUNDLE groups twice"};
      seen.push_back (mid);
    }
  }
  return {};
}

bool
Planner::same_bundle (std::size_t a, std::size_t b) const
{
  return std::any_of (bundles_.begin (), bundles_.end (),
      [&] (const auto &bundle) {
        return contains (bundle, mids_[a]) && contains (bundle, mids_[b]);
      });
}

// Its own attributes before the session's; a bundled section may leave them
// all to the group's first one (RFC 9143, section 7.1).
Result<TransportAttributes>
Planner::transport_of (std::size_t index)
{
  Result<TransportAttributes> own =
      read_transport (offer_.sections[index].attributes);
  if (!own)
    return own;
  if (!session_) {
    Result<TransportAttributes> session = read_transport (offer_.attributes);
    if (!session)
      return session;
    session_ = std::move (*session);
  }
  auto fill = [&own = *own] (const TransportAttributes &from) {
    if (own.ufrag.empty ()) {
      own.ufrag = from.ufrag;
      own.pwd = from.pwd;
    }
    if (own.fingerprints.empty () && !own.weak_fingerprint) {
      own.fingerprints = from.fingerprints;
      own.weak_fingerprint = from.weak_fingerprint;
    }
    if (!own.setup)
      own.setup = from.setup;
  };
  fill (*session_);
  for (const auto &bundle : bundles_) {
    if (!contains (bundle, mids_[index]) || bundle.front () == mids_[index])
      continue;
    auto tagged = static_cast<std::size_t> (
        std::find (mids_.begin (), mids_.end (), bundle.front ())
        - mids_.begin ());
    Result<TransportAttributes> first =
        read_transport (offer_.sections[tagged].attributes);
    if (first)
      fill (*first);
  }
  return own;
}

// Can this section receive the medium? not_acceptable: no, but another may;
// any other error is the whole offer's.
Result<Usable>
Planner::examine (std::size_t index, Media media, const Codec &codec)
{
  const OfferedSection &section = offer_.sections[index];
  const Attributes &attributes = section.attributes;
  auto passed_over = [&] (std::string why) {
    return Error{Code::not_acceptable, std::move (why)};
  };
  bool bundle_only =
      attributes.has ("bundle-only") && same_bundle (index, index);
  if (section.port == 0 && !bundle_only)
    return passed_over ("is switched off (port 0)");
  if (!contains (kProtocols, section.protocol))
    return passed_over ("has protocol " + quote (section.protocol));
  Direction direction = read_direction (attributes, offer_.attributes);
  if (direction == Direction::sendonly || direction == Direction::inactive)
    return passed_over (direction == Direction::sendonly
            ? "is sendonly, nothing could be sent to it"
            : "is inactive");

  auto broken = [&] (const Error &error) {
    return error.wrap ("the offer's section " + std::to_string (index) + " ("
        + section.media + ")");
  };
  auto lacks = [&] (const char *what) {
    return broken ({Code::bad_request, what});
  };
  Result<std::vector<OfferedFormat>> formats = read_formats (section);
  if (!formats)
    return broken (formats.error ());
  Result<CodecMatch> match = match_codec (codec, *formats);
  if (!match) {
    return Error{Code::unprocessable,
        "the offer's " + section.media + " section: " + match.error ().what};
  }
  Result<TransportAttributes> transport = transport_of (index);
  if (!transport)
    return broken (transport.error ());
  if (transport->ufrag.empty ())
    return lacks ("no ice-ufrag and ice-pwd");
  if (transport->fingerprints.empty ())
    return lacks (transport->weak_fingerprint
            ? "no fingerprint of sha-256, sha-384 or sha-512"
            : "no fingerprint");
  if (!attributes.has ("rtcp-mux") && !bundle_only)
    return lacks ("no rtcp-mux");
  Result<std::vector<HeaderExtension>> extensions =
      read_extensions (attributes);
  if (!extensions)
    return broken (extensions.error ());

  Usable usable;
  usable.section = index;
  usable.transport = std::move (*transport);
  usable.plan.media = media;
  usable.plan.codec = std::move (match->codec);
  usable.plan.payload_type = match->payload_type;
  if (capabilities_.rtx)
    usable.plan.rtx_payload_type = match->rtx_payload_type;
  for (const std::string &feedback : capabilities_.feedback) {
    if (contains (match->feedback, feedback))
      usable.plan.feedback.push_back (feedback);
  }
  // Who asks for what it has lost needs nothing beforehand.
  if (capabilities_.red && !contains (usable.plan.feedback, "nack"))
    usable.plan.red_payload_type = match->red_payload_type;
  for (HeaderExtension &extension : *extensions) {
    bool known = contains (capabilities_.extensions, extension.uri);
    // A one-byte header's element has room for 16 octets.
    bool fits = extension.uri != kMidExtension
        || (!mids_[index].empty () && mids_[index].size () <= 16);
    bool twice = std::any_of (usable.plan.extensions.begin (),
        usable.plan.extensions.end (),
        [&] (const auto &other) { return other.uri == extension.uri; });
    if (known && fits && !twice)
      usable.plan.extensions.push_back (std::move (extension));
  }
  return usable;
}

Result<void>
Planner::choose (Media media)
{
  const Codec *codec = codec_of (media);
  std::optional<Error> no_codec;
  for (std::size_t i = 0; i < offer_.sections.size (); i++) {
    if (offer_.sections[i].media != name_of (media))
      continue;
    if (!codec) {
      note (i, "is of a medium that the stream does not have");
      continue;
    }
    Result<Usable> usable = examine (i, media, *codec);
    if (usable) {
      usable_[index_of (media)] = std::move (*usable);
      return {};
    }
    if (usable.error ().code == Code::not_acceptable)
      note (i, usable.error ().what);
    else if (usable.error ().code == Code::unprocessable)
      no_codec = Error{Code::not_acceptable, usable.error ().what};
    else
      return usable.error ();
  }
  if (no_codec)
    return *no_codec;
  return {};
}

// What shares a transport must not mean two things (RFC 9143, section 10.1).
Result<void>
Planner::check_bundle (const Usable &a, const Usable &b) const
{
  auto types = [] (const Usable &usable) {
    std::vector<unsigned> out = {usable.plan.payload_type};
    if (usable.plan.rtx_payload_type)
      out.push_back (*usable.plan.rtx_payload_type);
    if (usable.plan.red_payload_type)
      out.push_back (*usable.plan.red_payload_type);
    return out;
  };
  for (unsigned type : types (a)) {
    if (contains (types (b), type))
      return Error{Code::bad_request,
          "payload type " + std::to_string (type)
              + " is used by two bundled sections"};
  }
  for (const HeaderExtension &x : a.plan.extensions) {
    for (const HeaderExtension &y : b.plan.extensions) {
      if (x.id == y.id && x.uri != y.uri)
        return Error{Code::bad_request,
            "extmap id " + std::to_string (x.id)
                + " means two things in bundled sections"};
    }
  }
  return {};
}

void
Planner::accept (Usable &usable)
{
  plan_.sections[usable.section].accepted = std::move (usable.plan);
}

void
Planner::read_candidates (std::size_t anchor)
{
  auto add = [&] (const Attributes &attributes) {
    for (std::string_view value : attributes.all ("candidate")) {
      if (plan_.candidates.size () >= kMaxCandidates)
        return;
      auto candidate = read_candidate (value, plan_.ice.ufrag);
      if (candidate && !contains (plan_.candidates, *candidate))
        plan_.candidates.push_back (std::move (*candidate));
    }
  };
  add (offer_.attributes);
  // Another section's candidates lead to another transport, unless it is
  // visibly the same one and the anchor has left them to that section.
  if (offer_.sections[anchor].attributes.has ("candidate")) {
    add (offer_.sections[anchor].attributes);
    return;
  }
  for (std::size_t i = 0; i < offer_.sections.size (); i++) {
    const Attributes &attributes = offer_.sections[i].attributes;
    const std::string *ufrag = attributes.find ("ice-ufrag");
    if (same_bundle (i, anchor) && (!ufrag || *ufrag == plan_.ice.ufrag))
      add (attributes);
  }
}

Error
Planner::nothing_usable () const
{
  std::string what = "the stream has";
  for (Media media : kAllMedia) {
    if (const Codec *codec = codec_of (media))
      what += std::string (what.ends_with ("has") ? " " : " and ")
          + name_of (media) + " (" + codec->encoding_name + ")";
  }
  if (what.ends_with ("has"))
    what += " nothing";
  what += ", and the offer has no section to receive it";
  if (!notes_.empty ())
    what += ": " + notes_;
  return {Code::no_receiver, std::move (what)};
}

Result<Plan>
Planner::run ()
{
  if (Result<void> ok = read_mids (); !ok)
    return ok.error ();
  if (Result<void> ok = read_groups (); !ok)
    return ok.error ();
  for (std::size_t i = 0; i < offer_.sections.size (); i++) {
    const OfferedSection &section = offer_.sections[i];
    Section out;
    out.media = section.media;
    out.protocol = section.protocol;
    for (const std::string &format : section.formats)
      out.formats += (out.formats.empty () ? "" : " ") + format;
    out.mid = mids_[i];
    plan_.sections.push_back (std::move (out));
  }
  for (Media media : kAllMedia) {
    if (Result<void> ok = choose (media); !ok)
      return ok.error ();
  }

  std::optional<Usable> &video = usable_[index_of (Media::video)];
  std::optional<Usable> &audio = usable_[index_of (Media::audio)];
  if (!video && !audio)
    return nothing_usable ();
  if (video && audio && !same_bundle (video->section, audio->section))
    audio.reset (); // one transport per viewer, and the picture goes first
  if (video && audio) {
    if (Result<void> ok = check_bundle (*video, *audio); !ok)
      return ok.error ();
  }

  // The transport is that of the accepted section that comes first in the group.
  Usable *anchor = video ? &*video : &*audio;
  for (const auto &bundle : bundles_) {
    if (!contains (bundle, mids_[anchor->section]))
      continue;
    for (const std::string &mid : bundle) {
      for (std::optional<Usable> &usable : usable_) {
        if (!usable || mids_[usable->section] != mid)
          continue;
        if (plan_.bundle.empty ())
          anchor = &*usable;
        plan_.bundle.push_back (mid);
      }
    }
    break;
  }
  plan_.ice.ufrag = anchor->transport.ufrag;
  plan_.ice.pwd = anchor->transport.pwd;
  plan_.ice.lite = offer_.attributes.has ("ice-lite");
  const OfferedSection &section = offer_.sections[anchor->section];
  for (const Attributes *attributes :
      {&offer_.attributes, &section.attributes}) {
    for (std::string_view options : attributes->all ("ice-options")) {
      // libdatachannel separates them by commas.
      for (std::string_view words : split (options, ' '))
        plan_.ice.trickle |= contains (split (words, ','), "trickle");
    }
  }
  // RFC 4145: an offer that does not say is active.
  plan_.setup = anchor->transport.setup.value_or (Setup::active);
  plan_.fingerprints = anchor->transport.fingerprints;
  std::size_t anchor_section = anchor->section;
  for (std::optional<Usable> &usable : usable_) {
    if (usable)
      accept (*usable);
  }
  read_candidates (anchor_section);
  return std::move (plan_);
}

} // namespace

const MediaPlan *
Plan::find (Media media) const
{
  for (const Section &section : sections) {
    if (section.accepted && section.accepted->media == media)
      return &*section.accepted;
  }
  return nullptr;
}

Result<Plan>
make_plan (std::string_view text, const StreamDescription &stream,
    const TransportCapabilities &transport)
{
  Result<Offer> offer = parse_offer (text);
  if (!offer)
    return offer.error ();
  return Planner (*offer, stream, transport).run ();
}

} // namespace restream::negotiation
