// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/codec-match.h"

#include "plugin/negotiation/text.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

namespace restream::negotiation {

namespace {

enum class H264Profile
{
  other = 0,
  constrained_baseline,
  baseline,
  main,
  constrained_high,
  high,
  high10,
  high422,
  high444,
};

// RFC 6184 table 5: profile_idc and the constraint flags.
H264Profile
profile_of (std::uint32_t level_id)
{
  unsigned idc = level_id >> 16 & 0xff;
  unsigned flags = level_id >> 8 & 0xff; // set0 is the highest bit
  bool set0 = flags & 0x80, set1 = flags & 0x40;
  switch (idc) {
    case 0x42:
      return set1 ? H264Profile::constrained_baseline : H264Profile::baseline;
    case 0x4d:
      return set0 ? H264Profile::constrained_baseline : H264Profile::main;
    case 0x58:
      return set0 && set1 ? H264Profile::constrained_baseline
                          : H264Profile::other;
    case 0x64:
      return (flags & 0x0c) == 0x0c ? H264Profile::constrained_high
                                    : H264Profile::high;
    case 0x6e:
      return H264Profile::high10;
    case 0x7a:
      return H264Profile::high422;
    case 0xf4:
      return H264Profile::high444;
    default:
      return H264Profile::other;
  }
}

const char *
name_of (H264Profile profile)
{
  switch (profile) {
    case H264Profile::other:
      break;
    case H264Profile::constrained_baseline:
      return "Constrained Baseline";
    case H264Profile::baseline:
      return "Baseline";
    case H264Profile::main:
      return "Main";
    case H264Profile::constrained_high:
      return "Constrained High";
    case H264Profile::high:
      return "High";
    case H264Profile::high10:
      return "High 10";
    case H264Profile::high422:
      return "High 4:2:2";
    case H264Profile::high444:
      return "High 4:4:4 Predictive";
  }
  return "unknown";
}

// Browsers decode up to High under any H.264 payload type. More than 8 bits or 4:2:0 they
// decode only where they say so: elsewhere the picture would stay black.
bool
may_decode (std::uint32_t stream_level_id, std::uint32_t offered_level_id)
{
  using P = H264Profile;
  const P stream = profile_of (stream_level_id);
  const P offered = profile_of (offered_level_id);
  switch (stream) {
    case P::high10:
      return offered == P::high10 || offered == P::high422
          || offered == P::high444;
    case P::high422:
      return offered == P::high422 || offered == P::high444;
    case P::high444:
      return offered == P::high444;
    default:
      return true;
  }
}

constexpr std::uint32_t kDefaultLevelId = 0x42000a; // RFC 6184, section 8.1

std::optional<std::uint32_t>
level_id_of (const FormatParameters &parameters)
{
  const std::string *text = find_parameter (parameters, "profile-level-id");
  if (!text)
    return kDefaultLevelId;
  if (text->size () != 6)
    return std::nullopt;
  std::uint32_t value = 0;
  for (char c : *text) {
    int digit = hex_digit (c);
    if (digit < 0)
      return std::nullopt;
    value = value << 4 | static_cast<std::uint32_t> (digit);
  }
  return value;
}

std::string
level_id_text (std::uint32_t level_id)
{
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 20; shift >= 0; shift -= 4)
    text += kDigits[level_id >> shift & 0xf];
  return text;
}

// A number of a format, 0 when it is absent, nothing when it is no number.
std::optional<std::uint64_t>
number_of (const FormatParameters &parameters, std::string_view name,
    std::uint64_t absent = 0)
{
  const std::string *text = find_parameter (parameters, name);
  if (!text)
    return absent;
  return parse_uint (*text, 0xffffffff);
}

void
copy_parameters (const FormatParameters &from,
    std::initializer_list<std::string_view> names, FormatParameters &to)
{
  for (std::string_view name : names) {
    const std::string *value = find_parameter (from, name);
    if (value && is_token (*value) && value->size () <= 32)
      to.emplace_back (name, *value);
  }
}

// A format that would do, and how well: the smallest rank wins.
struct Choice
{
  const OfferedFormat *format = nullptr;
  std::tuple<unsigned, unsigned, unsigned> rank;
  FormatParameters parameters;
};

std::optional<Choice>
match_h264 (const Codec &stream, const OfferedFormat &format)
{
  auto mode = number_of (format.parameters, "packetization-mode");
  auto level_id = level_id_of (format.parameters);
  auto asymmetry = number_of (format.parameters, "level-asymmetry-allowed");
  // A stream of single NAL units may go into both modes, one with
  // fragments only into mode 1.
  bool single_nal = number_of (stream.parameters, "packetization-mode", 1) == 0;
  if (!mode || *mode > 1 || (*mode == 0 && !single_nal) || !level_id)
    return std::nullopt;
  auto known = level_id_of (stream.parameters);
  bool stream_known =
      known && find_parameter (stream.parameters, "profile-level-id");
  std::uint32_t wanted = stream_known ? *known : 0x42e01f;

  if (stream_known && !may_decode (wanted, *level_id))
    return std::nullopt;

  Choice choice;
  bool level_too_low = (*level_id & 0xff) < (wanted & 0xff);
  choice.rank = {(*mode == 0) == single_nal ? 0 : 1,
      h264_profile_distance (wanted, *level_id), level_too_low};
  // The profile is the offer's, as an answer must have it; the level is
  // that of the stream where the viewer allows a level for each direction.
  std::uint32_t answered = *level_id;
  if (asymmetry == 1u && stream_known)
    answered = (answered & 0xffff00) | (wanted & 0xff);
  if (asymmetry == 1u)
    choice.parameters.emplace_back ("level-asymmetry-allowed", "1");
  choice.parameters.emplace_back ("packetization-mode", std::to_string (*mode));
  choice.parameters.emplace_back ("profile-level-id", level_id_text (answered));
  return choice;
}

std::optional<Choice>
match_opus (const Codec &stream, const OfferedFormat &format)
{
  Choice choice;
  auto min_ptime = number_of (format.parameters, "minptime");
  if (min_ptime && *min_ptime >= 3 && *min_ptime <= 120)
    choice.parameters.emplace_back ("minptime", std::to_string (*min_ptime));
  if (number_of (format.parameters, "useinbandfec") == 1u)
    choice.parameters.emplace_back ("useinbandfec", "1");
  // Opus' rtpmap says two channels for mono, too, so the stream's word goes first.
  if (number_of (stream.parameters, "sprop-stereo", stream.channels == 2) == 1u)
    choice.parameters.emplace_back ("sprop-stereo", "1");
  return choice;
}

std::optional<Choice>
match_vp9 (const Codec &stream, const OfferedFormat &format)
{
  auto offered = number_of (format.parameters, "profile-id");
  if (!offered || offered != number_of (stream.parameters, "profile-id"))
    return std::nullopt;
  Choice choice;
  copy_parameters (format.parameters, {"profile-id"}, choice.parameters);
  return choice;
}

std::optional<Choice>
match_av1 (const Codec &stream, const OfferedFormat &format)
{
  // A decoder of a profile decodes the lower ones.
  auto offered = number_of (format.parameters, "profile");
  auto wanted = number_of (stream.parameters, "profile");
  if (!offered || !wanted || *offered < *wanted)
    return std::nullopt;
  auto level = number_of (format.parameters, "level-idx", 5);
  auto stream_level = number_of (stream.parameters, "level-idx");
  Choice choice;
  choice.rank = {static_cast<unsigned> (*offered - *wanted),
      level < stream_level, 0};
  copy_parameters (format.parameters, {"level-idx", "profile", "tier"},
      choice.parameters);
  return choice;
}

std::optional<Choice>
match_h265 (const Codec &stream, const OfferedFormat &format)
{
  auto offered = number_of (format.parameters, "profile-id", 1);
  auto wanted = number_of (stream.parameters, "profile-id", 1);
  if (!offered || !wanted)
    return std::nullopt;
  const std::string *mode = find_parameter (format.parameters, "tx-mode");
  // Main 10 includes Main, and the range extensions both.
  bool includes = offered == wanted || (offered == 2u && wanted == 1u)
      || (offered == 4u && (wanted == 1u || wanted == 2u));
  if (!includes || (mode && !equal_nocase (*mode, "SRST")))
    return std::nullopt;
  auto too_low = [&] (const char *name, std::uint64_t absent) {
    return number_of (format.parameters, name, absent)
        < number_of (stream.parameters, name);
  };
  Choice choice;
  choice.rank = {offered == wanted ? 0u : 1u, too_low ("tier-flag", 0),
      too_low ("level-id", 93)};
  copy_parameters (format.parameters,
      {"level-id", "profile-id", "tier-flag", "tx-mode"}, choice.parameters);
  return choice;
}

std::optional<Choice>
match_format (const Codec &stream, const OfferedFormat &format)
{
  unsigned channels = stream.channels;
  if (stream.encoding_name == "OPUS")
    channels = 2; // RFC 7587: always said to be two
  if (format.encoding_name != stream.encoding_name
      || format.clock_rate != stream.clock_rate
      || (channels && format.channels != channels))
    return std::nullopt;
  // With RTP and RTCP on one port these would look like RTCP (RFC 5761).
  if (format.payload_type >= 64 && format.payload_type < 96)
    return std::nullopt;
  if (stream.encoding_name == "H264")
    return match_h264 (stream, format);
  if (stream.encoding_name == "OPUS")
    return match_opus (stream, format);
  if (stream.encoding_name == "VP9")
    return match_vp9 (stream, format);
  if (stream.encoding_name == "AV1")
    return match_av1 (stream, format);
  if (stream.encoding_name == "H265")
    return match_h265 (stream, format);
  return Choice{};
}

std::string
offered_names (const std::vector<OfferedFormat> &formats)
{
  std::vector<std::string> names;
  for (const OfferedFormat &format : formats) {
    static constexpr std::array kNoCodecs = {"", "RTX", "RED", "ULPFEC",
        "FLEXFEC-03", "TELEPHONE-EVENT", "CN"};
    std::string name = format.encoding_name.substr (0, 24);
    if (std::find (kNoCodecs.begin (), kNoCodecs.end (), name)
            == kNoCodecs.end ()
        && std::find (names.begin (), names.end (), name) == names.end ()
        && names.size () < 12)
      names.push_back (name);
  }
  std::string text;
  for (const std::string &name : names)
    text += (text.empty () ? "" : ", ") + name;
  return text.empty () ? "no known codec" : text;
}

Error
no_match (const Codec &stream, const std::vector<OfferedFormat> &formats)
{
  std::string what = "the stream is " + stream.encoding_name;
  bool same_name = std::any_of (formats.begin (), formats.end (),
      [&] (const OfferedFormat &format) {
        return format.encoding_name == stream.encoding_name;
      });
  if (!same_name)
    return {Code::not_acceptable,
        what + ", the offer has " + offered_names (formats)};
  what += "/" + std::to_string (stream.clock_rate);
  if (stream.encoding_name == "OPUS")
    what += "/2";
  for (const char *name : {"profile-id", "profile"}) {
    if (const std::string *value = find_parameter (stream.parameters, name))
      what += std::string (" with ") + name + "=" + *value;
  }
  std::string advice;
  if (stream.encoding_name == "H264") {
    auto level_id = level_id_of (stream.parameters);
    if (level_id && find_parameter (stream.parameters, "profile-level-id"))
      what += std::string (" of profile ") + name_of (profile_of (*level_id));
    if (number_of (stream.parameters, "packetization-mode", 1) == 1u)
      what += " in packetization-mode=1";
    if (level_id && !may_decode (*level_id, 0x640028))
      advice = "; browsers want 8 bits and 4:2:0 (FFmpeg: -pix_fmt yuv420p)";
  }
  return {Code::not_acceptable,
      what + ", and none of the offered " + stream.encoding_name
          + " formats fits it" + advice};
}

} // namespace

