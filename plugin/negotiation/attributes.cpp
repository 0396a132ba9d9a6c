// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/attributes.h"

#include "plugin/negotiation/text.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace restream::negotiation {

namespace {

constexpr std::size_t kMaxParameters = 32; // of one fmtp
constexpr std::size_t kMaxFeedback = 32; // of one format
constexpr std::size_t kMaxFingerprints = 8;

Error
bad (std::string what)
{
  return {Code::bad_request, std::move (what)};
}

// RFC 8122, without what is broken.
std::size_t
trusted_digest_size (std::string_view algorithm)
{
  if (algorithm == "sha-256")
    return 32;
  if (algorithm == "sha-384")
    return 48;
  return algorithm == "sha-512" ? 64 : 0;
}

std::optional<std::vector<std::uint8_t>>
parse_digest (std::string_view text)
{
  if (text.size () % 3 != 2)
    return std::nullopt;
  std::vector<std::uint8_t> digest;
  for (std::size_t i = 0; i < text.size (); i += 3) {
    int high = hex_digit (text[i]), low = hex_digit (text[i + 1]);
    if (high < 0 || low < 0 || (i + 2 < text.size () && text[i + 2] != ':'))
      return std::nullopt;
    digest.push_back (static_cast<std::uint8_t> (high << 4 | low));
  }
  return digest;
}

// RFC 3551: payload types that need no rtpmap.
struct StaticFormat
{
  std::uint8_t payload_type;
  const char *encoding_name;
  std::uint32_t clock_rate;
};
constexpr std::array kStaticFormats = {
    StaticFormat{0, "PCMU", 8000},
    StaticFormat{8, "PCMA", 8000},
    StaticFormat{9, "G722", 8000},
};

// <encoding name>/<clock rate>[/<channels>]
bool
parse_rtpmap (std::string_view value, OfferedFormat &format)
{
  std::string_view name = take_until (value, '/');
  std::string_view rate = take_until (value, '/');
  auto clock_rate = parse_uint (rate, 10'000'000);
  auto channels = value.empty () ? 1 : parse_uint (value, 255);
  if (!is_token (name) || !clock_rate || !*clock_rate || !channels
      || !*channels)
    return false;
  format.encoding_name = to_upper (name);
  format.clock_rate = static_cast<std::uint32_t> (*clock_rate);
  format.channels = static_cast<unsigned> (*channels);
  return true;
}

void
parse_fmtp (std::string_view value, FormatParameters &parameters)
{
  while (!value.empty () && parameters.size () < kMaxParameters) {
    std::string_view text = trim (take_until (value, ';'));
    std::string_view name = trim (take_until (text, '='));
    if (!name.empty ())
      parameters.emplace_back (to_lower (name), std::string (trim (text)));
  }
}

std::string
normalize_feedback (std::string_view value)
{
  std::string out;
  for (std::string_view word : split (value, ' ')) {
    if (!out.empty ())
      out += ' ';
    out += to_lower (word);
  }
  return out;
}

// An address that packets can be sent to.
bool
is_usable_address (const std::string &text)
{
  in_addr v4;
  if (inet_pton (AF_INET, text.c_str (), &v4) == 1) {
    std::uint32_t address = ntohl (v4.s_addr);
    return address >> 24 != 0 && !IN_MULTICAST (address)
        && address != INADDR_BROADCAST;
  }
  in6_addr v6;
  return inet_pton (AF_INET6, text.c_str (), &v6) == 1
      && !IN6_IS_ADDR_UNSPECIFIED (&v6) && !IN6_IS_ADDR_MULTICAST (&v6)
      && !IN6_IS_ADDR_V4MAPPED (&v6);
}

} // namespace

