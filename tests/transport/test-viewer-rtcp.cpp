// SPDX-License-Identifier: LGPL-2.1-or-later
// What is made of the RTCP of a viewer on webrtcbin.
#include "plugin/transport/webrtcbin/viewer-rtcp.h"

#include "common/bytes.h"

#include <gst/gst.h>

using namespace restream;
using namespace restream::transport;

namespace {

constexpr std::uint32_t kVideoSsrc = 0x11223344, kAudioSsrc = 0x55667788;
constexpr std::uint32_t kSender = 0x00000007; // the viewer's own
constexpr std::uint64_t kNtp = 0xe9ee2f44'80000000;
constexpr std::int64_t kNowUs = 1'000'000'000;

using Bytes = std::vector<std::uint8_t>;

Bytes
packet (std::uint8_t count, std::uint8_t type,
    std::initializer_list<std::uint32_t> words)
{
  Bytes bytes (4 + 4 * words.size ());
  bytes[0] = 0x80 | count;
  bytes[1] = type;
  put_be16 (bytes, 2, static_cast<std::uint16_t> (words.size ()));
  std::size_t at = 4;
  for (std::uint32_t word : words) {
    put_be32 (bytes, at, word);
    at += 4;
  }
  return bytes;
}

// Of 100 ms ago: the viewer had our report for 60 ms.
Bytes
report (std::uint32_t ssrc, std::uint8_t fraction, std::uint32_t lost,
    std::uint32_t jitter)
{
  const auto sent = static_cast<std::uint32_t> (kNtp >> 16) - 65536 / 10;
  return packet (1, 201,
      {kSender, ssrc, std::uint32_t{fraction} << 24 | lost, 4000, jitter, sent,
          65536 * 60 / 1000});
}

ViewerConfig
config (bool rtx)
{
  ViewerConfig config;
  negotiation::MediaPlan video{.media = Media::video,
      .codec = {.encoding_name = "H264", .clock_rate = 90000},
      .payload_type = 96};
  if (rtx)
    video.rtx_payload_type = 97;
  negotiation::MediaPlan audio{.media = Media::audio,
      .codec = {.encoding_name = "OPUS", .clock_rate = 48000},
      .payload_type = 111};
  for (const negotiation::MediaPlan &media : {video, audio}) {
    negotiation::Section section;
    section.media = name_of (media.media);
    section.accepted = media;
    config.plan.sections.push_back (section);
  }
  config.streams[index_of (Media::video)].ssrc = kVideoSsrc;
  config.streams[index_of (Media::audio)].ssrc = kAudioSsrc;
  return config;
}

struct Bench
{
  explicit Bench (bool rtx = true)
      : rtcp (config (rtx), {&media[0], &media[1]}, link)
  {
  }
  void read (const Bytes &bytes) { rtcp.read (bytes, kNtp, kNowUs); }

  std::array<MediaCounters, kMediaCount> media;
  LinkCounters link;
  ViewerRtcp rtcp;
};

void
reports ()
{
  Bench bench;
  bench.read (report (kVideoSsrc, 0, 12, 900)); // 10 ms
  bench.read (report (kAudioSsrc, 0, 0xffffff, 480)); // one came twice
  g_assert_cmpint (bench.media[0].lost, ==, 12);
  g_assert_false (bench.rtcp.is_losing (Media::audio, kNowUs));
  g_assert_cmpint (bench.media[1].lost, ==, -1);
  g_assert_cmpuint (bench.media[0].jitter_us, ==, 10'000);
  g_assert_cmpuint (bench.media[1].jitter_us, ==, 10'000);
  g_assert_cmpuint (bench.link.round_trip_us, >=, 39'000);
  g_assert_cmpuint (bench.link.round_trip_us, <=, 41'000);
  g_assert_cmpuint (bench.link.rejected, ==, 0);
}

// From more than 1 % on, for half a minute.
void
losses ()
{
  Bench bench;
  bench.read (report (kAudioSsrc, 2, 1, 0));
  g_assert_false (bench.rtcp.is_losing (Media::audio, kNowUs));
  bench.read (report (kAudioSsrc, 3, 2, 0));
  bench.read (report (kAudioSsrc, 0, 2, 0));
  g_assert_true (bench.rtcp.is_losing (Media::audio, kNowUs));
  g_assert_true (bench.rtcp.is_losing (Media::audio, kNowUs + 29'999'999));
  g_assert_false (bench.rtcp.is_losing (Media::audio, kNowUs + 30'000'000));
  g_assert_false (bench.rtcp.is_losing (Media::video, kNowUs));
}

void
wishes ()
{
  Bench bench;
  bench.read (packet (1, 205, {kSender, kVideoSsrc, 100u << 16 | 3})); // NACK
  g_assert_cmpuint (bench.link.nacks, ==, 3);
  g_assert_false (bench.rtcp.take_keyframe_request ());
  bench.read (packet (1, 206, {kSender, kVideoSsrc})); // PLI
  g_assert_true (bench.rtcp.take_keyframe_request ());
  g_assert_false (bench.rtcp.take_keyframe_request ());
  bench.read (packet (4, 206, {kSender, 0, kVideoSsrc, 1u << 24})); // FIR
  g_assert_true (bench.rtcp.take_keyframe_request ());
  g_assert_cmpuint (bench.link.keyframe_requests, ==, 2);
  // REMB of 0x8000 << 6.
  bench.read (packet (15, 206,
      {kSender, 0, 0x52454d42, 0x01000000 | 6u << 18 | 0x8000, kVideoSsrc}));
  g_assert_cmpuint (bench.link.estimate_bps, ==, 0x8000u << 6);
  g_assert_cmpuint (bench.link.rejected, ==, 0);
}

// Of no stream of ours, or no RTCP.
void
strangers ()
{
  Bench bench;
  bench.read (report (kVideoSsrc + 1, 200, 12, 900));
  bench.read (packet (1, 205, {kSender, kVideoSsrc + 1, 100u << 16}));
  bench.read (packet (1, 206, {kSender, kVideoSsrc + 1}));
  g_assert_cmpuint (bench.link.rejected, ==, 0);
  bench.read ({});
  bench.read ({0x80});
  Bytes torn = report (kVideoSsrc, 0, 12, 900);
  torn.resize (torn.size () - 4);
  bench.read (torn);
  g_assert_cmpuint (bench.link.rejected, ==, 3);
  g_assert_cmpint (bench.media[0].lost, ==, 0);
  g_assert_cmpuint (bench.link.nacks, ==, 0);
  g_assert_cmpuint (bench.link.round_trip_us, ==, 0);
  g_assert_false (bench.rtcp.take_keyframe_request ());
}

void
retransmissions ()
{
  for (bool rtx : {true, false}) {
    Bench bench (rtx);
    bench.rtcp.note_retransmitted (7);
    g_assert_cmpuint (bench.media[0].retransmitted, ==, rtx ? 7 : 0);
    g_assert_cmpuint (bench.media[1].retransmitted, ==, 0);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/viewer-rtcp/reports", reports);
  g_test_add_func ("/viewer-rtcp/losses", losses);
  g_test_add_func ("/viewer-rtcp/wishes", wishes);
  g_test_add_func ("/viewer-rtcp/strangers", strangers);
  g_test_add_func ("/viewer-rtcp/retransmissions", retransmissions);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
