// SPDX-License-Identifier: LGPL-2.1-or-later
// What encryption costs: CPU time for each packet of 1,200 bytes, by as many
// viewers in turn as leave the first cache, and the memory of each.
#include "tests/transport/native/srtp-samples.h"

#include <malloc.h>
#include <time.h>

#include <algorithm>

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr unsigned kViewers = 200;
constexpr unsigned kSlices = 400; // short ones, so that some are undisturbed
constexpr unsigned kRounds = 3; // packets for each viewer in a slice
constexpr std::size_t kPacketBytes = 1200;

double
cpu_ns ()
{
  timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double> (now.tv_sec) * 1e9
      + static_cast<double> (now.tv_nsec);
}

std::size_t
allocated ()
{
  const struct mallinfo2 info = mallinfo2 ();
  return info.uordblks + info.hblkhd;
}

// prepare is outside of the clock.
template <typename Prepare, typename Slice>
void
measure (SrtpProfile profile, const char *what, Prepare prepare, Slice slice)
{
  std::vector<double> costs;
  for (unsigned i = 0; i < kSlices; i++) {
    prepare (i);
    const double start = cpu_ns ();
    slice (i);
    costs.push_back ((cpu_ns () - start) / (kViewers * kRounds));
  }
  std::sort (costs.begin (), costs.end ());
  g_print ("%-24s  %-7s  %6.0f ns a packet (median %.0f)\n", name_of (profile),
      what, costs[kSlices / 50], costs[kSlices / 2]);
}

// A check for each call: a figure of packets that fail is worth nothing.
void
check (bool good, const char *what)
{
  if (!good)
    g_error ("%s failed", what);
}

void
bench (SrtpProfile profile)
{
  std::vector<SrtpKeys> keys;
  for (unsigned i = 0; i < kViewers; i++)
    keys.push_back (random_keys (profile));
  std::vector<SrtpSender> senders;
  std::vector<SrtpReceiver> receivers;
  std::vector<Bytes> reports (kViewers, rtcp_packet (1, 15));
  for (auto &report : reports)
    report.resize (report.size () + kMaxRtcpOverhead);
  senders.reserve (kViewers);
  receivers.reserve (kViewers);

  // What OpenSSL keeps for everybody comes with the first.
  (void) sender_of (keys[0]);
  (void) receiver_of (keys[0]);
  const std::size_t start = allocated ();
  for (const auto &key : keys)
    senders.push_back (sender_of (key));
  const std::size_t with_senders = allocated ();
  for (const auto &key : keys)
    receivers.push_back (receiver_of (key));
  for (unsigned i = 0; i < kViewers; i++) {
    const std::size_t plain = reports[i].size () - kMaxRtcpOverhead;
    const std::size_t bytes =
        senders[i].protect_rtcp (reports[i].data (), plain);
    check (receivers[i]
                .unprotect_rtcp (std::span (reports[i]).first (bytes))
                .verdict
            == SrtpVerdict::ok,
        "RTCP");
  }
  const std::size_t with_receivers = allocated ();

  Bytes header = rtp_header (1, 0, {0, 2});
  const Bytes payload = random_bytes (kPacketBytes - header.size ());
  const std::size_t sealed_bytes = kPacketBytes + srtp_tag_size (profile);
  std::vector<Bytes> packets (kRounds * kViewers,
      Bytes (kPacketBytes + kMaxRtpOverhead));
  auto seal = [&] (unsigned slice) {
    for (unsigned round = 0; round < kRounds; round++) {
      const unsigned sequence = slice * kRounds + round;
      header[2] = static_cast<std::uint8_t> (sequence >> 8);
      header[3] = static_cast<std::uint8_t> (sequence);
      for (unsigned i = 0; i < kViewers; i++) {
        Bytes &out = packets[round * kViewers + i];
        std::memcpy (out.data (), header.data (), header.size ());
        check (senders[i].protect_rtp (out.data (), header.size (), payload, 0)
                == sealed_bytes,
            "protect_rtp");
      }
    }
  };
  auto open = [&] (unsigned) {
    for (unsigned i = 0; i < kRounds * kViewers; i++)
      check (receivers[i % kViewers]
                  .unprotect_rtp (std::span (packets[i]).first (sealed_bytes))
                  .verdict
              == SrtpVerdict::ok,
          "unprotect_rtp");
  };
  auto nothing = [] (unsigned) {};
  measure (profile, "RTP out", nothing, seal);
  // A packet opens once: seal the next ones before, outside of the clock.
  measure (
      profile, "RTP in", [&] (unsigned slice) { seal (kSlices + slice); },
      open);
  g_print ("%-24s  sender   %5zu bytes, of these %zu its own\n",
      name_of (profile),
      (with_senders - start) / kViewers + sizeof (SrtpSender),
      sizeof (SrtpSender));
  g_print ("%-24s  receiver %5zu bytes, of these %zu its own (RTCP of one "
           "SSRC)\n",
      name_of (profile),
      (with_receivers - with_senders) / kViewers + sizeof (SrtpReceiver),
      sizeof (SrtpReceiver));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_print (
      "%zu-byte packets, %u viewers in turn; the lowest 50th of %u slices\n",
      kPacketBytes, kViewers, kSlices);
  for (const auto profile : kProfiles)
    bench (profile);
  return 0;
}