Result<TransportAttributes>
read_transport (const Attributes &attributes)
{
  TransportAttributes out;
  const std::string *ufrag = attributes.find ("ice-ufrag");
  const std::string *pwd = attributes.find ("ice-pwd");
  if (static_cast<bool> (ufrag) != static_cast<bool> (pwd))
    return bad ("ice-ufrag and ice-pwd do not come together");
  if (ufrag) {
    if (!is_ice_chars (*ufrag) || ufrag->size () < 4 || ufrag->size () > 256)
      return bad ("ice-ufrag is not 4 to 256 ice-chars");
    if (!is_ice_chars (*pwd) || pwd->size () < 22 || pwd->size () > 256)
      return bad ("ice-pwd is not 22 to 256 ice-chars");
    out.ufrag = *ufrag;
    out.pwd = *pwd;
  }

  for (std::string_view value : attributes.all ("fingerprint")) {
    std::string algorithm = to_lower (take_until (value, ' '));
    auto digest = parse_digest (trim (value));
    if (!is_token (algorithm) || !digest)
      return bad ("fingerprint is not an algorithm and hexadecimal octets");
    std::size_t size = trusted_digest_size (algorithm);
    if (!size) {
      out.weak_fingerprint = true;
      continue;
    }
    if (digest->size () != size)
      return bad ("fingerprint's length is not that of " + algorithm);
    if (out.fingerprints.size () == kMaxFingerprints)
      return bad ("too many fingerprints");
    out.fingerprints.push_back ({algorithm, std::move (*digest)});
  }

  if (const std::string *setup = attributes.find ("setup")) {
    if (*setup == "actpass")
      out.setup = Setup::actpass;
    else if (*setup == "active")
      out.setup = Setup::active;
    else if (*setup == "passive")
      out.setup = Setup::passive;
    else
      return bad (
          "setup is " + quote (*setup) + ", not actpass, active or passive");
  }
  return out;
}

Direction
read_direction (const Attributes &section, const Attributes &session)
{
  for (const Attributes *attributes : {&section, &session}) {
    for (const Attribute &attribute : attributes->list ()) {
      if (attribute.name == "sendrecv")
        return Direction::sendrecv;
      if (attribute.name == "sendonly")
        return Direction::sendonly;
      if (attribute.name == "recvonly")
        return Direction::recvonly;
      if (attribute.name == "inactive")
        return Direction::inactive;
    }
  }
  return Direction::sendrecv;
}

Result<std::vector<OfferedFormat>>
read_formats (const OfferedSection &section)
{
  std::vector<OfferedFormat> formats;
  std::array<int, 128> index;
  index.fill (-1);
  for (const std::string &text : section.formats) {
    auto payload_type = parse_uint (text, 127);
    if (!payload_type)
      return bad ("payload type " + quote (text) + " is not 0 to 127");
    if (index[*payload_type] >= 0)
      return bad ("payload type " + text + " is listed twice");
    index[*payload_type] = static_cast<int> (formats.size ());
    formats.push_back ({static_cast<std::uint8_t> (*payload_type)});
  }
  // What is said of a payload type that the m-line does not list is void.
  auto find = [&] (std::string_view text) -> OfferedFormat * {
    auto payload_type = parse_uint (text, 127);
    if (!payload_type || index[*payload_type] < 0)
      return nullptr;
    return &formats[static_cast<std::size_t> (index[*payload_type])];
  };

  for (const Attribute &attribute : section.attributes.list ()) {
    std::string_view value = attribute.value;
    if (attribute.name == "rtpmap") {
      std::string_view payload_type = take_until (value, ' ');
      OfferedFormat *format = find (payload_type);
      if (!format)
        continue;
      if (!format->encoding_name.empty ())
        return bad ("a second rtpmap for " + std::string (payload_type));
      if (!parse_rtpmap (trim (value), *format))
        return bad ("rtpmap " + quote (attribute.value)
            + " is not a name and a clock rate");
    } else if (attribute.name == "fmtp") {
      OfferedFormat *format = find (take_until (value, ' '));
      if (format)
        parse_fmtp (value, format->parameters);
    } else if (attribute.name == "rtcp-fb") {
      std::string_view payload_type = take_until (value, ' ');
      std::string feedback = normalize_feedback (value);
      auto add = [&] (OfferedFormat &format) {
        if (format.feedback.size () < kMaxFeedback)
          format.feedback.push_back (feedback);
      };
      if (payload_type == "*")
        std::for_each (formats.begin (), formats.end (), add);
      else if (OfferedFormat *format = find (payload_type))
        add (*format);
    }
  }

  for (OfferedFormat &format : formats) {
    if (!format.encoding_name.empty ())
      continue;
    for (const StaticFormat &known : kStaticFormats) {
      if (known.payload_type == format.payload_type) {
        format.encoding_name = known.encoding_name;
        format.clock_rate = known.clock_rate;
      }
    }
  }
  return formats;
}

