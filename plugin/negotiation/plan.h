// SPDX-License-Identifier: LGPL-2.1-or-later
// Negotiation: a viewer's SDP offer in, a media plan or a refusal out. Pure: no
// I/O, no threads, no clocks, nothing but its arguments. It runs before any transport
// sees the offer, and both transports answer from its plan.
#pragma once

#include "common/media.h"
#include "common/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace restream::negotiation {

// Bounds on what a viewer may send; over them the offer is refused.
inline constexpr std::size_t kMaxOfferBytes = 128 * 1024;
inline constexpr std::size_t kMaxMediaSections = 32;
inline constexpr std::size_t kMaxLinesPerSection = 1024;
inline constexpr std::size_t kMaxCandidates = 64; // further ones are ignored

// fmtp parameters in order of appearance, names in lower case.
using FormatParameters = std::vector<std::pair<std::string, std::string>>;

// What a stream carries in one medium, in the terms of its RTP caps.
struct Codec
{
  std::string encoding_name; // RTP encoding name in upper case: "H264", "OPUS"
  std::uint32_t clock_rate = 0; // Hz
  unsigned channels = 0; // 0 = not said
  FormatParameters
      parameters; // of H264: profile-level-id, packetization-mode, sprop-parameter-sets when known
};

struct StreamDescription
{
  std::optional<Codec> video;
  std::optional<Codec> audio;
};

// What a transport can do beyond sending RTP. The plan accepts no more than that.
struct TransportCapabilities
{
  bool rtx = false; // RFC 4588
  bool red = false; // RFC 2198, of Opus
  std::vector<std::string>
      feedback; // "nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"
  std::vector<std::string> extensions; // RTP header extension URIs
  // Who answers an offer of ours has to keep its payload types (RFC 3264 leaves that open; all browsers do).
  bool fixed_payload_types = false;
};

struct Fingerprint // RFC 8122
{
  std::string algorithm; // lower case: "sha-256"
  std::vector<std::uint8_t> digest;
};

enum class Setup
{
  actpass = 1,
  active,
  passive
}; // RFC 4145 / 8842

struct IceParameters
{
  std::string ufrag;
  std::string pwd;
  bool lite = false;
  bool trickle = false;
};

struct HeaderExtension // RFC 8285
{
  unsigned id = 0;
  std::string uri;
  bool one_way = false; // offered "recvonly", so answered "sendonly"
};

// The accepted part of an m-section.
struct MediaPlan
{
  Media media = Media::video;
  Codec
      codec; // as it is to stand in the answer (parameters are the answer's fmtp)
  std::uint8_t payload_type = 0;
  std::optional<std::uint8_t> rtx_payload_type;
  std::optional<std::uint8_t> red_payload_type;
  std::vector<std::string> feedback;
  std::vector<HeaderExtension> extensions;
};

// One m-section of the offer, in its order. The answer has each of them.
struct Section
{
  std::string media; // "video", "audio", "application", …
  std::string protocol; // as offered
  std::string formats; // as offered: what a rejecting m-line repeats
  std::string mid;
  std::optional<MediaPlan> accepted; // none = rejected with port 0
};

struct Plan
{
  std::vector<Section> sections;
  // The accepted mids in the order of the offer's BUNDLE group; empty when the
  // offer has no such group (then one section at most is accepted).
  std::vector<std::string> bundle;
  IceParameters ice; // the viewer's
  Setup setup = Setup::actpass; // the viewer's
  std::vector<Fingerprint>
      fingerprints; // the viewer's certificate must match one
  // The viewer's usable candidates: the attribute's value after "candidate:".
  // IP literals over UDP or TCP only: no mDNS names, component 1.
  std::vector<std::string> candidates;

  const MediaPlan *find (Media media) const;
};

// Decides an offer for a stream. Errors: bad_request (not an SDP offer we may
// work with: says what is wrong), too_large (a bound), not_acceptable (no
// section that the stream could go into: says what the stream has and what was offered).
//
// Of each medium that the stream has, the first section that can receive it is
// accepted; all others are rejected. A section whose medium the stream has in another
// codec refuses the whole offer: half a stream would be a silent surprise.
// Without a BUNDLE group only one section is accepted, video before audio.
Result<Plan> make_plan (std::string_view offer, const StreamDescription &stream,
    const TransportCapabilities &transport);

// The plan as a fresh minimal offer with the accepted sections only, bundled:
// what webrtcbin gets to see in place of the viewer's own words. With the
// viewer's candidates and an end-of-candidates if it does not trickle.
std::string canonical_offer (const Plan &plan);

// The answer that a plan is, likewise: to an offer of webrtcbin's, which had these sections with its own mids. What the
// viewer does not take is inactive there: a section with port 0 aborts webrtcbin.
std::string canonical_answer (const Plan &plan, const Plan &offered,
    const std::vector<std::string> &mids);

// The server's side of the transport, for the answer.
struct LocalTransport
{
  IceParameters ice;
  Fingerprint fingerprint;
  Setup setup = Setup::passive;
  std::vector<std::string> candidates; // values after "candidate:"
};

struct LocalStream
{
  Media media = Media::video;
  std::uint32_t ssrc = 0;
  std::optional<std::uint32_t> rtx_ssrc;
};

struct LocalDescription
{
  LocalTransport transport;
  std::string cname;
  std::string stream_id; // the one MediaStream of all sections (W30)
  std::uint64_t session_id = 0;
  std::vector<LocalStream> streams;
};

// The answer (JSEP 5.3.1; WHEP W09, W22, W29, W30): each section sendonly or
// rejected, one BUNDLE group, rtcp-mux-only, one msid, all candidates, end-of-candidates.
std::string make_answer (const Plan &plan, const LocalDescription &local);

} // namespace restream::negotiation
