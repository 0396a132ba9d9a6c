// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer's RTCP says to a sender. Nothing in it is trusted.
// Thread: any; no state.
#pragma once

#include "common/rtcp-packets.h"

namespace restream::transport {

struct ReportBlock
{
  std::uint32_t ssrc = 0; // the source reported on
  std::uint8_t fraction_lost = 0; // of 256, since the last report
  std::int32_t cumulative_lost = 0; // 24 bits; negative with duplicates
  std::uint32_t highest_sequence = 0; // with the count of cycles above
  std::uint32_t jitter = 0; // in units of the RTP clock
  std::uint32_t last_sr = 0; // the middle of its NTP time; 0: none came
  std::uint32_t delay_since_last_sr = 0; // 1/65536 s
};

// Transport-wide feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01.
struct TransportFeedback
{
  // Of times of arrival, 250 µs each. They wrap after 12.4 days, as does the
  // reference time they stand on.
  static constexpr std::uint32_t kTicksPerSecond = 4000;

  std::uint16_t first_sequence = 0;
  std::uint16_t packets = 0; // how many on_transport_packet follow
  std::uint8_t feedback_count = 0;
};

// Called in the order of the bytes. SSRCs are as the viewer wrote them: to be
// checked by whoever knows its own.
class RtcpHandler
{
public:
  virtual void on_report (const ReportBlock &) {}
  virtual void on_nack (std::uint32_t ssrc, std::uint16_t sequence) {}
  virtual void on_pli (std::uint32_t ssrc) {}
  // The same request bears the same number.
  virtual void on_fir (std::uint32_t ssrc, std::uint8_t number) {}
  virtual void on_remb (std::uint64_t bits_per_second) {}
  // The packets of one feedback, only of a well formed one, in the order of
  // their numbers, and arrival ticks where they were received.
  virtual void on_transport_feedback (const TransportFeedback &) {}
  virtual void on_transport_packet (std::uint16_t sequence,
      std::optional<std::uint32_t> arrival)
  {
  }
  virtual void on_transport_feedback_end () {}
  virtual void on_bye (std::uint32_t ssrc) {}

protected:
  ~RtcpHandler () = default;
};

enum class RtcpFault
{
  none = 0,
  empty,
  header, // version, type, length or padding of a packet
  report, // shorter than its blocks
  nack,
  key_request, // PLI or FIR
  remb,
  transport_feedback,
  bye,
  flood // more NACKs or feedback than a real receiver sends at once
};

const char *name_of (RtcpFault fault);

// The most a datagram gets answered; Chrome's list of missing packets ends at
// 1000, and its feedback comes at least four times a second.
inline constexpr unsigned kMaxNacks = 1024;
inline constexpr unsigned kMaxFeedbackPackets = 4096;

// Reads until the end or the first fault; what came before it counts. What is
// not for a sender (descriptions, extended reports, unknown types) is skipped.
RtcpFault read_rtcp (std::span<const std::uint8_t> datagram,
    RtcpHandler &handler);

} // namespace restream::transport
