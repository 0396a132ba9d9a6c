// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams as FFmpeg 5.1 and GStreamer 1.22 send them (tests/codec/recorded), each
// of nine pictures. A byte for the codec, then packets of RTP behind 16 bits of
// length: what the fuzzer takes.
#pragma once

#include "common/rtp-packet.h"

#include <glib.h>

#include <string>
#include <vector>

namespace recorded {

using Bytes = std::vector<std::uint8_t>;

// In the order of the first byte's values.
inline constexpr const char *kCodecs[] = {"H264", "H265", "VP8", "VP9", "AV1"};

struct Stream
{
  std::string encoding_name;
  std::vector<Bytes> packets;
};

inline Stream
load (const std::string &name)
{
  const char *root = g_getenv ("RTPRESTREAM_SOURCE_ROOT");
  g_assert_nonnull (root);
  const std::string path = std::string (root) + "/tests/codec/recorded/" + name;
  char *text = nullptr;
  gsize size = 0;
  if (!g_file_get_contents (path.c_str (), &text, &size, nullptr))
    g_error ("cannot read %s", path.c_str ());
  const auto *bytes = reinterpret_cast<const std::uint8_t *> (text);
  std::span<const std::uint8_t> rest (bytes, size);
  g_assert_cmpuint (rest[0], <, G_N_ELEMENTS (kCodecs));
  Stream stream{kCodecs[rest[0]], {}};
  for (rest = rest.subspan (1); !rest.empty ();) {
    const std::size_t length = restream::be16 (rest, 0);
    const auto packet = rest.subspan (2, length);
    stream.packets.emplace_back (packet.begin (), packet.end ());
    rest = rest.subspan (2 + length);
  }
  g_free (text);
  return stream;
}

} // namespace recorded
