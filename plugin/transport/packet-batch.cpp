// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/packet-batch.h"

#include "common/bytes.h"
#include "plugin/transport/extended-sequence.h"

#include <algorithm>
#include <array>

namespace restream::transport {

namespace {

constexpr std::size_t kRtpHeaderBytes = 12;
constexpr std::size_t kMaxCsrcHeaderBytes = kRtpHeaderBytes + 4 * 15;
constexpr std::uint8_t kExtensionBit = 0x10; // in the first byte

void
write_payload_type (std::uint8_t *header, std::uint8_t payload_type)
{
  header[1] = (header[1] & 0x80) | (payload_type & 0x7f);
}

} // namespace

Ref<GstBuffer>
with_header (GstBuffer *packet, std::uint8_t payload_type,
    std::uint16_t sequence, std::uint32_t timestamp,
    const HeaderExtensions &extensions)
{
  std::array<std::uint8_t, kMaxCsrcHeaderBytes + kMaxExtensionBytes> header;
  gst_buffer_extract (packet, 0, header.data (), kRtpHeaderBytes);
  std::size_t bytes = kRtpHeaderBytes; // of the new header
  std::size_t from = kRtpHeaderBytes; // the rest of the other
  std::array<std::uint8_t, kMaxExtensionBytes> block;
  if (const std::size_t extended = write_extensions (block, extensions)) {
    bytes = from = kRtpHeaderBytes + 4 * std::size_t{header[0] & 0x0fu};
    gst_buffer_extract (packet, kRtpHeaderBytes, &header[kRtpHeaderBytes],
        bytes - kRtpHeaderBytes);
    if (header[0] & kExtensionBit) {
      std::array<std::uint8_t, 4> other{};
      gst_buffer_extract (packet, from, other.data (), other.size ());
      from += 4 + 4 * std::size_t{be16 (other, 2)};
    }
    header[0] |= kExtensionBit;
    std::copy_n (block.begin (), extended, &header[bytes]);
    bytes += extended;
  }
  write_payload_type (header.data (), payload_type);
  put_be16 (header, 2, sequence);
  put_be32 (header, 4, timestamp);

  Ref<GstBuffer> copy =
      Ref<GstBuffer>::adopt (gst_buffer_new_allocate (nullptr, bytes, nullptr));
  gst_buffer_fill (copy.get (), 0, header.data (), bytes);
  // What lies about its size has not come so far.
  gst_buffer_copy_into (copy.get (), packet,
      static_cast<GstBufferCopyFlags> (GST_BUFFER_COPY_FLAGS
          | GST_BUFFER_COPY_META | GST_BUFFER_COPY_MEMORY),
      std::min (from, gst_buffer_get_size (packet)), -1);
  // Of a part of a buffer GStreamer does not copy them.
  GST_BUFFER_PTS (copy.get ()) = GST_BUFFER_PTS (packet);
  GST_BUFFER_DTS (copy.get ()) = GST_BUFFER_DTS (packet);
  return copy;
}

bool
has_marker (GstBuffer *packet)
{
  std::uint8_t byte = 0;
  gst_buffer_extract (packet, 1, &byte, 1);
  return byte & 0x80;
}

void
PacketBatch::extend_sequence (std::optional<std::uint64_t> &highest)
{
  for (unsigned i = 0; i < size_; i++) {
    const std::uint64_t sequence =
        transport::extend_sequence (wire_sequence (i), highest);
    if (highest && sequence <= *highest)
      continue;
    highest = sequence;
    ends_frame_ = has_marker (gst_buffer_list_get (packets_.get (), i));
  }
  highest_ = highest;
}

std::uint64_t
PacketBatch::sequence (unsigned index) const
{
  return transport::extend_sequence (wire_sequence (index), highest_);
}

std::uint16_t
PacketBatch::wire_sequence (unsigned index) const
{
  std::uint16_t sequence = 0;
  gst_buffer_extract (gst_buffer_list_get (packets_.get (), index), 2,
      &sequence, sizeof sequence);
  return GUINT16_FROM_BE (sequence);
}

std::uint32_t
PacketBatch::timestamp (unsigned index) const
{
  std::uint32_t timestamp = 0;
  gst_buffer_extract (gst_buffer_list_get (packets_.get (), index), 4,
      &timestamp, sizeof timestamp);
  return GUINT32_FROM_BE (timestamp);
}

PacketBatch::PacketBatch (Media media, std::uint32_t clock_rate,
    Ref<GstBufferList> packets, std::size_t bytes, GstClockTime arrival,
    std::optional<unsigned> join_index)
    : media_ (media), clock_rate_ (clock_rate), packets_ (std::move (packets)),
      size_ (gst_buffer_list_length (packets_.get ())), bytes_ (bytes),
      arrival_ (arrival), join_index_ (join_index)
{
}

const Ref<GstBufferList> &
PacketBatch::list (std::uint8_t payload_type)
{
  for (const Variant &variant : variants_) {
    if (variant.payload_type == payload_type)
      return variant.list;
  }
  if (variants_.empty ()) {
    // The first payload type asked for is written in place: the packets are ours alone still.
    for (unsigned i = 0; i < size_; i++) {
      GstBuffer *packet = gst_buffer_list_get_writable (packets_.get (), i);
      GstMapInfo map;
      if (gst_buffer_map_range (packet, 0, 1, &map, GST_MAP_READWRITE)) {
        write_payload_type (map.data, payload_type);
        gst_buffer_unmap (packet, &map);
      }
    }
    variants_.push_back ({payload_type, packets_});
  } else {
    Ref<GstBufferList> list =
        Ref<GstBufferList>::adopt (gst_buffer_list_new_sized (size_));
    for (unsigned i = 0; i < size_; i++)
      gst_buffer_list_add (list.get (),
          with_header (gst_buffer_list_get (packets_.get (), i), payload_type,
              wire_sequence (i), timestamp (i))
              .release ());
    variants_.push_back ({payload_type, std::move (list)});
  }
  return variants_.back ().list;
}

Ref<GstBufferList>
PacketBatch::list_from_join (std::uint8_t payload_type)
{
  const Ref<GstBufferList> &whole = list (payload_type);
  unsigned from = join_index_.value_or (0);
  if (from == 0)
    return whole;
  Ref<GstBufferList> rest =
      Ref<GstBufferList>::adopt (gst_buffer_list_new_sized (size_ - from));
  for (unsigned i = from; i < size_; i++)
    gst_buffer_list_add (rest.get (),
        gst_buffer_ref (gst_buffer_list_get (whole.get (), i)));
  return rest;
}

} // namespace restream::transport
