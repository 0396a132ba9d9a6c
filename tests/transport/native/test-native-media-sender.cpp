// SPDX-License-Identifier: LGPL-2.1-or-later
// What one viewer is sent at the live edge, and its answers to RTCP.
#include "tests/transport/native/media-sender-bench.h"

#include <set>

using namespace restream;
using namespace restream::transport;
using namespace restream::transport::native;

namespace {

// Without a cache.
void
begins_at_a_join ()
{
  Bench bench ({.start = {.max_bytes = 0}});
  bench.push (bench.video.make (run_of (10, 3), 0));
  bench.sender.start (bench.feed); // what is there now is too old
  bench.serve ();
  bench.push (bench.video.make (run_of (13, 4)));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 0);
  g_assert_cmpuint (bench.report (false).size (), ==, 0); // nothing to report

  bench.push (bench.video.make (run_of (17, 5), 2));
  bench.serve ();
  const auto got = bench.take ();
  g_assert_cmpuint (got.size (), ==, 3);
  for (std::size_t i = 0; i < 3; i++) {
    g_assert_cmpuint (got[i].sequence, ==, 19 + i);
    g_assert_cmpuint (got[i].payload_type, ==, kVideoType);
    g_assert_cmphex (got[i].ssrc, ==, kVideoSsrc);
    g_assert_false (got[i].transport_sequence.has_value ());
    g_assert_true (got[i].payload
        == native::Bytes (100, static_cast<std::uint8_t> (19 + i)));
  }
  g_assert_cmpuint (bench.counters[0].packets, ==, 3);
  g_assert_cmpuint (bench.counters[0].dropped, ==, 0);
  g_assert_false (bench.sender.is_behind (bench.feed));
}

// Whatever sizes, all arrives in its order, with the marker as it was.
void
all_sizes_of (SrtpProfile profile)
{
  Bench bench ({.transport_sequence_id = 5, .profile = profile});
  std::uint16_t sequence = 0;
  std::vector<std::size_t> sizes;
  std::size_t wire = 0;
  for (unsigned burst = 0; burst < 40; burst++) {
    std::vector<native::Bytes> all;
    for (unsigned i = 0; i < 1 + burst * 5 % 11; i++) {
      const std::size_t size = i % 4 == 3 ? 1 + burst * 37 % 1300 : 1300;
      sizes.push_back (size);
      all.push_back (bench.video.packet (sequence++, size));
      if (i % 3 == 0)
        all.back ()[1] |= 0x80;
    }
    bench.push (
        bench.video.copy (all, burst == 0 ? std::optional (0u) : std::nullopt));
    bench.serve ();
    const auto got = bench.take ();
    g_assert_cmpuint (got.size (), ==, all.size ());
    for (std::size_t i = 0; i < got.size (); i++) {
      const auto number =
          static_cast<std::uint16_t> (sequence - all.size () + i);
      g_assert_cmpuint (got[i].sequence, ==, number);
      g_assert_true (got[i].marker == (i % 3 == 0));
      g_assert_true (got[i].payload
          == native::Bytes (sizes[number], static_cast<std::uint8_t> (number)));
      // Numbered over all that is sent.
      g_assert_cmpuint (*got[i].transport_sequence, ==, number);
      wire += got[i].payload.size () + 20 + srtp_tag_size (profile);
    }
  }
  g_assert_cmpuint (bench.counters[0].bytes, ==, wire);
}

void
all_sizes ()
{
  for (SrtpProfile profile : kProfiles)
    all_sizes_of (profile);
}

