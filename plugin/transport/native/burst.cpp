// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/burst.h"

#include "plugin/transport/extended-sequence.h"

#include <cstring>

namespace restream::transport::native {

namespace {

// RFC 3550, section 5.1.
constexpr std::size_t kFixedHeader = 12;
constexpr std::uint8_t kExtensionBit = 0x10;

} // namespace

Burst::Burst (Media media, std::uint64_t number, const SenderClock &clock,
    std::int64_t now_us, std::size_t packets, std::size_t bytes)
    : media_ (media), number_ (number), clock_ (clock), arrival_us_ (now_us),
      block_ (std::make_unique_for_overwrite<std::uint8_t[]> (
          packets * sizeof (Packet) + bytes)),
      bytes_ (block_.get () + packets * sizeof (Packet)),
      packets_ (reinterpret_cast<Packet *> (block_.get ()), packets)
{
}

std::shared_ptr<const Burst>
Burst::copy (Media media, std::uint64_t number, GstBufferList *list,
    std::optional<unsigned> join, std::optional<std::uint64_t> &last,
    const SenderClock &clock, std::int64_t now_us)
{
  const unsigned count = gst_buffer_list_length (list);
  std::size_t room = 0;
  for (unsigned i = 0; i < count; i++)
    room += gst_buffer_get_size (gst_buffer_list_get (list, i));
  auto burst =
      std::make_shared<Burst> (media, number, clock, now_us, count, room);
  std::size_t used = 0, packets = 0;
  for (unsigned i = 0; i < count; i++) {
    GstBuffer *buffer = gst_buffer_list_get (list, i);
    std::uint8_t *to = burst->bytes_ + used;
    std::size_t bytes = gst_buffer_extract (buffer, 0, to, room - used);
    if (bytes < kFixedHeader)
      continue;
    std::size_t header = kFixedHeader + 4u * (to[0] & 0x0f);
    if (to[0] & kExtensionBit && bytes >= header + 4) {
      // Its ids mean nothing to our viewers: the payload moves up.
      std::size_t extension = 4 + 4u * be16 ({to, bytes}, header + 2);
      if (bytes < header + extension)
        continue;
      std::memmove (to + header, to + header + extension,
          bytes - header - extension);
      bytes -= extension;
      to[0] &= static_cast<std::uint8_t> (~kExtensionBit);
    }
    if (bytes < header)
      continue;
    if (bytes > kMaxPacketBytes)
      continue;
    std::uint64_t sequence = extend_sequence (be16 ({to, bytes}, 2), last);
    if (!last || sequence > *last)
      last = sequence;
    if (join && *join <= i && !burst->join_)
      burst->join_ = sequence;
    burst->packets_[packets++] = {sequence, static_cast<std::uint32_t> (used),
        static_cast<std::uint16_t> (header),
        static_cast<std::uint16_t> (bytes)};
    used += bytes;
  }
  burst->used_ = used;
  burst->packets_ = burst->packets_.first (packets);
  return burst;
}

} // namespace restream::transport::native
