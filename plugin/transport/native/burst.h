// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/bytes.h"
#include "common/media.h"
#include "common/ref.h"
#include "plugin/transport/rtcp/sender-clock.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace restream::transport::native {

// One medium's RTP packets as they came together, on the stream's outgoing line: one copy
// for all viewers, who each encrypt from it. It is contiguous and immutable, so that
// any number of threads can read it, and the source has its buffers back at once.
class Burst
{
public:
  struct Packet
  {
    std::uint64_t sequence; // extended: it does not wrap
    std::uint32_t offset;
    std::uint16_t
        header; // bytes: 12 and the CSRCs; a header extension of the source's is left out
    std::uint16_t bytes; // with the header
  };

  // What is larger is left out.
  static constexpr std::size_t kMaxPacketBytes = 1500;

  // Copies valid RTP packets. last: the highest extended sequence number so far, or
  // nothing before the first packet; it is carried on. join: the
  // packet of the list at which a viewer may begin. clock: the medium's at this moment. number: counts
  // the medium's bursts.
  static std::shared_ptr<const Burst> copy (Media media, std::uint64_t number,
      GstBufferList *list, std::optional<unsigned> join,
      std::optional<std::uint64_t> &last, const SenderClock &clock,
      std::int64_t now_us);

  // For copy(). Room for so many packets, and for so many bytes of them.
  Burst (Media media, std::uint64_t number, const SenderClock &clock,
      std::int64_t now_us, std::size_t packets, std::size_t bytes);

  Media media () const { return media_; }
  std::uint64_t number () const { return number_; }
  std::int64_t arrival_us () const { return arrival_us_; } // monotonic
  const SenderClock &clock () const { return clock_; }
  std::span<const Packet> packets () const { return packets_; }
  std::size_t bytes () const { return used_; }
  // Extended sequence number of the packet to begin at.
  const std::optional<std::uint64_t> &join () const { return join_; }
  // Is it the last packet of a picture (the marker of RFC 6184 and the like)?
  bool ends_frame (const Packet &packet) const
  {
    return bytes_[packet.offset + 1] & 0x80;
  }
  // Does the burst end with one?
  bool ends_frame () const
  {
    return !packets_.empty () && ends_frame (packets_.back ());
  }
  std::uint32_t timestamp (const Packet &packet) const
  {
    return be32 (header (packet), 4);
  }

  std::span<const std::uint8_t> header (const Packet &packet) const
  {
    return {bytes_ + packet.offset, packet.header};
  }
  std::span<const std::uint8_t> payload (const Packet &packet) const
  {
    return {bytes_ + packet.offset + packet.header,
        static_cast<std::size_t> (packet.bytes - packet.header)};
  }

private:
  Media media_;
  std::uint64_t number_;
  SenderClock clock_;
  std::int64_t arrival_us_;
  std::optional<std::uint64_t> join_;
  // One block: the packets' list, then their bytes.
  std::unique_ptr<std::uint8_t[]> block_;
  std::uint8_t *bytes_;
  std::size_t used_ = 0; // of them
  std::span<Packet> packets_;
};

} // namespace restream::transport::native
