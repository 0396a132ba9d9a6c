// SPDX-License-Identifier: LGPL-2.1-or-later
// Bursts of RTP packets, as the hub hands them over.
#pragma once

#include "plugin/transport/native/burst.h"
#include "plugin/transport/ntp-clock.h"
#include "tests/src/packets.h"

#include <gst/gst.h>

namespace restream::transport::native {

using Bytes = packets::Bytes;

inline Ref<GstBufferList>
list_of (const std::vector<Bytes> &all)
{
  auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
  for (const Bytes &packet : all)
    gst_buffer_list_add (list.get (),
        packet.empty ()
            ? gst_buffer_new ()
            : gst_buffer_new_memdup (packet.data (), packet.size ()));
  return list;
}

// A stream's line of one medium.
class BurstMaker
{
public:
  explicit BurstMaker (Media media, std::uint32_t ssrc = 0x11111111)
      : media_ (media), ssrc_ (ssrc)
  {
    clock_.add_packet (ntp_now (), 1000);
  }

  Bytes packet (std::uint16_t sequence, std::size_t payload = 100) const
  {
    packets::Rtp rtp;
    rtp.ssrc = ssrc_;
    rtp.sequence = sequence;
    rtp.timestamp = timestamp;
    // Told apart by what is in it.
    rtp.payload = Bytes (payload, static_cast<std::uint8_t> (sequence));
    return packets::rtp (rtp);
  }

  std::shared_ptr<const Burst> copy (const std::vector<Bytes> &all,
      std::optional<unsigned> join = {}, std::int64_t now_us = 1'000'000)
  {
    return Burst::copy (media_, ++bursts_, list_of (all).get (), join, last_,
        clock_, now_us);
  }

  // Packets of these numbers.
  std::shared_ptr<const Burst> make (
      const std::vector<std::uint16_t> &sequences,
      std::optional<unsigned> join = {}, std::int64_t now_us = 1'000'000,
      std::size_t payload = 100)
  {
    std::vector<Bytes> all;
    for (std::uint16_t sequence : sequences)
      all.push_back (packet (sequence, payload));
    return copy (all, join, now_us);
  }
  const std::optional<std::uint64_t> &last () const { return last_; }
  std::uint32_t timestamp = 0; // of the packets to come

private:
  Media media_;
  std::uint32_t ssrc_;
  std::uint64_t bursts_ = 0;
  SenderClock clock_{90000};
  std::optional<std::uint64_t> last_;
};

} // namespace restream::transport::native
