// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/rtcp/transport-feedback.h"

#include <algorithm>

namespace restream::transport {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 8;
constexpr std::uint32_t kTicksPerReference = 256; // 64 ms

enum Symbol : unsigned
{
  kMissing = 0,
  kSmallDelta = 1, // one byte, 0 to 63.75 ms
  kLargeDelta = 2, // two bytes, signed
  kReserved = 3
};

// A status chunk: so many packets, each with a symbol.
class Chunk
{
public:
  explicit Chunk (std::uint16_t bits) : bits_ (bits) {}

  unsigned size () const
  {
    if (!(bits_ & 0x8000))
      return bits_ & 0x1fff;
    return bits_ & 0x4000 ? 7 : 14;
  }
  unsigned symbol (unsigned i) const
  {
    if (!(bits_ & 0x8000))
      return bits_ >> 13 & 3; // a run of the same
    if (bits_ & 0x4000)
      return bits_ >> (2 * (6 - i)) & 3;
    return bits_ >> (13 - i) & 1;
  }

private:
  std::uint16_t bits_;
};

} // namespace

std::optional<TransportFeedbackReader>
TransportFeedbackReader::create (Bytes b)
{
  if (b.size () < kHeader)
    return std::nullopt;
  TransportFeedbackReader reader;
  reader.header_ = {
      .first_sequence = be16 (b, 0),
      .packets = be16 (b, 2),
      .feedback_count = b[7],
  };
  reader.reference_ = be24 (b, 4) * kTicksPerReference;
  b = b.subspan (kHeader);

  std::size_t at = 0;
  std::size_t delta_bytes = 0;
  std::size_t left = reader.header_.packets;
  while (left > 0) {
    if (b.size () - at < 2)
      return std::nullopt;
    const Chunk chunk (be16 (b, at));
    at += 2;
    // The last chunk may reach further than the packets. Nobody writes an empty
    // run.
    const unsigned n =
        static_cast<unsigned> (std::min<std::size_t> (chunk.size (), left));
    if (n == 0)
      return std::nullopt;
    for (unsigned i = 0; i < n; i++) {
      const unsigned symbol = chunk.symbol (i);
      if (symbol == kReserved)
        return std::nullopt;
      delta_bytes += symbol;
    }
    left -= n;
  }
  // What follows the deltas fills up the last word.
  if (b.size () - at < delta_bytes)
    return std::nullopt;
  reader.chunks_ = b.first (at);
  reader.deltas_ = b.subspan (at, delta_bytes);
  return reader;
}

void
TransportFeedbackReader::report_to (RtcpHandler &handler) const
{
  handler.on_transport_feedback (header_);
  std::uint16_t sequence = header_.first_sequence;
  std::uint32_t arrival = reference_;
  std::size_t left = header_.packets;
  std::size_t delta = 0;
  for (std::size_t at = 0; at < chunks_.size (); at += 2) {
    const Chunk chunk (be16 (chunks_, at));
    const unsigned n =
        static_cast<unsigned> (std::min<std::size_t> (chunk.size (), left));
    left -= n;
    for (unsigned i = 0; i < n; i++, sequence++) {
      const unsigned symbol = chunk.symbol (i);
      if (symbol == kMissing) {
        handler.on_transport_packet (sequence, std::nullopt);
        continue;
      }
      if (symbol == kSmallDelta)
        arrival += deltas_[delta];
      else
        arrival += static_cast<std::uint32_t> (
            static_cast<std::int16_t> (be16 (deltas_, delta)));
      delta += symbol;
      handler.on_transport_packet (sequence, arrival);
    }
  }
  handler.on_transport_feedback_end ();
}

} // namespace restream::transport
