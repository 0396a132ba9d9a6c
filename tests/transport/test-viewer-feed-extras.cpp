// SPDX-License-Identifier: LGPL-2.1-or-later
// What the packets of a webrtcbin viewer bear besides the stream's own: header extensions, and audio twice.
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/webrtcbin/viewer-feed.h"

#include "common/rtp-packet.h"
#include "tests/src/packets.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include <algorithm>
#include <utility>

using namespace restream;
using namespace restream::transport;

namespace {

constexpr std::uint8_t kPayloadType = 111, kRedType = 63;
constexpr std::uint8_t kCaptureId = 9, kDelayId = 12;

struct Got
{
  packets::Bytes bytes;
  RtpPacket rtp;
  std::optional<std::uint64_t> capture_time;
  std::optional<std::uint32_t> playout_delay;
};

Got
read (packets::Bytes bytes)
{
  Got got{.bytes = std::move (bytes),
      .rtp = {},
      .capture_time = {},
      .playout_delay = {}};
  const auto rtp = parse_rtp (got.bytes);
  g_assert_true (rtp.has_value ());
  got.rtp = *rtp;
  const packets::Bytes &b = got.bytes;
  if (!(b[0] & 0x10))
    return got;
  const std::size_t header = 12 + 4 * (b[0] & 0xfu);
  g_assert_cmphex (be16 (b, header), ==, 0xbede);
  const std::size_t end = header + 4 + 4u * be16 (b, header + 2);
  for (std::size_t at = header + 4; at < end;) {
    if (b[at] == 0) {
      at++;
      continue;
    }
    const std::size_t length = (b[at] & 0xfu) + 1;
    if (b[at] >> 4 == kCaptureId) {
      g_assert_cmpuint (length, ==, 8);
      got.capture_time = be64 (b, at + 1);
    } else {
      g_assert_cmpuint (b[at] >> 4, ==, kDelayId);
      g_assert_cmpuint (length, ==, 3);
      got.playout_delay = be24 (b, at + 1);
    }
    at += 1 + length;
  }
  return got;
}

class Bench
{
public:
  Bench (Media media, const FeedSettings &settings)
      : clock (media == Media::video ? 90000 : 48000), media_ (media),
        group_ ({})
  {
    pipeline_ = Ref<GstElement>::sink (gst_parse_launch (
        "appsrc name=in format=time ! appsink name=out sync=false", nullptr));
    auto in = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "in"));
    out_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "out"));
    gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
    feed_ = ViewerFeed (in, settings);
  }
  ~Bench () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }

  // Some packets of one burst, and what comes of them.
  std::vector<Got> push (const std::vector<packets::Bytes> &burst, bool join,
      FeedInput input, bool watched = true)
  {
    arrival_ += GST_MSECOND;
    auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    std::size_t bytes = 0;
    for (const packets::Bytes &packet : burst) {
      bytes += packet.size ();
      GstBuffer *buffer =
          gst_buffer_new_memdup (packet.data (), packet.size ());
      GST_BUFFER_PTS (buffer) = arrival_;
      gst_buffer_list_add (list.get (), buffer);
    }
    PacketBatch batch (media_, media_ == Media::video ? 90000 : 48000,
        std::move (list), bytes, arrival_,
        join ? std::optional (0u) : std::nullopt);
    batch.extend_sequence (highest_);
    clock.add_packet (ntp_now (), batch.timestamp (0));
    if (media_ == Media::video) {
      group_.append (batch);
      input.group = &group_;
    }
    if (!watched)
      return {};
    feed_.push (batch, input, counters, "it");
    std::vector<Got> all;
    while (auto sample = Ref<GstSample>::adopt (gst_app_sink_try_pull_sample (
               GST_APP_SINK (out_.get ()), 30 * GST_MSECOND))) {
      GstBuffer *buffer = gst_sample_get_buffer (sample.get ());
      g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, arrival_);
      packets::Bytes packet (gst_buffer_get_size (buffer));
      gst_buffer_extract (buffer, 0, packet.data (), packet.size ());
      all.push_back (read (std::move (packet)));
    }
    return all;
  }

  SenderClock clock;
  MediaCounters counters;

private:
  const Media media_;
  GroupCache group_;
  GstClockTime arrival_ = 0;
  std::optional<std::uint64_t> highest_;
  Ref<GstElement> pipeline_, out_;
  ViewerFeed feed_;
};