// The viewer starts its roll-over counter with 0 wherever it begins, and follows it.
void
roll_over ()
{
  for (std::uint16_t first : {0, 32768, 65535}) {
    Bench bench;
    std::uint16_t next = first;
    std::uint64_t sent = 0;
    // Before it: the stream itself is some turns old.
    for (unsigned i = 0; i < 30; i++)
      bench.video.make (
          {static_cast<std::uint16_t> (first - 30'000 + 1000 * i)});
    bench.push (bench.video.make ({next++}, 0));
    while (sent < 2 * 65536 + 1000) {
      bench.serve ();
      for (const Received &packet : bench.take ()) {
        g_assert_cmpuint (packet.sequence, ==,
            static_cast<std::uint16_t> (first + sent));
        sent++;
      }
      bench.push (bench.video.make (run_of (next, 480), {}, bench.now_us, 1));
      next = static_cast<std::uint16_t> (next + 480);
    }
    g_assert_cmpuint (bench.counters[0].dropped, ==, 0);
  }
}

// Two media of one viewer count their packets together, where it is asked for.
void
transport_sequences ()
{
  Bench bench ({.transport_sequence_id = 3});
  std::set<std::uint16_t> seen;
  for (std::uint16_t i = 0; i < 50; i++) {
    const std::optional<unsigned> join =
        i == 0 ? std::optional (0u) : std::nullopt;
    bench.push (bench.video.make (
        run_of (static_cast<std::uint16_t> (3 * i), 3), join));
    bench.push (bench.audio.make ({i}, 0));
    bench.serve (Media::video);
    bench.serve (Media::audio);
    for (const Received &packet : bench.take ()) {
      g_assert_true (packet.transport_sequence.has_value ());
      g_assert_true (seen.insert (*packet.transport_sequence).second);
    }
  }
  // A retransmission has a number of its own.
  bench.rtcp (Bench::nack (kVideoSsrc, 149));
  const auto again = bench.take ();
  g_assert_cmpuint (again.size (), ==, 1);
  g_assert_cmphex (again[0].ssrc, ==, kRtxSsrc);
  g_assert_true (seen.insert (*again[0].transport_sequence).second);
  g_assert_cmpuint (seen.size (), ==, 201);
  g_assert_cmpuint (*seen.rbegin (), ==, 200);
}

void
nack_by_rtx ()
{
  Bench bench;
  bench.push (bench.video.make (run_of (65530, 20), 2));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 18);
  // 65534 and, by the mask, 65535, 0 and 2.
  bench.rtcp (Bench::nack (kVideoSsrc, 65534, 0b1011));
  const auto again = bench.take ();
  const std::uint16_t wanted[] = {65534, 65535, 0, 2};
  g_assert_cmpuint (again.size (), ==, 4);
  for (std::size_t i = 0; i < 4; i++) {
    g_assert_cmpuint (again[i].payload_type, ==, kRtxType);
    g_assert_cmphex (again[i].ssrc, ==, kRtxSsrc);
    g_assert_cmpuint (again[i].sequence, ==,
        static_cast<std::uint16_t> (again[0].sequence + i));
    // RFC 4588: the original number, then the original payload.
    g_assert_cmpuint (be16 (again[i].payload, 0), ==, wanted[i]);
    g_assert_true (
        native::Bytes (again[i].payload.begin () + 2, again[i].payload.end ())
        == native::Bytes (100, static_cast<std::uint8_t> (wanted[i])));
  }
  g_assert_cmpuint (bench.link.nacks, ==, 4);
  g_assert_cmpuint (bench.counters[0].retransmitted, ==, 4);
  // At once again is the same loss, seen twice.
  bench.rtcp (Bench::nack (kVideoSsrc, 65534));
  g_assert_cmpuint (bench.take ().size (), ==, 0);

  // Before the viewer's first packet, not sent yet, unknown, of nobody, of a medium
  // without NACKs.
  bench.push (bench.video.make ({14}));
  bench.rtcp (Bench::nack (kVideoSsrc, 65531));
  bench.rtcp (Bench::nack (kVideoSsrc, 14));
  bench.rtcp (Bench::nack (kVideoSsrc, 30000));
  bench.rtcp (Bench::nack (0xdeadbeef, 1));
  bench.rtcp (Bench::nack (kRtxSsrc, 0));
  bench.rtcp (Bench::nack (kAudioSsrc, 1));
  g_assert_cmpuint (bench.take ().size (), ==, 0);
  g_assert_cmpuint (bench.counters[0].retransmitted, ==, 4);
}

void
nack_without_rtx ()
{
  Bench bench ({.rtx = false});
  bench.push (bench.video.make (run_of (65530, 10), 0));
  bench.serve ();
  const auto first = bench.take_raw ();
  g_assert_cmpuint (first.size (), ==, 10);
  bench.rtcp (Bench::nack (kVideoSsrc, 1));
  const auto again = bench.take_raw ();
  g_assert_cmpuint (again.size (), ==, 1);
  // To the byte: one index of one key protects one packet only.
  g_assert_true (again[0] == first[7]);
  g_assert_cmpuint (bench.counters[0].retransmitted, ==, 1);

  Bench without ({.nack = false});
  without.push (without.video.make (run_of (1, 3), 0));
  without.serve ();
  g_assert_cmpuint (without.take ().size (), ==, 3);
  without.rtcp (Bench::nack (kVideoSsrc, 2));
  g_assert_cmpuint (without.take ().size (), ==, 0);
}

// A flood of requests makes no flood of packets.
void
nack_flood ()
{
  Bench bench;
  bench.push (bench.video.make (run_of (0, 1000), 0, bench.now_us, 1000));
  bench.serve ();
  bench.take ();
  for (unsigned round = 0; round < 50; round++) {
    bench.now_us += 100;
    for (std::uint16_t n = 0; n < 1000; n = static_cast<std::uint16_t> (n + 17))
      bench.rtcp (Bench::nack (kVideoSsrc, n, 0xffff));
    bench.take_raw ();
  }
  g_assert_cmpuint (bench.link.nacks, >, 50'000);
  // 5 ms, and the stream's whole first second as a start.
  g_assert_cmpuint (bench.counters[0].retransmitted, <=, 1100);
  g_assert_cmpuint (bench.counters[0].retransmitted, >, 0);
}

// Who is behind by too much loses what is in between, and goes on at a join.
void
lag ()
{
  Bench bench;
  bench.push (bench.video.make (run_of (100, 5), 0, bench.now_us));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 5);
  // Nobody serves for a while.
  for (std::uint16_t i = 0; i < 10; i++) {
    bench.now_us += 100'000;
    bench.push (bench.video.make ({static_cast<std::uint16_t> (105 + i)}, {},
        bench.now_us));
  }
  g_assert_true (bench.sender.is_behind (bench.feed));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 0);
  g_assert_cmpuint (bench.counters[0].dropped, ==, 10);
  g_assert_false (bench.sender.is_behind (bench.feed));
  bench.push (bench.video.make ({115}, {}, bench.now_us));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==,
      0); // no picture without its keyframe
  bench.push (bench.video.make (run_of (116, 3), 1, bench.now_us));
  bench.serve ();
  const auto got = bench.take ();
  g_assert_cmpuint (got.size (), ==, 2);
  g_assert_cmpuint (got[0].sequence, ==, 117);
  g_assert_cmpuint (bench.counters[0].packets, ==, 7);

  // The same when the ring has turned over.
  for (unsigned i = 0; i < PacketRing::kMaxCapacity + 10; i++)
    bench.push (bench.video.make ({static_cast<std::uint16_t> (119 + i)}, {},
        bench.now_us));
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 0);
  g_assert_cmpuint (bench.counters[0].dropped, ==,
      10 + PacketRing::kMaxCapacity + 10);
}