unsigned
h264_profile_distance (std::uint32_t stream_level_id,
    std::uint32_t offered_level_id)
{
  using P = H264Profile;
  // After the profile itself those that include it, nearest first; then the
  // lower ones, nearest first.
  static constexpr P kConstrainedBaseline[] = {P::constrained_baseline,
      P::baseline, P::main, P::constrained_high, P::high, P::high10, P::high422,
      P::high444};
  static constexpr P kBaseline[] = {P::baseline, P::constrained_baseline,
      P::main, P::constrained_high, P::high, P::high10, P::high422, P::high444};
  static constexpr P kMain[] = {P::main, P::high, P::high10, P::high422,
      P::high444, P::constrained_high, P::constrained_baseline, P::baseline};
  static constexpr P kConstrainedHigh[] = {P::constrained_high, P::high,
      P::high10, P::high422, P::high444, P::main, P::constrained_baseline,
      P::baseline};
  static constexpr P kHigh[] = {P::high, P::high10, P::high422, P::high444,
      P::constrained_high, P::main, P::constrained_baseline, P::baseline};
  static constexpr P kHigh10[] = {P::high10, P::high422, P::high444, P::high,
      P::constrained_high, P::main, P::constrained_baseline, P::baseline};
  static constexpr P kHigh422[] = {P::high422, P::high444, P::high10, P::high,
      P::constrained_high, P::main, P::constrained_baseline, P::baseline};
  static constexpr P kHigh444[] = {P::high444, P::high422, P::high10, P::high,
      P::constrained_high, P::main, P::constrained_baseline, P::baseline};

  auto rank = [offered = profile_of (offered_level_id)] (const auto &order) {
    return static_cast<unsigned> (
        std::find (std::begin (order), std::end (order), offered)
        - std::begin (order));
  };
  switch (profile_of (stream_level_id)) {
    case P::other:
    case P::constrained_baseline:
      return rank (kConstrainedBaseline);
    case P::baseline:
      return rank (kBaseline);
    case P::main:
      return rank (kMain);
    case P::constrained_high:
      return rank (kConstrainedHigh);
    case P::high:
      return rank (kHigh);
    case P::high10:
      return rank (kHigh10);
    case P::high422:
      return rank (kHigh422);
    case P::high444:
      return rank (kHigh444);
  }
  return 0;
}