Result<std::vector<HeaderExtension>>
read_extensions (const Attributes &attributes)
{
  std::vector<HeaderExtension> extensions;
  std::vector<std::uint64_t> ids;
  for (std::string_view value : attributes.all ("extmap")) {
    std::string_view direction = take_until (value, ' ');
    std::string_view number = take_until (direction, '/');
    auto id = parse_uint (number, 4351);
    // 4096 to 4351 are an offer's spare ones (RFC 8285, section 6).
    if (!id || *id == 0 || (*id > 255 && *id < 4096))
      return bad ("extmap id " + quote (number) + " is not 1 to 255");
    if (std::find (ids.begin (), ids.end (), *id) != ids.end ())
      return bad ("extmap id " + std::string (number) + " is there twice");
    ids.push_back (*id);
    value = trim (value);
    std::string_view uri = take_until (value, ' ');
    bool taken = direction.empty () || direction == "recvonly"
        || direction == "sendrecv";
    // An id over 14 would need two-byte headers.
    if (*id <= 14 && taken && !uri.empty ())
      extensions.push_back ({static_cast<unsigned> (*id), std::string (uri),
          direction == "recvonly"});
  }
  return extensions;
}

std::optional<std::string>
read_candidate (std::string_view value, std::string_view ufrag)
{
  // foundation component transport priority address port "typ" type …
  std::vector<std::string_view> words = split (value, ' ');
  if (words.size () < 8 || words.size () % 2 || words[6] != "typ")
    return std::nullopt;
  bool udp = equal_nocase (words[2], "udp");
  auto priority = parse_uint (words[3], INT32_MAX);
  auto port = parse_uint (words[5], 65535);
  std::string address (words[4]);
  std::string_view type = words[7];
  if (!is_ice_chars (words[0]) || words[0].size () > 32 || words[1] != "1"
      || !(udp || equal_nocase (words[2], "tcp")) || !priority || !*priority
      || !port || !*port || !is_usable_address (address)
      || !(type == "host" || type == "srflx" || type == "prflx"
          || type == "relay"))
    return std::nullopt;

  std::string out = std::string (words[0]) + " 1 " + (udp ? "UDP" : "TCP") + ' '
      + std::to_string (*priority) + ' ' + address + ' '
      + std::to_string (*port) + " typ " + std::string (type);
  std::string_view tcp_type;
  for (std::size_t i = 8; i < words.size (); i += 2) {
    std::string_view name = words[i], text = words[i + 1];
    if (name == "tcptype")
      tcp_type = text;
    else if (name == "ufrag" && text != ufrag)
      return std::nullopt;
  }
  // The related address tells of the viewer's network, not how to reach it.
  if (type != "host")
    out += " raddr 0.0.0.0 rport 9";
  if (!udp) {
    if (tcp_type != "active" && tcp_type != "passive" && tcp_type != "so")
      return std::nullopt;
    out += " tcptype " + std::string (tcp_type);
  }
  return out;
}

std::vector<std::vector<std::string>>
read_bundles (const Attributes &session)
{
  std::vector<std::vector<std::string>> bundles;
  for (std::string_view value : session.all ("group")) {
    std::vector<std::string_view> words = split (value, ' ');
    if (!words.empty () && words[0] == "BUNDLE")
      bundles.emplace_back (words.begin () + 1, words.end ());
  }
  return bundles;
}

const std::string *
find_parameter (const FormatParameters &parameters, std::string_view name)
{
  for (const auto &[key, value] : parameters) {
    if (key == name)
      return &value;
  }
  return nullptr;
}

} // namespace restream::negotiation