// What never came leaves a gap, and holds nothing up.
void
gaps ()
{
  Bench bench;
  bench.push (bench.video.make ({1, 2, 5, 6}, 0));
  bench.serve ();
  bench.push (bench.video.make ({4, 9}));
  bench.serve ();
  std::vector<std::uint16_t> got;
  for (const Received &packet : bench.take ())
    got.push_back (packet.sequence);
  g_assert_true (got == std::vector<std::uint16_t> ({1, 2, 5, 6, 9}));
  // What came too late for its turn is still there for who asks.
  bench.rtcp (Bench::nack (kVideoSsrc, 3, 0b1));
  const auto again = bench.take ();
  g_assert_cmpuint (again.size (), ==, 1);
  g_assert_cmpuint (be16 (again[0].payload, 0), ==, 4);
}

void
reports ()
{
  Bench bench;
  bench.push (bench.video.make (run_of (1, 4), 0));
  bench.serve ();
  bench.take ();
  const native::Bytes report = bench.report (false);
  g_assert_cmpuint (report[1], ==, 200); // SR
  g_assert_cmphex (be32 (report, 4), ==, kVideoSsrc);
  g_assert_cmpuint (be32 (report, 20), ==, 4);
  g_assert_cmpuint (be32 (report, 24), ==, 400);
  const native::Bytes bye = bench.report (true);
  // SR, SDES, BYE.
  std::vector<unsigned> kinds;
  for (std::size_t at = 0; at < bye.size ();
       at += 4u * (be16 (bye, at + 2) + 1u))
    kinds.push_back (bye[at + 1]);
  g_assert_true (kinds.back () == 203 && kinds.front () == 200);

  // What the viewer says of itself.
  native::Bytes receiver_report{0x81, 201, 0, 7, 9, 9, 9, 9};
  receiver_report.resize (32);
  put_be32 (receiver_report, 8, kVideoSsrc);
  put_be32 (receiver_report, 12, 0x80000007); // half of them; 7 in all
  put_be32 (receiver_report, 20, 90); // 1 ms
  bench.rtcp (receiver_report);
  g_assert_cmpint (bench.counters[0].lost, ==, 7);
  g_assert_cmpuint (bench.counters[0].jitter_us, ==, 1000);
  g_assert_cmpint (bench.counters[1].lost, ==, 0);
  g_assert_cmpuint (bench.link.rejected, ==, 0);
  bench.rtcp ({0x81, 201, 0, 7, 9, 9, 9, 9});
  g_assert_cmpuint (bench.link.rejected, ==, 1);
}

