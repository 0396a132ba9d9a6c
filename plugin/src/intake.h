// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/rtp-packet.h"
#include "plugin/src/counters.h"
#include "plugin/src/rtcp-compound.h"
#include "plugin/src/ssrc-guard.h"

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace restream::src {

// Whether a datagram's source is this host.
[[nodiscard]] bool is_loopback (const sockaddr_storage &source);

// Decides what becomes of each datagram of the port pair: media of that port,
// RTCP (of whichever medium its SSRC belongs to), or dropped and counted.
// Pure: no I/O, no clock, no allocation.
// Thread: the streaming thread only; the counters may be read on any.
class Intake
{
public:
  // A sender report with its medium and the running time of its arrival.
  struct Report
  {
    Media media = Media::video;
    SenderReport sender;
    std::uint64_t arrival_ns = 0;
  };
  struct Outcome
  {
    enum class Kind
    {
      media = 1,
      control,
      dropped
    } kind = Kind::dropped;
    bool new_sender = false; // media: the first packet of this SSRC
    RtpPacket packet; // media
    // control: those of this datagram; media with new_sender: the one that
    // came ahead of the media. Valid until the next call.
    std::span<const Report> reports;
  };

  // payload_types: what the caps fix; else the sender's first packet does.
  void reset (const std::array<std::optional<std::uint8_t>, kMediaCount>
          &payload_types);

  Outcome receive (Media port, std::span<const std::uint8_t> datagram,
      const sockaddr_storage &source, std::int64_t now_us,
      std::uint64_t arrival_ns, std::int64_t takeover_us);

  // The senders of both media are known to have ended.
  void release (std::int64_t now_us);

  std::optional<std::uint8_t> payload_type (Media media) const
  {
    return of (media).payload_type;
  }
  Counters &counters (Media media) { return of (media).counters; }
  const Counters &counters (Media media) const { return of (media).counters; }

private:
  struct Medium
  {
    SsrcGuard guard;
    Counters counters;
    std::optional<std::uint8_t> fixed_payload_type;
    std::optional<std::uint8_t> payload_type;
  };
  // FFmpeg's first report comes before the first packet of its medium, so
  // before anyone can tell whose it is.
  struct Early
  {
    SenderReport sender;
    std::uint64_t arrival_ns = 0;
    std::int64_t at_us = 0;
    bool used = false;
  };

  Outcome receive_rtcp (Media port, std::span<const std::uint8_t> datagram,
      std::int64_t now_us, std::uint64_t arrival_ns);
  std::optional<Media> owner_of (std::uint32_t ssrc, Media port) const;
  void keep_early (const SenderReport &, std::uint64_t, std::int64_t now_us);
  std::size_t take_early (Media media, std::uint32_t ssrc, std::int64_t now_us);

  Medium &of (Media media) { return media_[index_of (media)]; }
  const Medium &of (Media media) const { return media_[index_of (media)]; }

  std::array<Medium, kMediaCount> media_;
  std::array<Early, 4> early_;
  std::array<Report, RtcpContents::kMaxReports> reports_;
};

} // namespace restream::src
