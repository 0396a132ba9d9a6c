// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/negotiation/offers.h"

#include <cstdlib>

namespace restream::test {

static std::string
read_file (const std::string &path)
{
  Owned<char> contents;
  gsize length = 0;
  Owned<GError> error;
  if (!g_file_get_contents (path.c_str (), out (contents), &length,
          out (error)))
    g_error ("%s", error->message);
  return std::string (contents.get (), length);
}

std::vector<OfferCase>
load_offers ()
{
  const char *root = g_getenv ("RTPRESTREAM_SOURCE_ROOT");
  if (!root)
    g_error ("RTPRESTREAM_SOURCE_ROOT is not set");
  std::string folder = std::string (root) + "/tests/negotiation/";
  std::vector<OfferCase> cases;
  Owned<char *> lines (
      g_strsplit (read_file (folder + "index.tsv").c_str (), "\n", -1));
  for (char **line = lines.get (); *line; line++) {
    if (!**line || **line == '#')
      continue;
    Owned<char *> fields (g_strsplit (*line, "\t", -1));
    if (g_strv_length (fields.get ()) != 4)
      g_error ("index.tsv: not four fields: %s", *line);
    char **f = fields.get ();
    cases.push_back ({f[0], f[1], static_cast<unsigned> (atoi (f[2])), f[3],
        read_file (folder + f[0])});
  }
  return cases;
}

negotiation::StreamDescription
default_stream ()
{
  negotiation::StreamDescription stream;
  stream.video = {"H264", 90000, 0,
      {{"packetization-mode", "1"}, {"profile-level-id", "42c01f"}}};
  stream.audio = {"OPUS", 48000, 2, {}};
  return stream;
}

negotiation::TransportCapabilities
full_transport ()
{
  return {.rtx = true,
      .red = true,
      .feedback = {"nack", "nack pli", "ccm fir", "transport-cc"},
      .extensions = {"urn:ietf:params:rtp-hdrext:sdes:mid",
          "http://www.ietf.org/id/"
          "draft-holmer-rmcat-transport-wide-cc-extensions-01"}};
}

negotiation::LocalDescription
local_description ()
{
  negotiation::LocalDescription local;
  local.transport.ice = {.ufrag = "abcd1234",
      .pwd = "0123456789abcdefghijkl",
      .lite = true};
  local.transport.fingerprint = {"sha-256",
      std::vector<std::uint8_t> (32, 0xa5)};
  local.transport.candidates = {"1 1 UDP 2130706431 192.0.2.1 8189 typ host"};
  local.cname = "cname";
  local.stream_id = "stream";
  local.session_id = 4611686018427387905;
  local.streams = {{Media::video, 1001, 1002}, {Media::audio, 2001, {}}};
  return local;
}

const char *
name_of (Code code)
{
  switch (code) {
    case Code::bad_request:
      return "bad_request";
    case Code::no_receiver:
      return "no_receiver";
    case Code::not_acceptable:
      return "not_acceptable";
    case Code::too_large:
      return "too_large";
    default:
      return "unexpected";
  }
}

} // namespace restream::test