// A receiver report on the audio.
native::Bytes
audio_report (std::uint8_t fraction_lost)
{
  native::Bytes report{0x81, 201, 0, 7, 9, 9, 9, 9};
  report.resize (32);
  put_be32 (report, 8, kAudioSsrc);
  report[12] = fraction_lost;
  return report;
}

// Who loses audio gets each packet with the one before in it (RFC 2198), until half a minute has gone by
// without a loss.
void
redundancy ()
{
  for (std::uint8_t id : {0, 5}) {
    Bench bench ({.transport_sequence_id = id, .red = true});
    std::uint16_t sequence = 65530;
    unsigned redundant = 0;
    std::uint32_t timestamp = 0xfffffff0;
    // Sends one packet; was it redundant?
    auto send = [&] (std::size_t bytes) {
      std::vector<native::Bytes> one{bench.audio.packet (sequence++, bytes)};
      put_be32 (one[0], 4, timestamp += 960);
      bench.push (bench.audio.copy (one, 0u, bench.now_us));
      bench.serve (Media::audio);
      const auto got = bench.take ();
      g_assert_cmpuint (got.size (), ==, 1);
      const native::Bytes plain (bytes,
          static_cast<std::uint8_t> (sequence - 1));
      g_assert_cmpuint (got[0].sequence, ==,
          static_cast<std::uint16_t> (sequence - 1));
      g_assert_cmpuint (got[0].timestamp, ==, timestamp);
      const native::Bytes &payload = got[0].payload;
      if (got[0].payload_type == kAudioType) {
        g_assert_true (payload == plain);
        return false;
      }
      g_assert_cmpuint (got[0].payload_type, ==, kRedType);
      g_assert_cmpuint (++redundant, ==, bench.counters[1].redundant);
      const std::size_t before = be32 (payload, 0) & 0x3ff;
      g_assert_cmphex (be32 (payload, 0) & ~0x3ffu, ==,
          0x80000000u | kAudioType << 24 | 960u << 10);
      g_assert_cmpuint (payload[4], ==, kAudioType);
      g_assert_cmpuint (payload.size (), ==, 5 + before + bytes);
      for (std::size_t i = 5; i < payload.size (); i++)
        g_assert_cmpuint (payload[i], ==,
            static_cast<std::uint8_t> (sequence - (i < 5 + before ? 2 : 1)));
      return true;
    };
    g_assert_false (send (100));
    bench.rtcp (audio_report (2)); // hardly any
    g_assert_false (send (100));
    bench.rtcp (audio_report (3));
    g_assert_true (send (80));
    g_assert_true (send (120));
    // It turns with the sequence numbers, and leaves out what the header cannot say.
    for (unsigned i = 0; i < 8; i++)
      g_assert_true (send (1 + 31 * i));
    g_assert_true (send (1100)); // that before is small
    g_assert_false (send (100)); // that before is not
    g_assert_true (send (100));
    sequence++; // never came
    g_assert_false (send (100));
    bench.now_us += 29'000'000;
    g_assert_false (send (100)); // the one before is gone
    g_assert_true (send (100));
    bench.rtcp (audio_report (128));
    bench.now_us += 29'000'000;
    g_assert_false (send (100)); // the one before is gone
    g_assert_true (send (100));
    bench.rtcp (audio_report (0));
    bench.now_us += 2'000'000;
    g_assert_false (send (100));
    g_assert_false (send (100));
  }
  // Not negotiated.
  Bench bench;
  bench.push (bench.audio.make ({1}, 0));
  bench.serve (Media::audio);
  bench.rtcp (audio_report (128));
  bench.push (bench.audio.make ({2}, 0));
  bench.serve (Media::audio);
  for (const Received &packet : bench.take ())
    g_assert_cmpuint (packet.payload_type, ==, kAudioType);
}

