// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/rtp-counter.h"

namespace restream::test {

namespace {
std::uint16_t
be16 (const std::uint8_t *p)
{
  return static_cast<std::uint16_t> (p[0] << 8 | p[1]);
}
std::uint32_t
be32 (const std::uint8_t *p)
{
  return std::uint32_t{be16 (p)} << 16 | be16 (p + 2);
}
} // namespace

bool
RtpCounter::add (const std::uint8_t *packet, std::size_t size,
    std::int64_t now_us)
{
  if (size < 12 || packet[0] >> 6 != 2)
    return false;
  std::size_t header = 12 + 4u * (packet[0] & 0x0f);
  if (packet[0] & 0x10) {
    if (size < header + 4)
      return false;
    header += 4 + 4u * be16 (packet + header + 2);
  }
  const std::size_t padding = packet[0] & 0x20 ? packet[size - 1] : 0;
  if (size < header + padding)
    return false;

  const std::uint16_t sequence = be16 (packet + 2);
  const std::uint32_t timestamp = be32 (packet + 4);
  const std::uint32_t ssrc = be32 (packet + 8);
  const bool first = packets_ == 0;
  const bool new_line = first || ssrc != ssrc_;
  if (new_line) {
    if (!first) {
      ssrc_changes_++;
      expected_before_ += static_cast<std::uint64_t> (highest_ - base_ + 1);
      received_before_ += received_;
      received_ = 0;
    }
    ssrc_ = ssrc;
    base_ = highest_ = sequence;
    seen_.reset ();
  }

  const auto step = static_cast<std::int16_t> (
      sequence - static_cast<std::uint16_t> (highest_));
  const std::int64_t extended = highest_ + step;
  if (step > 0) {
    // The window moves: what it now covers for the first time was not seen.
    for (std::int64_t s = highest_ + 1;
         s <= extended && s - highest_ <= std::int64_t{kWindow}; s++)
      seen_.reset (static_cast<std::size_t> (s) % kWindow);
    highest_ = extended;
  } else if (extended < base_ || step <= -static_cast<int> (kWindow)) {
    reordered_++; // from before the first one, or too old to tell
    return true;
  }
  const std::size_t slot = static_cast<std::size_t> (extended) % kWindow;
  if (seen_.test (slot)) {
    duplicates_++;
    return true;
  }
  seen_.set (slot);
  if (step < 0)
    reordered_++;
  received_++;
  packets_++;
  bytes_ += size;
  last_us_ = now_us;
  if (first)
    first_us_ = now_us;

  if (step >= 0) {
    if (!new_line && static_cast<std::int32_t> (timestamp - timestamp_) < 0)
      timestamp_steps_back_++;
    if (new_line || timestamp != timestamp_) {
      frames_++;
      keyframe_counted_ = false;
    }
    timestamp_ = timestamp;
  }
  if (codec_ == Codec::h264)
    add_h264 (packet + header, size - header - padding, now_us);
  return true;
}

std::uint64_t
RtpCounter::lost () const
{
  if (packets_ == 0)
    return 0;
  const auto expected = static_cast<std::uint64_t> (highest_ - base_ + 1);
  return expected_before_ - received_before_ + expected - received_;
}

// RFC 6184: single NAL units, STAP-A (24) and FU-A (28).
void
RtpCounter::add_h264 (const std::uint8_t *payload, std::size_t size,
    std::int64_t now_us)
{
  if (size < 2)
    return;
  const unsigned type = payload[0] & 0x1f;
  if (type == 24) {
    for (std::size_t at = 1; at + 3 <= size;) {
      const std::size_t length = be16 (payload + at);
      if (length == 0 || at + 2 + length > size)
        return;
      see_nal (payload[at + 2] & 0x1f, now_us);
      at += 2 + length;
    }
  } else if (type == 28) {
    if (payload[1] & 0x80)
      see_nal (payload[1] & 0x1f, now_us);
  } else {
    see_nal (type, now_us);
  }
}

void
RtpCounter::see_nal (unsigned type, std::int64_t now_us)
{
  if (type == 7)
    parameter_sets_ = true;
  if (type == 5) {
    if (!keyframe_counted_)
      keyframes_++;
    keyframe_counted_ = true;
    if (!first_keyframe_us_)
      first_keyframe_us_ = now_us;
  }
  if (type == 1 || type == 5) {
    if (!picture_seen_)
      starts_with_keyframe_ = type == 5 && parameter_sets_;
    picture_seen_ = true;
  }
}

} // namespace restream::test