namespace {

// Two blocks, both of this type: "111/111" (RFC 2198, section 5), or more.
bool
is_red_of (const FormatParameters &parameters, std::uint8_t payload_type)
{
  const std::string type = std::to_string (payload_type);
  const std::string two = type + "/" + type;
  return std::ranges::any_of (parameters, [&two] (const auto &parameter) {
    const std::string &blocks = parameter.first;
    return parameter.second.empty () && blocks.starts_with (two)
        && (blocks.size () == two.size () || blocks[two.size ()] == '/');
  });
}

} // namespace

Result<CodecMatch>
match_codec (const Codec &stream, const std::vector<OfferedFormat> &formats)
{
  Codec wanted = stream;
  wanted.encoding_name = to_upper (stream.encoding_name);
  std::optional<Choice> best;
  for (const OfferedFormat &format : formats) {
    std::optional<Choice> choice = match_format (wanted, format);
    if (!choice || (best && !(choice->rank < best->rank)))
      continue;
    choice->format = &format;
    best = std::move (choice);
  }
  if (!best)
    return no_match (wanted, formats);

  CodecMatch match;
  match.payload_type = best->format->payload_type;
  match.codec = {wanted.encoding_name, wanted.clock_rate,
      best->format->channels > 1 ? best->format->channels : wanted.channels,
      std::move (best->parameters)};
  match.feedback = best->format->feedback;
  for (const OfferedFormat &format : formats) {
    if (format.clock_rate != wanted.clock_rate
        || (format.payload_type >= 64 && format.payload_type < 96))
      continue;
    if (format.encoding_name == "RTX" && !match.rtx_payload_type
        && number_of (format.parameters, "apt", 128) == match.payload_type)
      match.rtx_payload_type = format.payload_type;
    if (format.encoding_name == "RED" && !match.red_payload_type
        && wanted.encoding_name == "OPUS"
        && is_red_of (format.parameters, match.payload_type))
      match.red_payload_type = format.payload_type;
  }
  return match;
}

} // namespace restream::negotiation
