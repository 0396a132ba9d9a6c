// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer may send after DTLS: through the reader into all that lives on
// it, and once more packet by packet.
#include "plugin/transport/rtcp/bandwidth-estimate.h"
#include "plugin/transport/rtcp/retransmission-budget.h"
#include "plugin/transport/rtcp/round-trip.h"
#include "plugin/transport/rtcp/rtx.h"

#include <cstdlib>

using namespace restream;
using namespace restream::transport;

namespace {

constexpr std::uint64_t kNtp = 0xe9ee2f44'80000000;
constexpr std::uint64_t kMs = 1'000'000;

void
check (bool ok)
{
  if (!ok)
    std::abort ();
}

class Sender final : public RtcpHandler
{
public:
  Sender ()
  {
    budget.set_rate (500'000, now);
    for (unsigned i = 0; i < 200; i++)
      estimate.on_sent (static_cast<std::uint16_t> (65000 + 10 * i), 10, 12'000,
          now - (200 - i) * 20 * kMs);
  }

  void on_report (const ReportBlock &report) override
  {
    check (report.cumulative_lost >= -0x800000
        && report.cumulative_lost <= 0x7fffff);
    if (round_trip.add (kNtp, report))
      check (round_trip.last_ns () <= 10'000 * kMs);
    estimate.on_loss (report.fraction_lost, 4'000'000, now += 300 * kMs);
    items++;
  }
  void on_nack (std::uint32_t, std::uint16_t sequence) override
  {
    check (++nacks <= kMaxNacks);
    budget.ask (sequence, 1200, now, round_trip.smoothed_ns ());
    items++;
  }
  void on_pli (std::uint32_t) override { items++; }
  void on_fir (std::uint32_t, std::uint8_t) override { items++; }
  void on_remb (std::uint64_t rate) override
  {
    estimate.on_remb (rate, now);
    items++;
  }
  void on_transport_feedback (const TransportFeedback &f) override
  {
    check (promised == 0);
    next = f.first_sequence;
    promised = f.packets;
    items++;
  }
  void on_transport_packet (std::uint16_t sequence,
      std::optional<std::uint32_t> arrival) override
  {
    check (promised-- > 0 && sequence == next++);
    check (++packets <= kMaxFeedbackPackets);
    estimate.on_transport_packet (sequence, arrival);
  }
  void on_transport_feedback_end () override
  {
    check (promised == 0);
    estimate.on_transport_feedback_end (now += 100 * kMs);
    (void) estimate.bits_per_second (now);
  }
  void on_bye (std::uint32_t) override { items++; }

  std::uint64_t now = 1'000'000 * kMs;
  RoundTrip round_trip;
  RetransmissionBudget budget;
  BandwidthEstimate estimate;
  unsigned nacks = 0, packets = 0, items = 0;
  unsigned promised = 0;
  std::uint16_t next = 0;
};

} // namespace

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  const std::span<const std::uint8_t> bytes (data, size);
  Sender whole;
  const RtcpFault fault = read_rtcp (bytes, whole);
  check (whole.promised == 0);
  check (whole.budget.counts ().sent_bytes <= 250'000 + 500'000u * 60);

  // Each packet by itself says what it says in the compound.
  if (fault == RtcpFault::none) {
    unsigned items = 0;
    for (auto rest = bytes; !rest.empty ();) {
      const std::size_t length = 4 * (std::size_t{be16 (rest, 2)} + 1);
      Sender one;
      check (read_rtcp (rest.first (length), one) == RtcpFault::none);
      items += one.items;
      rest = rest.subspan (length);
    }
    check (items == whole.items);
  }

  // The bytes as an original packet.
  std::uint8_t out[128];
  const auto rtx = write_rtx_header (bytes, {.ssrc = 1}, {}, out);
  if (rtx)
    check (rtx->bytes >= 14 && rtx->bytes + rtx->payload.size () <= size + 2);
  return 0;
}