// The picture is held back from the beginning as long as the sound will be; not where there is none.
void
playout_delays ()
{
  for (const bool audio : {true, false}) {
    Bench bench (
        {.transport_sequence_id = 3, .playout_delay_id = 12, .audio = audio});
    std::uint16_t sequence = 0;
    for (unsigned i = 0; i < 80; i++) {
      bench.push (bench.video.make (run_of (sequence, 3),
          i == 0 ? std::optional (0u) : std::nullopt, bench.now_us));
      sequence = static_cast<std::uint16_t> (sequence + 3);
      bench.serve ();
      for (const Received &packet : bench.take ()) {
        g_assert_true (packet.playout_delay.has_value () == (audio && i < 40));
        if (packet.playout_delay)
          g_assert_cmphex (*packet.playout_delay, ==, 10u << 12 | 0xfff);
      }
      bench.now_us += 50'000;
    }
  }
}

// Once a second and in a packet of its own size, whatever comes with it; by the sender's clock.
void
capture_times ()
{
  for (std::uint8_t transport_id : {0, 5}) {
    Bench bench ({.transport_sequence_id = transport_id, .capture_time_id = 9});
    unsigned told = 0;
    std::uint16_t sequence = 0;
    for (unsigned i = 0; i < 60; i++) {
      bench.now_us += 50'000;
      bench.video.timestamp = 90 * 50 * i;
      bench.push (bench.video.make (run_of (sequence, 4),
          i == 0 ? std::optional (0u) : std::nullopt, bench.now_us));
      sequence = static_cast<std::uint16_t> (sequence + 4);
      bench.serve ();
      const auto got = bench.take ();
      g_assert_cmpuint (got.size (), ==, 4);
      for (std::size_t n = 0; n < got.size (); n++) {
        g_assert_true (
            got[n].transport_sequence.has_value () == (transport_id != 0));
        g_assert_true (got[n].payload.size () == 100);
        g_assert_true (
            got[n].capture_time.has_value () == (i % 20 == 0 && n == 0));
        if (!got[n].capture_time)
          continue;
        // To the microsecond what the clock says of that timestamp.
        const auto expected = bench.feed.clocks[0]->ntp_of (
            bench.video.timestamp, ntp_at (bench.now_us));
        g_assert_true (got[n].capture_time == expected);
        told++;
      }
    }
    g_assert_cmpuint (told, ==, 3);
    // A retransmission's time is that of another packet.
    bench.rtcp (Bench::nack (kVideoSsrc, 0));
    const auto again = bench.take ();
    g_assert_cmpuint (again.size (), ==, 1);
    g_assert_false (again[0].capture_time.has_value ());
  }
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/media-sender/join", begins_at_a_join);
  g_test_add_func ("/media-sender/sizes", all_sizes);
  g_test_add_func ("/media-sender/roll-over", roll_over);
  g_test_add_func ("/media-sender/transport-sequences", transport_sequences);
  g_test_add_func ("/media-sender/capture-times", capture_times);
  g_test_add_func ("/media-sender/playout-delays", playout_delays);
  g_test_add_func ("/media-sender/nack-rtx", nack_by_rtx);
  g_test_add_func ("/media-sender/nack-same", nack_without_rtx);
  g_test_add_func ("/media-sender/nack-flood", nack_flood);
  g_test_add_func ("/media-sender/redundancy", redundancy);
  g_test_add_func ("/media-sender/lag", lag);
  g_test_add_func ("/media-sender/gaps", gaps);
  g_test_add_func ("/media-sender/reports", reports);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
