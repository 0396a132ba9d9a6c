// SPDX-License-Identifier: LGPL-2.1-or-later
// What one viewer is sent, from the ring through a real socket to an SRTP receiver.
#include "common/bytes.h"
#include "plugin/transport/native/media-sender.h"
#include "plugin/transport/native/rtcp/rtcp-reader.h"
#include "tests/transport/native/bursts.h"
#include "tests/transport/native/srtp-samples.h"

#include <arpa/inet.h>

#include <set>

using namespace restream;
using namespace restream::transport;
using namespace restream::transport::native;

namespace {

constexpr std::uint32_t kVideoSsrc = 0x11111111, kAudioSsrc = 0x22222222,
                        kRtxSsrc = 0x33333333;
constexpr std::uint8_t kVideoType = 100, kRtxType = 101, kAudioType = 110,
                       kRedType = 63;

struct Options
{
  bool nack = true;
  bool rtx = true;
  std::uint8_t transport_sequence_id = 0;
  bool audio = true;
  bool red = false;
  InstantStart start{};
};

// What came out at the other end.
struct Received
{
  std::uint8_t payload_type;
  bool marker;
  std::uint16_t sequence;
  std::uint32_t timestamp;
  std::uint32_t ssrc;
  std::optional<std::uint16_t> transport_sequence;
  native::Bytes payload;
};

// Our side of a viewer, and the viewer's.
class Bench
{
public:
  explicit Bench (Options options = {})
      : keys_ (random_keys (SrtpProfile::aead_aes_128_gcm)),
        receiver_ (receiver_of (keys_)), settings_ (settings (options)),
        feed (std::make_shared<SharedStream> (1, 1, options.start)),
        sender (settings_, sender_of (keys_), {&counters[0], &counters[1]},
            link)
  {
    fd_ = Descriptor (::socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage name;
    const Address loopback = *Address::parse ("127.0.0.1", 0);
    socklen_t length = loopback.to (name, AF_INET);
    int status =
        bind (fd_.get (), reinterpret_cast<sockaddr *> (&name), length);
    g_assert_cmpint (status, ==, 0);
    length = sizeof name;
    getsockname (fd_.get (), reinterpret_cast<sockaddr *> (&name), &length);
    path = {.remote = *Address::from (name), .local = loopback.ip};
    int bytes = 4 << 20;
    setsockopt (fd_.get (), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

  void push (std::shared_ptr<const Burst> burst)
  {
    Media media = burst->media ();
    feed.clocks[index_of (media)] = burst->clock ();
    feed.append (std::move (burst));
  }
  // Turns until the viewer is owed nothing.
  void serve (Media media = Media::video)
  {
    // A turn each millisecond, in a time of their own.
    for (std::int64_t at = now_us; sender.serve (media, feed, queue, path, at);
         at += 1000)
      turns++;
  }
  void rtcp (const native::Bytes &compound)
  {
    sender.handle_rtcp (compound, feed, queue, path, now_us);
  }
  static native::Bytes nack (std::uint32_t ssrc, std::uint16_t sequence,
      std::uint16_t following = 0)
  {
    native::Bytes packet{0x81, 205, 0, 3, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0};
    put_be32 (packet, 8, ssrc);
    put_be16 (packet, 12, sequence);
    put_be16 (packet, 14, following);
    return packet;
  }

  // All that is there, as datagrams.
  std::vector<native::Bytes> take_raw ()
  {
    queue.flush ();
    std::vector<native::Bytes> all;
    std::uint8_t bytes[2048];
    for (ssize_t n;
         (n = recv (fd_.get (), bytes, sizeof bytes, MSG_DONTWAIT)) >= 0;)
      all.emplace_back (bytes, bytes + n);
    return all;
  }
  std::vector<Received> take ()
  {
    std::vector<Received> all;
    for (native::Bytes &packet : take_raw ())
      all.push_back (open (packet));
    return all;
  }
  Received open (native::Bytes &packet)
  {
    SrtpReceiver::Plain plain = receiver_.unprotect_rtp (packet);
    g_assert_cmpstr (name_of (plain.verdict), ==, name_of (SrtpVerdict::ok));
    std::span<const std::uint8_t> p = plain.packet;
    Received r{.payload_type = static_cast<std::uint8_t> (p[1] & 0x7f),
        .marker = (p[1] & 0x80) != 0,
        .sequence = be16 (p, 2),
        .timestamp = be32 (p, 4),
        .ssrc = be32 (p, 8),
        .transport_sequence = {},
        .payload = {}};
    std::size_t at = 12;
    if (p[0] & 0x10) {
      g_assert_cmphex (be16 (p, 12), ==, 0xbede);
      g_assert_cmpuint (be16 (p, 14), ==, 1);
      g_assert_cmphex (p[16], ==,
          settings_.media[0].transport_sequence_id << 4 | 1);
      r.transport_sequence = be16 (p, 17);
      at = 20;
    }
    r.payload.assign (p.begin () + static_cast<std::ptrdiff_t> (at), p.end ());
    return r;
  }
  // The kinds of packets in a report of ours, decrypted.
  native::Bytes report (bool bye)
  {
    std::span<const std::uint8_t> sealed = sender.make_report (feed, bye);
    native::Bytes bytes (sealed.begin (), sealed.end ());
    if (bytes.empty ())
      return bytes;
    SrtpReceiver::Plain plain = receiver_.unprotect_rtcp (bytes);
    g_assert_true (plain.verdict == SrtpVerdict::ok);
    return {plain.packet.begin (), plain.packet.end ()};
  }

  std::array<MediaCounters, kMediaCount> counters;
  LinkCounters link;
  std::int64_t now_us = 1'000'000;
  Path path;
  unsigned turns = 0;
  BurstMaker video{Media::video, kVideoSsrc}, audio{Media::audio, kAudioSsrc};

private:
  static SenderSettings settings (const Options &options)
  {
    SenderSettings settings{.media = {}, .cname = "the-stream"};
    settings.media[index_of (Media::video)] = {.active = true,
        .payload_type = kVideoType,
        .ssrc = kVideoSsrc,
        .clock_rate = 90000,
        .nack = options.nack,
        .rtx_payload_type = {},
        .rtx_ssrc = kRtxSsrc,
        .red_payload_type = {},
        .transport_sequence_id = options.transport_sequence_id};
    if (options.rtx)
      settings.media[index_of (Media::video)].rtx_payload_type = kRtxType;
    settings.media[index_of (Media::audio)] = {.active = options.audio,
        .payload_type = kAudioType,
        .ssrc = kAudioSsrc,
        .clock_rate = 48000,
        .nack = false,
        .rtx_payload_type = {},
        .rtx_ssrc = 0,
        .red_payload_type = {},
        .transport_sequence_id = options.transport_sequence_id};
    if (options.red)
      settings.media[index_of (Media::audio)].red_payload_type = kRedType;
    return settings;
  }
  static UdpSocket open_socket ()
  {
    auto sockets = UdpSocket::open (0, 1);
    g_assert_true (sockets.has_value ());
    return std::move (sockets->front ());
  }

  Descriptor fd_;
  UdpSocket socket_ = open_socket ();
  SrtpKeys keys_;
  SrtpReceiver receiver_;
  SenderSettings settings_;

public:
  StreamFeed feed;
  SendQueue queue{socket_};
  MediaSender sender;
};

std::vector<std::uint16_t>
run_of (std::uint16_t first, unsigned count)
{
  std::vector<std::uint16_t> all (count);
  for (std::uint16_t &sequence : all)
    sequence = first++;
  return all;
}

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
all_sizes ()
{
  Bench bench ({.transport_sequence_id = 5});
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
      wire += got[i].payload.size () + 20 + 16;
    }
  }
  g_assert_cmpuint (bench.counters[0].bytes, ==, wire);
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

constexpr std::uint32_t kFrameTicks = 3000;
constexpr std::int64_t kFrameUs = 33'333;

// A camera: thirty pictures a second, a keyframe when it is told to.
class Pictures
{
public:
  explicit Pictures (Bench &bench, std::uint16_t first = 65000)
      : bench_ (bench), next_ (first)
  {
    bench.video.timestamp = 0xffffff00; // it wraps on the way
  }
  // whole: with a marker at its end.
  void push (bool key, unsigned packets, bool whole = true)
  {
    std::vector<native::Bytes> all;
    for (unsigned i = 0; i < packets; i++)
      all.push_back (
          bench_.video.packet (static_cast<std::uint16_t> (next_ + i), 1000));
    all.back ()[1] |= whole ? 0x80 : 0;
    bench_.push (bench_.video.copy (all,
        key ? std::optional (0u) : std::nullopt, bench_.now_us));
    sent_ += packets;
    next_ = static_cast<std::uint16_t> (next_ + packets);
    bench_.video.timestamp += kFrameTicks;
    bench_.now_us += kFrameUs;
  }
  // A keyframe, and what follows.
  void push_group (unsigned pictures)
  {
    push (true, 20);
    for (unsigned i = 1; i < pictures; i++)
      push (false, 4);
  }
  std::uint16_t next () const { return next_; }
  std::uint64_t sent () const { return sent_; }
  std::uint32_t newest_timestamp () const
  {
    return bench_.video.timestamp - kFrameTicks;
  }

private:
  Bench &bench_;
  std::uint16_t next_;
  std::uint64_t sent_ = 0;
};

std::int32_t
ticks_between (std::uint32_t from, std::uint32_t to)
{
  return static_cast<std::int32_t> (to - from);
}

// Serves in real time while pictures go on, until the viewer is at the live edge; returns
// what it got, and after how long it was there.
std::pair<std::vector<Received>, std::int64_t>
catch_up (Bench &bench, Pictures &pictures)
{
  std::vector<Received> all;
  const std::int64_t began = bench.now_us;
  std::int64_t at = began;
  for (;; at += 1000) {
    g_assert_cmpint (at - began, <, 20'000'000);
    if (at >= bench.now_us)
      pictures.push (false, 4);
    const bool more = bench.sender.serve (Media::video, bench.feed, bench.queue,
        bench.path, at);
    for (Received &packet : bench.take ())
      all.push_back (std::move (packet));
    if (!more)
      break;
  }
  return {std::move (all), at - began};
}

// All of the group, each packet once, in fast-forward: the first picture is as new as
// the newest, and from the live edge on the timestamps are the stream's.
void
begins_in_the_past ()
{
  Bench bench;
  Pictures pictures (bench);
  pictures.push_group (120);
  const std::uint32_t live = pictures.newest_timestamp ();
  const std::int64_t began = bench.now_us;
  bench.sender.start (bench.feed);
  auto [got, took] = catch_up (bench, pictures);
  g_assert_cmpuint (got.size (), ==, pictures.sent ());
  // A second for four of them.
  g_assert_cmpint (took, <, 1'000'000);
  g_assert_cmpint (took, >, 100'000);
  std::uint16_t sequence = 65000;
  std::uint32_t before = live;
  unsigned faster = 0;
  for (std::size_t i = 0; i < got.size (); i++) {
    g_assert_cmpuint (got[i].sequence, ==, sequence++);
    const std::int32_t step = ticks_between (before, got[i].timestamp);
    g_assert_cmpint (step, >=, 0);
    g_assert_cmpint (step, <=, i ? kFrameTicks : kFrameTicks + 500);
    if (i > 20 && step > 0 && step < static_cast<int> (kFrameTicks) / 2)
      faster++;
    before = got[i].timestamp;
  }
  g_assert_cmpuint (faster, >=, 100);

  // To the browser there is no past: the picture is never later than its timestamp says.
  const std::int32_t shown = ticks_between (live, before);
  g_assert_cmpint (shown, >=, 0);
  g_assert_cmpint (shown, <=, (bench.now_us - began) * 9 / 100 + kFrameTicks);
  pictures.push (false, 4);
  pictures.push (false, 4);
  bench.serve ();
  const auto edge = bench.take ();
  g_assert_cmpuint (edge.back ().timestamp, ==, pictures.newest_timestamp ());
  g_assert_cmpuint (bench.counters[0].dropped, ==, 0);
}

// What is longer than the bounds is not kept: it waits.
void
waits_for_the_next ()
{
  for (InstantStart start : {InstantStart{.max_bytes = 100'000},
           InstantStart{.max_time = GST_SECOND}}) {
    Bench bench ({.start = start});
    Pictures pictures (bench);
    pictures.push_group (120);
    bench.sender.start (bench.feed);
    bench.serve ();
    g_assert_cmpuint (bench.take ().size (), ==, 0);
    pictures.push (true, 20);
    bench.serve ();
    const auto got = bench.take ();
    g_assert_cmpuint (got.size (), ==, 20);
    g_assert_cmphex (got[0].timestamp, ==, pictures.newest_timestamp ());
  }
}

// What the viewer has lost it gets again, from the keyframe on, as something new.
void
keyframe_again ()
{
  for (bool rtx : {true, false}) {
    const bool torn = rtx;
    Bench bench ({.rtx = rtx});
    Pictures pictures (bench);
    pictures.push (true, 20);
    bench.serve ();
    for (unsigned i = 0; i < 60; i++) {
      pictures.push (false, 4, i < 59 || !torn);
      bench.serve ();
    }
    auto first = bench.take_raw ();
    std::vector<native::Bytes> raw = first;
    std::vector<Received> before;
    for (native::Bytes &packet : first)
      before.push_back (bench.open (packet));
    g_assert_cmpuint (before.size (), ==, 260);

    native::Bytes pli{0x81, 206, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0};
    put_be32 (pli, 8, kVideoSsrc);
    bench.rtcp (pli);
    auto [again, took] = catch_up (bench, pictures);
    g_assert_cmpint (took, <, 1'000'000);
    g_assert_cmpuint (again.size (), ==, pictures.sent ());
    g_assert_true (again[0].payload == before[0].payload);
    // One is missing in between if the picture in hand is not whole.
    std::uint16_t sequence = before.back ().sequence;
    g_assert_cmpuint (again[0].sequence, ==,
        static_cast<std::uint16_t> (sequence + 1 + torn));
    g_assert_cmpint (
        ticks_between (before.back ().timestamp, again[0].timestamp), >, 0);
    for (std::size_t i = 1; i < again.size (); i++)
      g_assert_cmpuint (again[i].sequence, ==,
          static_cast<std::uint16_t> (again[0].sequence + i));

    // Once a second.
    bench.rtcp (pli);
    bench.serve ();
    g_assert_cmpuint (bench.take ().size (), ==, 0);
    g_assert_cmpuint (bench.link.keyframe_requests, ==, 2);

    // NACKs find what was sent under a number, before and after; not the missing one.
    auto content = [&] (const Received &packet) {
      return rtx
          ? native::Bytes (packet.payload.begin () + 2, packet.payload.end ())
          : packet.payload;
    };
    if (torn) {
      bench.rtcp (
          Bench::nack (kVideoSsrc, static_cast<std::uint16_t> (sequence + 1)));
      g_assert_cmpuint (bench.take ().size (), ==, 0);
    }
    const Received &old = before[255], &young = again[30];
    if (rtx) {
      bench.rtcp (Bench::nack (kVideoSsrc, old.sequence));
      bench.rtcp (Bench::nack (kVideoSsrc, young.sequence));
      const auto resent = bench.take ();
      g_assert_cmpuint (resent.size (), ==, 2);
      for (unsigned i = 0; i < 2; i++) {
        const Received &original = i ? young : old;
        g_assert_cmpuint (be16 (resent[i].payload, 0), ==, original.sequence);
        g_assert_cmphex (resent[i].timestamp, ==, original.timestamp);
        g_assert_true (content (resent[i]) == original.payload);
      }
    } else {
      bench.rtcp (Bench::nack (kVideoSsrc, old.sequence));
      const auto resent = bench.take_raw ();
      g_assert_cmpuint (resent.size (), ==, 1);
      g_assert_true (resent[0] == raw[255]);
    }
  }
}

// Who asks all the time for a keyframe is sent little more than the stream.
void
keyframe_flood ()
{
  Bench bench;
  Pictures pictures (bench);
  pictures.push_group (60);
  bench.sender.start (bench.feed);
  catch_up (bench, pictures);
  native::Bytes pli{0x81, 206, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0};
  put_be32 (pli, 8, kVideoSsrc);
  std::size_t got = 0;
  const std::uint64_t before = pictures.sent ();
  for (unsigned i = 0; i < 600; i++) {
    pictures.push (i % 60 == 0, i % 60 == 0 ? 20 : 4);
    bench.rtcp (pli);
    for (std::int64_t at = bench.now_us - kFrameUs; at < bench.now_us;
         at += 1000) {
      bench.sender.serve (Media::video, bench.feed, bench.queue, bench.path,
          at);
      got += bench.take_raw ().size ();
    }
  }
  g_assert_cmpuint (bench.link.keyframe_requests, ==, 600);
  g_assert_cmpuint (got, >, pictures.sent () - before);
  g_assert_cmpuint (got, <, 2 * (pictures.sent () - before));
}

// A viewer too slow to catch up waits for a keyframe like any other.
void
never_catches_up ()
{
  Bench bench ({.start = {.bit_rate = 0}});
  Pictures pictures (bench);
  pictures.push_group (120);
  bench.sender.start (bench.feed);
  g_assert_true (bench.sender.serve (Media::video, bench.feed, bench.queue,
      bench.path, bench.now_us));
  const std::size_t got = bench.take ().size ();
  g_assert_cmpuint (got, >=, 20);
  g_assert_false (bench.sender.serve (Media::video, bench.feed, bench.queue,
      bench.path, bench.now_us + 20'000'000));
  g_assert_cmpuint (bench.counters[0].dropped, ==, pictures.sent () - got);
  g_assert_false (bench.sender.is_behind (bench.feed));
  pictures.push (true, 20);
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 20);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/media-sender/join", begins_at_a_join);
  g_test_add_func ("/media-sender/past", begins_in_the_past);
  g_test_add_func ("/media-sender/no-past", waits_for_the_next);
  g_test_add_func ("/media-sender/keyframe-again", keyframe_again);
  g_test_add_func ("/media-sender/too-slow", never_catches_up);
  g_test_add_func ("/media-sender/keyframe-flood", keyframe_flood);
  g_test_add_func ("/media-sender/sizes", all_sizes);
  g_test_add_func ("/media-sender/roll-over", roll_over);
  g_test_add_func ("/media-sender/transport-sequences", transport_sequences);
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
