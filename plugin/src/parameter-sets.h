// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace restream::src {

// Finds the H.264 parameter sets in a stream of RTP payloads (RFC 6184, single
// NAL units and STAP-A) and gives what an SDP says of them.
// Thread: the streaming thread only.
class ParameterSets
{
public:
  // Sets of this size and number are kept; others are passed by.
  static constexpr std::size_t kMaxSetBytes = 1024;
  static constexpr std::size_t kMaxSets = 8; // of each kind

  // Whether a payload can hold a set at all; all that most packets cost.
  static bool may_hold (std::span<const std::uint8_t> payload)
  {
    if (payload.empty ())
      return false;
    const unsigned type = payload[0] & 0x1f;
    return type == 7 || type == 8 || type == 24;
  }

  // Returns whether the sets are complete and differ from what they were when
  // this last returned true.
  bool feed (std::span<const std::uint8_t> payload);
  void clear ();

  bool complete () const { return !sps_.empty () && !pps_.empty (); }
  // The SDP's profile-level-id: six hex digits. Call when complete.
  std::string profile_level_id () const;
  // The SDP's sprop-parameter-sets: base64, comma. Call when complete.
  std::string sprop () const;

private:
  struct Set
  {
    unsigned id;
    std::vector<std::uint8_t> nal;
  };
  void add_nal (std::span<const std::uint8_t> nal);
  // Whether anything changed.
  static bool store (std::vector<Set> &sets, unsigned id,
      std::span<const std::uint8_t> nal);

  std::vector<Set> sps_, pps_;
  bool changed_ = false;
};

} // namespace restream::src
