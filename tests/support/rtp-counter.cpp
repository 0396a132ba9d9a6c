// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/rtp-counter.h"

#include "common/h264-payload.h"

namespace restream::test {

bool
RtpCounter::add (const std::uint8_t *packet, std::size_t size,
    std::int64_t now_us)
{
  if (size < 12 || packet[0] >> 6 != 2)
    return false;
  const std::span bytes (packet, size);
  std::size_t header = 12 + 4u * (packet[0] & 0x0f);
  if (packet[0] & 0x10) {
    if (size < header + 4)
      return false;
    header += 4 + 4u * be16 (bytes, header + 2);
  }
  const std::size_t padding = packet[0] & 0x20 ? packet[size - 1] : 0;
  if (size < header + padding)
    return false;

  const std::uint16_t sequence = be16 (bytes, 2);
  const std::uint32_t timestamp = be32 (bytes, 4);
  const std::uint32_t ssrc = be32 (bytes, 8);
  const bool first = packets_ == 0;
  const bool new_line = first || ssrc != ssrc_;
  if (new_line) {
    if (!first) {
      ssrc_changes_++;
      lost_before_ += sequences_.lost ();
    }
    ssrc_ = ssrc;
    sequences_ = {};
  }

  bool next = false;
  switch (sequences_.add (sequence)) {
    case SequenceLog::Verdict::first:
    case SequenceLog::Verdict::next:
      next = true;
      break;
    case SequenceLog::Verdict::late:
      reordered_++;
      break;
    case SequenceLog::Verdict::repeated:
      duplicates_++;
      return true;
    case SequenceLog::Verdict::stale:
      reordered_++;
      return true;
  }
  packets_++;
  bytes_ += size;
  last_us_ = now_us;
  if (first)
    first_us_ = now_us;

  if (next) {
    if (!new_line && static_cast<std::int32_t> (timestamp - timestamp_) < 0)
      timestamp_steps_back_++;
    if (new_line || timestamp != timestamp_) {
      frames_++;
      keyframe_counted_ = false;
    }
    timestamp_ = timestamp;
  }
  if (codec_ == Codec::h264)
    for_each_h264_unit ({packet + header, size - header - padding},
        [&] (unsigned type) { see_nal (type, now_us); });
  return true;
}

void
RtpCounter::see_nal (unsigned type, std::int64_t now_us)
{
  if (type == kH264Sps)
    parameter_sets_ = true;
  if (type == kH264Idr) {
    if (!keyframe_counted_)
      keyframes_++;
    keyframe_counted_ = true;
    if (!first_keyframe_us_)
      first_keyframe_us_ = now_us;
  }
  if (type == kH264Slice || type == kH264Idr) {
    if (!picture_seen_)
      starts_with_keyframe_ = type == kH264Idr && parameter_sets_;
    picture_seen_ = true;
  }
}

} // namespace restream::test
