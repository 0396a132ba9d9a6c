// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/fast-forward.h"

#include <array>
#include <cstdint>
#include <optional>

namespace restream::transport {

// One medium's line as one viewer has it. It is the stream's own, but for who begins, or begins
// again, in the past: its sequence numbers go on, while the stream's have gone back, and
// its timestamps run faster until they have caught up.
//
// The same packet has the same numbers whenever it is sent: one index of one
// key must never protect two different packets.
// Thread: the session's; on webrtcbin the medium's streaming thread.
class ViewerLine
{
public:
  struct Stamp
  {
    std::uint64_t sequence; // extended
    std::uint32_t timestamp;
  };

  // The stream's packet `first` is the next one. sent_to: the first one that has not been sent so
  // far; no matter when nothing has. torn: that is in the middle of a picture. Then one number is left out:
  // to the viewer a packet is missing, and it does not take the picture for whole.
  void begin (std::uint64_t first, std::uint64_t sent_to, bool torn,
      const FastForward &forward);

  // The next packet's numbers. Not before begin().
  Stamp next (std::uint64_t sequence, std::uint32_t timestamp);

  // Does the stream have it before the packet that the last begin() was at? Then it may not be sent any more: its number
  // could be another one's.
  bool is_before (std::uint64_t sequence) const
  {
    const Part &part = parts_[current_];
    return static_cast<std::int64_t> (sequence + part.offset - part.first) < 0;
  }
  // Are the numbers of this packet, and of all behind it, the stream's own?
  bool is_streams_own (std::uint64_t sequence) const
  {
    const Part &part = parts_[current_];
    return part.offset == 0 && sequence >= part.real_from;
  }

  // Is the next packet due, so many ticks after begin()?
  bool is_due (std::uint64_t sequence, std::uint32_t timestamp,
      std::int64_t ticks) const
  {
    const Part &part = parts_[current_];
    return sequence >= part.real_from || part.forward.is_due (timestamp, ticks);
  }

  // Where a packet that the viewer was sent is found again.
  struct Origin
  {
    std::uint64_t sequence; // the stream's
    std::uint8_t part;
  };
  // By its wire sequence number. sent_to: as above. Nothing if no such packet has been
  // sent, or too long ago.
  std::optional<Origin> find (std::uint16_t wire, std::uint64_t sent_to) const;
  // The numbers that it was sent with. timestamp: the stream's.
  Stamp again (const Origin &origin, std::uint32_t timestamp) const;

  // The first number that the viewer was sent.
  std::uint64_t first () const { return first_; }

private:
  // From one begin() to the next.
  struct Part
  {
    std::uint64_t first = 0; // the viewer's
    std::uint64_t end = 0; // likewise, when it has ended
    std::uint64_t offset = 0; // viewer's minus stream's, wrapping
    FastForward forward;
    // The stream's packets from here on have their own timestamps.
    std::uint64_t real_from = 0;
  };
  static Stamp stamp (const Part &part, std::uint64_t sequence,
      std::uint32_t timestamp)
  {
    return {sequence + part.offset,
        sequence >= part.real_from ? timestamp : part.forward.at (timestamp)};
  }

  std::array<Part, 2> parts_; // by turns
  std::uint8_t current_ = 0;
  bool begun_ = false;
  std::uint64_t first_ = 0;
};

} // namespace restream::transport
