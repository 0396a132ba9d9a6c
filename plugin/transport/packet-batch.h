// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/ref.h"
#include "plugin/transport/header-extensions.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace restream::transport {

// A burst of one medium's RTP packets on the stream's outgoing line (SSRC,
// sequence, timestamps), the same for all viewers; only the payload type is a
// viewer's own. A list is made once for each payload type in use, so that a hundred browsers
// of one kind share one.
// Thread: the hub's streaming thread, for the time of one distribution.
// What list() returns is immutable from then on.
class PacketBatch
{
public:
  // packets: RTP packets whose first 12 bytes are in one writable memory.
  // arrival: running time at which the burst came in.
  // clock_rate: of its timestamps, Hz.
  // join_index: the first packet at which a viewer may start, if there is one.
  PacketBatch (Media media, std::uint32_t clock_rate,
      Ref<GstBufferList> packets, std::size_t bytes, GstClockTime arrival,
      std::optional<unsigned> join_index);

  Media media () const { return media_; }
  std::uint32_t clock_rate () const { return clock_rate_; }
  unsigned size () const { return size_; }
  std::size_t bytes () const { return bytes_; }
  GstClockTime arrival () const { return arrival_; }
  const std::optional<unsigned> &join_index () const { return join_index_; }

  // The RTP timestamp of a packet.
  std::uint32_t timestamp (unsigned index) const;
  // Numbers the packets, by the medium's highest number so far (nothing before its first packet), which is carried on.
  void extend_sequence (std::optional<std::uint64_t> &highest);
  // After that: the number of a packet, which does not wrap.
  std::uint64_t sequence (unsigned index) const;
  // The highest one of them, and whether it ends a picture (the marker of RFC 6184 and the like).
  std::uint64_t highest () const { return highest_.value_or (0); }
  bool ends_frame () const { return ends_frame_; }

  // Whatever payload type they bear.
  GstBufferList *packets () const { return packets_.get (); }
  // The whole burst with this payload type (0–127).
  const Ref<GstBufferList> &list (std::uint8_t payload_type);
  // The same without the packets before join_index().
  Ref<GstBufferList> list_from_join (std::uint8_t payload_type);

private:
  std::uint16_t wire_sequence (unsigned index) const;

  struct Variant
  {
    std::uint8_t payload_type;
    Ref<GstBufferList> list;
  };

  Media media_;
  std::uint32_t clock_rate_;
  Ref<GstBufferList> packets_; // moved to the first variant
  unsigned size_;
  std::size_t bytes_;
  GstClockTime arrival_;
  std::optional<unsigned> join_index_;
  std::vector<Variant> variants_;
  std::optional<std::uint64_t> highest_;
  bool ends_frame_ = false;
};

// A packet with a header of its own, of this payload type, number and timestamp, and the
// payload of the other. With extensions: these, in place of the other's.
Ref<GstBuffer> with_header (GstBuffer *packet, std::uint8_t payload_type,
    std::uint16_t sequence, std::uint32_t timestamp,
    const HeaderExtensions &extensions = {});
// Is it the last one of a picture?
bool has_marker (GstBuffer *packet);

} // namespace restream::transport
