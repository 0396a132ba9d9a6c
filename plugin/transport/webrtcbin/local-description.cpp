// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/local-description.h"

#include <gio/gio.h>

#include <charconv>
#include <string_view>

namespace restream::transport {

namespace {

std::string_view
attribute (const GstSDPMessage *sdp, const GstSDPMedia *media, const char *name)
{
  const char *value = gst_sdp_media_get_attribute_val (media, name);
  if (!value)
    value = gst_sdp_message_get_attribute_val (sdp, name);
  return value ? value : "";
}

bool
read_fingerprint (std::string_view text, negotiation::Fingerprint &fingerprint)
{
  std::size_t space = text.find (' ');
  if (space == std::string_view::npos)
    return false;
  fingerprint.algorithm = text.substr (0, space);
  fingerprint.digest.clear ();
  for (std::size_t i = space + 1; i + 1 < text.size (); i += 3) {
    std::uint8_t byte = 0;
    auto [end, error] =
        std::from_chars (text.data () + i, text.data () + i + 2, byte, 16);
    if (error != std::errc{} || end != text.data () + i + 2)
      return false;
    fingerprint.digest.push_back (byte);
  }
  return !fingerprint.digest.empty ();
}

std::optional<std::uint32_t>
read_number (std::string_view text)
{
  std::uint32_t n = 0;
  auto [end, error] =
      std::from_chars (text.data (), text.data () + text.size (), n);
  if (error != std::errc{} || end == text.data ())
    return std::nullopt;
  return n;
}

// "FID <primary> <rtx>"
std::optional<std::uint32_t>
read_rtx_ssrc (const GstSDPMedia *media)
{
  const char *group = gst_sdp_media_get_attribute_val (media, "ssrc-group");
  if (!group || !g_str_has_prefix (group, "FID "))
    return std::nullopt;
  std::string_view text (group);
  return read_number (text.substr (text.rfind (' ') + 1));
}

// With a value or without.
bool
has_attribute (const GstSDPMedia *media, const char *name)
{
  for (unsigned i = 0; i < gst_sdp_media_attributes_len (media); i++)
    if (g_strcmp0 (gst_sdp_media_get_attribute (media, i)->key, name) == 0)
      return true;
  return false;
}

bool
has_format (const GstSDPMedia *media, std::uint8_t payload_type)
{
  const std::string wanted = std::to_string (payload_type);
  for (unsigned i = 0; i < gst_sdp_media_formats_len (media); i++)
    if (gst_sdp_media_get_format (media, i) == wanted)
      return true;
  return false;
}

std::vector<std::string_view>
split (std::string_view text)
{
  std::vector<std::string_view> words;
  while (!text.empty ()) {
    std::size_t space = text.find (' ');
    if (space != 0)
      words.push_back (text.substr (0, space));
    if (space == std::string_view::npos)
      break;
    text.remove_prefix (space + 1);
  }
  return words;
}

bool
is_ipv6 (std::string_view address)
{
  return address.find (':') != std::string_view::npos;
}

} // namespace

Result<negotiation::LocalDescription>
read_local_description (const GstSDPMessage *sdp, const negotiation::Plan &plan)
{
  negotiation::LocalDescription local;
  unsigned n = gst_sdp_message_medias_len (sdp);
  unsigned i = 0;
  for (const negotiation::Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    if (i >= n)
      return Error{Code::internal,
          "webrtcbin has fewer media sections than it was given"};
    const GstSDPMedia *media = gst_sdp_message_get_media (sdp, i++);
    // An offer's bundled sections have no port of their own (RFC 8843, section 6).
    bool refused = gst_sdp_media_get_port (media) == 0
        && !has_attribute (media, "bundle-only");
    if (refused || has_attribute (media, "inactive"))
      return Error{Code::internal,
          std::string ("webrtcbin refused the ")
              + name_of (section.accepted->media) + " section"};

    negotiation::LocalStream stream{.media = section.accepted->media};
    const std::optional<std::uint8_t> rtx = section.accepted->rtx_payload_type;
    if (rtx && has_format (media, *rtx)) // an offer has those of its own choice
      stream.rtx_ssrc = read_rtx_ssrc (media);
    local.streams.push_back (stream);

    if (!local.transport.ice.ufrag.empty ())
      continue; // bundled: the first section's transport is everybody's
    local.transport.ice.ufrag = attribute (sdp, media, "ice-ufrag");
    local.transport.ice.pwd = attribute (sdp, media, "ice-pwd");
    if (!read_fingerprint (attribute (sdp, media, "fingerprint"),
            local.transport.fingerprint))
      return Error{Code::internal,
          "webrtcbin's description has no DTLS fingerprint"};
    local.transport.setup = attribute (sdp, media, "setup") == "active"
        ? negotiation::Setup::active
        : negotiation::Setup::passive;
    for (unsigned j = 0; j < gst_sdp_media_attributes_len (media); j++) {
      const GstSDPAttribute *a = gst_sdp_media_get_attribute (media, j);
      if (g_strcmp0 (a->key, "candidate") == 0 && a->value)
        local.transport.candidates.emplace_back (a->value);
    }
  }
  if (local.transport.ice.ufrag.empty () || local.transport.ice.pwd.empty ())
    return Error{Code::internal,
        "webrtcbin's description has no ICE credentials"};
  if (local.transport.candidates.empty ())
    return Error{Code::internal,
        "no ICE candidate could be gathered: check the interfaces and the port "
        "range"};
  return local;
}

std::vector<std::string>
read_mids (const GstSDPMessage *sdp)
{
  std::vector<std::string> mids;
  for (unsigned i = 0; i < gst_sdp_message_medias_len (sdp); i++) {
    const char *mid = gst_sdp_media_get_attribute_val (
        gst_sdp_message_get_media (sdp, i), "mid");
    mids.emplace_back (mid ? mid : "");
  }
  return mids;
}

void
announce_addresses (std::vector<std::string> &candidates,
    const std::vector<std::string> &addresses)
{
  // foundation component transport priority address port typ host …
  std::vector<std::string> announced;
  unsigned serial = 0;
  for (const std::string &candidate : candidates) {
    std::vector<std::string_view> words = split (candidate);
    if (words.size () < 8
        || g_ascii_strncasecmp (words[2].data (), "UDP", 3) != 0
        || words[7] != "host")
      continue;
    std::uint32_t priority = read_number (words[3]).value_or (1);
    for (const std::string &address : addresses) {
      if (is_ipv6 (address) != is_ipv6 (words[4]))
        continue;
      serial++;
      std::string line = "nat" + std::to_string (serial) + " 1 UDP "
          + std::to_string (priority > serial ? priority - serial : 1) + " "
          + address + " " + std::string (words[5]) + " typ host";
      announced.push_back (std::move (line));
    }
    if (!addresses.empty () && serial >= 16)
      break; // a bound on what an answer carries
  }
  candidates.insert (candidates.end (), announced.begin (), announced.end ());
}

} // namespace restream::transport