// While packets are lost each one has the one before in it (RFC 2198), where the header can say so.
void
redundancy ()
{
  for (const bool captured : {false, true}) {
    Bench bench (Media::audio,
        {.payload_type = kPayloadType,
            .red_payload_type = kRedType,
            .capture_time_id = captured ? kCaptureId : std::uint8_t{0}});
    std::uint16_t sequence = 65530;
    std::uint32_t timestamp = 0xfffffff0;
    unsigned redundant = 0, told = 0;
    bool lossy = false;
    const auto send = [&] (std::size_t bytes, bool extended = false,
                          bool padded = false) {
      packets::Rtp rtp;
      rtp.sequence = sequence++;
      rtp.timestamp = timestamp += 960;
      rtp.payload.assign (bytes, static_cast<std::uint8_t> (rtp.sequence));
      packets::Bytes packet = packets::rtp (rtp);
      if (extended) {
        const packets::Bytes block{0xbe, 0xde, 0, 1, 0x50, 1, 0, 0};
        packet[0] |= 0x10;
        packet.insert (packet.begin () + 12, block.begin (), block.end ());
      }
      if (padded) {
        packet[0] |= 0x20;
        packet.insert (packet.end (), {0, 0, 0, 4});
      }
      const auto all = bench.push ({packet}, true,
          {.clock = &bench.clock, .redundant = lossy});
      g_assert_cmpuint (all.size (), ==, 1);
      const Got &got = all[0];
      told += got.capture_time.has_value ();
      g_assert_cmpuint (got.rtp.sequence, ==, rtp.sequence);
      g_assert_cmpuint (got.rtp.timestamp, ==, rtp.timestamp);
      const auto payload = got.rtp.payload;
      if (got.rtp.payload_type == kPayloadType) {
        g_assert_true (std::ranges::equal (payload, rtp.payload));
        return false;
      }
      g_assert_cmpuint (got.rtp.payload_type, ==, kRedType);
      g_assert_cmpuint (++redundant, ==, bench.counters.redundant);
      const std::size_t before = be32 (payload, 0) & 0x3ff;
      g_assert_cmphex (be32 (payload, 0) & ~0x3ffu, ==,
          0x80000000u | kPayloadType << 24 | 960u << 10);
      g_assert_cmpuint (payload[4], ==, kPayloadType);
      g_assert_cmpuint (payload.size (), ==, 5 + before + bytes);
      for (std::size_t i = 5; i < payload.size (); i++)
        g_assert_cmpuint (payload[i], ==,
            static_cast<std::uint8_t> (
                rtp.sequence - (i < 5 + before ? 1 : 0)));
      return true;
    };
    g_assert_false (send (100));
    lossy = true;
    g_assert_false (send (100)); // the one before was not kept
    g_assert_true (send (80));
    // It turns with the sequence numbers, and leaves out what the header cannot say.
    for (unsigned i = 0; i < 8; i++)
      g_assert_true (send (1 + 31 * i));
    g_assert_true (send (1100)); // that before is small
    g_assert_false (send (100)); // that before is not
    g_assert_true (send (100));
    g_assert_true (send (100, true)); // the source's extension is left out
    g_assert_false (send (100, false, true));
    g_assert_false (send (100)); // that before is padded
    g_assert_true (send (100));
    sequence++; // never came
    g_assert_false (send (100));
    g_assert_true (send (100));
    lossy = false;
    g_assert_false (send (100));
    lossy = true;
    g_assert_false (send (100));
    g_assert_true (send (100));
    g_assert_cmpuint (told, >=, captured ? 1 : 0);
    if (!captured)
      g_assert_cmpuint (told, ==, 0);
  }
  // Not negotiated.
  Bench bench (Media::audio, {.payload_type = kPayloadType});
  for (std::uint16_t i = 0; i < 3; i++) {
    packets::Rtp rtp;
    rtp.sequence = i;
    const auto got = bench.push ({packets::rtp (rtp)}, true,
        {.clock = &bench.clock, .redundant = true});
    g_assert_cmpuint (got[0].rtp.payload_type, ==, kPayloadType);
  }
  g_assert_cmpuint (bench.counters.redundant, ==, 0);
}

// The picture is held back from the beginning as long as the sound will be; once a second a packet tells when it was captured.
void
header_extensions ()
{
  for (const bool late : {false, true}) { // from the past, in fast-forward
    Bench bench (Media::video,
        {.payload_type = kPayloadType,
            .capture_time_id = kCaptureId,
            .playout_delay_id = kDelayId});
    std::uint16_t sequence = 100;
    std::uint32_t timestamp = 5000;
    const auto picture = [&] {
      std::vector<packets::Bytes> burst;
      for (unsigned i = 0; i < 3; i++) {
        packets::Rtp rtp;
        rtp.sequence = sequence++;
        rtp.timestamp = timestamp;
        rtp.marker = i == 2;
        rtp.payload.assign (50, static_cast<std::uint8_t> (rtp.sequence));
        burst.push_back (packets::rtp (rtp));
      }
      timestamp += 90 * 50;
      return burst;
    };
    for (unsigned i = 0; late && i < 20; i++)
      bench.push (picture (), i == 0, {}, false);
    const gint64 began_us = g_get_monotonic_time ();
    unsigned told = 0;
    bool first = !late;
    for (gint64 now_us = began_us; now_us < began_us + 2'600'000;
         g_usleep (50'000), now_us = g_get_monotonic_time ()) {
      const auto got = bench.push (picture (), std::exchange (first, false),
          {.clock = &bench.clock});
      for (const Got &packet : got) {
        g_assert_cmpuint (packet.rtp.payload_type, ==, kPayloadType);
        g_assert_cmpuint (packet.rtp.payload.size (), ==, 50);
        if (g_get_monotonic_time () - began_us < 2'000'000)
          g_assert_true (packet.playout_delay == (10u << 12 | 0xfff));
        if (now_us > began_us + 2'400'000) // busy machines send late
          g_assert_false (packet.playout_delay.has_value ());
        if (!packet.capture_time)
          continue;
        told++;
        g_assert_true (packet.capture_time
            == bench.clock.ntp_of (packet.rtp.timestamp, ntp_now ()));
      }
    }
    g_assert_cmpuint (told, >=, 2);
    g_assert_cmpuint (told, <=, 3);
  }
  // None was negotiated: the stream's own packets go out.
  Bench bench (Media::video, {.payload_type = kPayloadType});
  const auto got =
      bench.push ({packets::rtp ({})}, true, {.clock = &bench.clock});
  g_assert_cmpuint (got[0].bytes[0] & 0x10, ==, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/viewer-feed-extras/redundancy", redundancy);
  g_test_add_func ("/viewer-feed-extras/header-extensions", header_extensions);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
