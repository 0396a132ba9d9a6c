// SPDX-License-Identifier: LGPL-2.1-or-later
// The header extensions of a viewer's packets (RFC 8285, one-byte form).
#pragma once

#include "common/bytes.h"
#include "plugin/negotiation/plan.h"

#include <algorithm>

namespace restream::transport {

// Numbers a viewer's packets over all its media: what transport-wide feedback speaks of.
inline constexpr char kTransportSequenceUri[] =
    "http://www.ietf.org/id/"
    "draft-holmer-rmcat-transport-wide-cc-extensions-01";
// When the frame was captured, by the sender's clock: what end-to-end delay is told by.
inline constexpr char kCaptureTimeUri[] =
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

// The least and the greatest delay that the receiver is to play with.
inline constexpr char kPlayoutDelayUri[] =
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

// Chromium plays sound some 60 ms after it came, and holds the picture back to match, which takes it ten seconds to
// find out. So it is told, for so long after each beginning that losses do not matter.
inline constexpr unsigned kPictureBesideSoundMs = 100;
inline constexpr std::int64_t kTellDelayUs = 2'000'000;
// A receiver reckons the capture times in between.
inline constexpr std::int64_t kCaptureTimeEveryUs = 1'000'000;

inline constexpr std::uint8_t kMaxOneByteId = 14;
inline constexpr std::size_t kExtensionHeaderBytes = 4;
inline constexpr std::size_t kMaxExtensionBytes = kExtensionHeaderBytes + 16;

// As negotiated for a medium; 0 = without.
struct ExtensionIds
{
  std::uint8_t transport_sequence = 0;
  std::uint8_t capture_time = 0;
  std::uint8_t playout_delay = 0;
};

inline ExtensionIds
extension_ids (const negotiation::MediaPlan &plan)
{
  ExtensionIds ids;
  for (const negotiation::HeaderExtension &extension : plan.extensions) {
    if (extension.id > kMaxOneByteId)
      continue;
    const auto id = static_cast<std::uint8_t> (extension.id);
    if (extension.uri == kTransportSequenceUri)
      ids.transport_sequence = id;
    else if (extension.uri == kCaptureTimeUri)
      ids.capture_time = id;
    else if (extension.uri == kPlayoutDelayUri)
      ids.playout_delay = id;
  }
  return ids;
}

// Of one packet. An id of 0, or above kMaxOneByteId: without it.
struct HeaderExtensions
{
  std::uint8_t transport_sequence_id = 0;
  std::uint16_t transport_sequence = 0;
  std::uint8_t capture_time_id = 0;
  std::uint64_t capture_time = 0; // NTP, 32.32
  std::uint8_t playout_delay_id = 0;
  unsigned least_delay_ms = 0; // up to 40,950; the greatest is not bounded
};

// Writes the whole block: goes after the fixed header and CSRCs, whose X bit the caller sets
// if there is one. The bytes written, at most kMaxExtensionBytes; 0 = none, or no room.
inline std::size_t
write_extensions (std::span<std::uint8_t> out,
    const HeaderExtensions &extensions)
{
  const auto asked = [] (std::uint8_t id) {
    return id >= 1 && id <= kMaxOneByteId;
  };
  // An element: the id and the length minus one, then so many bytes.
  const bool sequence = asked (extensions.transport_sequence_id);
  const bool capture = asked (extensions.capture_time_id);
  const bool delay = asked (extensions.playout_delay_id);
  const std::size_t used =
      (sequence ? 3u : 0u) + (capture ? 9u : 0u) + (delay ? 4u : 0u);
  const std::size_t padded = (used + 3) / 4 * 4;
  const std::size_t bytes = kExtensionHeaderBytes + padded;
  if (used == 0 || out.size () < bytes)
    return 0;
  put_be16 (out, 0, 0xbede);
  put_be16 (out, 2, static_cast<std::uint16_t> (padded / 4));
  std::size_t at = kExtensionHeaderBytes;
  if (sequence) {
    out[at] =
        static_cast<std::uint8_t> (extensions.transport_sequence_id << 4 | 1);
    put_be16 (out, at + 1, extensions.transport_sequence);
    at += 3;
  }
  if (capture) {
    out[at] = static_cast<std::uint8_t> (extensions.capture_time_id << 4 | 7);
    put_be32 (out, at + 1,
        static_cast<std::uint32_t> (extensions.capture_time >> 32));
    put_be32 (out, at + 5,
        static_cast<std::uint32_t> (extensions.capture_time));
    at += 9;
  }
  if (delay) {
    // Twelve bits each, in units of 10 ms.
    put_be32 (out, at,
        std::uint32_t{extensions.playout_delay_id} << 28 | 2u << 24
            | std::min (extensions.least_delay_ms / 10, 0xfffu) << 12 | 0xfffu);
    at += 4;
  }
  while (at < bytes)
    out[at++] = 0;
  return bytes;
}

} // namespace restream::transport
