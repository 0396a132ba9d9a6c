// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/sequence-log.h"

#include <cstddef>
#include <cstdint>

namespace restream::test {

// Counts one medium of RTP as it arrived, before any jitter buffer: what a
// viewer would say about its server. Thread: any one at a time.
class RtpCounter
{
public:
  enum class Codec
  {
    other,
    h264
  };
  explicit RtpCounter (Codec codec = Codec::other) : codec_ (codec) {}

  // packet: RTP, decrypted. now_us: g_get_monotonic_time(). False: not RTP.
  bool add (const std::uint8_t *packet, std::size_t size, std::int64_t now_us);

  std::uint64_t packets () const { return packets_; } // without duplicates
  std::uint64_t bytes () const { return bytes_; }
  std::uint64_t duplicates () const { return duplicates_; }
  std::uint64_t reordered () const { return reordered_; }
  // Gaps that were not filled up to now.
  std::uint64_t lost () const { return lost_before_ + sequences_.lost (); }
  std::uint64_t frames () const { return frames_; } // distinct timestamps
  std::uint64_t keyframes () const { return keyframes_; } // H.264 IDR pictures
  // The first picture that came was an IDR with its parameter sets before it.
  bool starts_with_keyframe () const { return starts_with_keyframe_; }
  std::uint64_t ssrc_changes () const { return ssrc_changes_; }
  // Timestamps that went back while the sequence went on.
  std::uint64_t timestamp_steps_back () const { return timestamp_steps_back_; }
  std::uint32_t ssrc () const { return ssrc_; }
  std::int64_t first_us () const { return first_us_; } // 0: nothing yet
  std::int64_t first_keyframe_us () const { return first_keyframe_us_; }
  std::int64_t last_us () const { return last_us_; }

private:
  void see_nal (unsigned type, std::int64_t now_us);

  Codec codec_;
  std::uint64_t packets_ = 0, bytes_ = 0, duplicates_ = 0, reordered_ = 0;
  std::uint64_t lost_before_ = 0; // of earlier SSRCs
  std::uint64_t frames_ = 0, keyframes_ = 0, ssrc_changes_ = 0;
  std::uint64_t timestamp_steps_back_ = 0;
  std::int64_t first_us_ = 0, first_keyframe_us_ = 0, last_us_ = 0;
  std::uint32_t ssrc_ = 0, timestamp_ = 0;
  bool parameter_sets_ = false, picture_seen_ = false;
  bool starts_with_keyframe_ = false, keyframe_counted_ = false;
  SequenceLog sequences_; // of this SSRC
};

} // namespace restream::test
