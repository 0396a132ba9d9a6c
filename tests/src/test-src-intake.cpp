// SPDX-License-Identifier: LGPL-2.1-or-later
// Which datagram goes where: SSRC guard, RTCP routing, source check.
#include "plugin/src/intake.h"
#include "plugin/src/stream-caps.h"
#include "tests/src/packets.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>

#include <cstring>

using namespace restream;
using namespace restream::src;
using packets::Bytes;
using Kind = Intake::Outcome::Kind;

static sockaddr_storage
source (const char *address)
{
  sockaddr_storage storage{};
  sockaddr_in in{};
  sockaddr_in6 in6{};
  if (inet_pton (AF_INET, address, &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    std::memcpy (&storage, &in, sizeof in);
  } else {
    g_assert_cmpint (inet_pton (AF_INET6, address, &in6.sin6_addr), ==, 1);
    in6.sin6_family = AF_INET6;
    std::memcpy (&storage, &in6, sizeof in6);
  }
  return storage;
}

constexpr std::int64_t kTakeover_us = 500'000;

struct Fixture
{
  Fixture () { intake.reset ({}); }

  Intake::Outcome feed (Media port, const Bytes &bytes,
      const char *from = "127.0.0.1")
  {
    return intake.receive (port, bytes, source (from), now_us,
        static_cast<std::uint64_t> (now_us) * 1000, kTakeover_us);
  }
  Kind video (std::uint32_t ssrc, unsigned payload_type = 96)
  {
    return feed (Media::video,
        packets::rtp ({.ssrc = ssrc, .payload_type = payload_type}))
        .kind;
  }
  Kind audio (std::uint32_t ssrc)
  {
    return feed (Media::audio,
        packets::rtp ({.ssrc = ssrc, .payload_type = 97}))
        .kind;
  }
  std::uint64_t dropped (Media media, Drop why) const
  {
    return intake.counters (media)
        .dropped[static_cast<std::size_t> (why)]
        .get ();
  }

  Intake intake;
  std::int64_t now_us = 1'000'000;
};

static void
loopback ()
{
  for (const char *ours : {"127.0.0.1", "127.255.0.9", "::1"})
    g_assert_true (is_loopback (source (ours)));
  for (const char *others : {"192.168.1.1", "126.255.255.255", "128.0.0.1",
           "0.0.0.0", "::", "::2", "fe80::1", "::ffff:127.0.0.1"})
    g_assert_false (is_loopback (source (others)));
  g_assert_false (is_loopback ({}));

  Fixture f;
  const auto o = f.feed (Media::video, packets::rtp ({}), "10.0.0.1");
  g_assert_true (o.kind == Kind::dropped);
  const auto c = f.feed (Media::video, packets::bye (1), "10.0.0.1");
  g_assert_true (c.kind == Kind::dropped);
  g_assert_cmpuint (f.dropped (Media::video, Drop::not_loopback), ==, 2);
}

static void
first_sender_holds ()
{
  Fixture f;
  g_assert_true (f.video (1) == Kind::media);
  g_assert_true (f.video (2) == Kind::dropped);
  f.now_us += kTakeover_us - 1;
  g_assert_true (f.video (2) == Kind::dropped);
  g_assert_true (f.video (1) == Kind::media);
  g_assert_cmpuint (f.dropped (Media::video, Drop::other_ssrc), ==, 2);
  g_assert_cmpuint (f.intake.counters (Media::video).packets.get (), ==, 2);
  g_assert_cmpuint (f.intake.counters (Media::video).takeovers.get (), ==, 0);
  // The other medium is not concerned.
  g_assert_true (f.audio (2) == Kind::media);
}

static void
silence_lets_another_take_over ()
{
  Fixture f;
  f.video (1);
  f.now_us += kTakeover_us;
  const auto o =
      f.feed (Media::video, packets::rtp ({.ssrc = 2, .payload_type = 99}));
  g_assert_true (o.kind == Kind::media);
  g_assert_true (o.new_sender);
  g_assert_cmpuint (*f.intake.payload_type (Media::video), ==, 99);
  g_assert_cmpuint (f.intake.counters (Media::video).takeovers.get (), ==, 1);
  g_assert_true (f.video (1) == Kind::dropped);
}

static void
bye_releases_at_once ()
{
  Fixture f;
  f.video (1);
  g_assert_true (f.feed (Media::video, packets::bye (9)).kind == Kind::control);
  g_assert_true (f.video (2) == Kind::dropped); // somebody else's goodbye
  f.feed (Media::video, packets::bye (1));
  // Packets that the goodbye overtook still pass, and do not hold.
  const auto late = f.feed (Media::video, packets::rtp ({.ssrc = 1}));
  g_assert_true (late.kind == Kind::media);
  g_assert_false (late.new_sender);
  g_assert_true (f.video (2) == Kind::media);
  g_assert_true (f.video (1) == Kind::dropped);
}

static void
bye_of_one_who_stays_is_void ()
{
  Fixture f;
  f.video (1);
  f.feed (Media::video, packets::bye (1));
  for (int i = 0; i < 3; i++) {
    f.now_us += kTakeover_us / 2;
    g_assert_true (f.video (1) == Kind::media);
  }
  g_assert_true (f.video (2) == Kind::dropped);
}

static void
payload_types ()
{
  Fixture f;
  g_assert_true (f.video (1, 96) == Kind::media);
  g_assert_true (f.video (1, 97) == Kind::dropped); // learnt
  f.intake.reset ({std::uint8_t{102}, std::nullopt});
  g_assert_true (f.video (1, 96) == Kind::dropped); // fixed, and holds nothing
  g_assert_true (f.video (2, 102) == Kind::media);
  g_assert_cmpuint (f.dropped (Media::video, Drop::other_payload), ==, 2);
}

// FFmpeg's rtp://: the video's report comes on the audio's port (V + 1), the
// audio's on V + 2, which is not ours; udp://: each on its own.
static void
reports_go_by_ssrc ()
{
  Fixture f;
  f.video (1);
  f.audio (2);
  const Bytes compound =
      packets::join ({packets::sender_report (1, 77), packets::sdes (1)});
  for (Media port : kAllMedia) {
    const auto o = f.feed (port, compound);
    g_assert_true (o.kind == Kind::control);
    g_assert_cmpuint (o.reports.size (), ==, 1);
    g_assert_true (o.reports[0].media == Media::video);
    g_assert_cmpuint (o.reports[0].sender.rtp_time, ==, 77);
    g_assert_cmpuint (o.reports[0].arrival_ns, ==, 1'000'000'000);
  }
  const auto &counters = f.intake.counters (Media::video);
  g_assert_cmpuint (counters.sender_reports.get (), ==, 2);
  g_assert_cmpuint (f.intake.counters (Media::audio).sender_reports.get (), ==,
      0);
  // And so do goodbyes.
  f.feed (Media::audio, packets::bye (1));
  g_assert_true (f.audio (3) == Kind::dropped);
  g_assert_true (f.video (3) == Kind::media);
}

static void
same_ssrc_on_both_goes_by_port ()
{
  Fixture f;
  f.video (1);
  f.audio (1);
  for (Media port : kAllMedia)
    g_assert_true (
        f.feed (port, packets::sender_report (1)).reports[0].media == port);
}

static void
report_before_the_first_packet ()
{
  Fixture f;
  for (std::uint32_t other : {7u, 8u, 9u, 10u, 11u})
    f.feed (Media::audio, packets::sender_report (other));
  f.now_us += 1000;
  g_assert_true (
      f.feed (Media::audio, packets::sender_report (1, 5)).reports.empty ());
  f.now_us += 1000;
  const auto o = f.feed (Media::video, packets::rtp ({.ssrc = 1}));
  g_assert_true (o.new_sender);
  g_assert_cmpuint (o.reports.size (), ==, 1);
  g_assert_true (o.reports[0].media == Media::video);
  g_assert_cmpuint (o.reports[0].sender.rtp_time, ==, 5);
  g_assert_cmpuint (o.reports[0].arrival_ns, ==, 1'001'000'000);
  g_assert_cmpuint (f.intake.counters (Media::video).sender_reports.get (), ==,
      1);

  // Not one of long ago.
  f.feed (Media::audio, packets::sender_report (2));
  f.now_us += 60'000'000;
  g_assert_true (
      f.feed (Media::audio, packets::rtp ({.ssrc = 2})).reports.empty ());
}

static void
garbage_is_counted ()
{
  Fixture f;
  for (std::size_t n = 0; n < 12; n++)
    g_assert_true (
        f.feed (Media::video, Bytes (n, 0x80)).kind == Kind::dropped);
  g_assert_true (
      f.feed (Media::video, {0x80, 200, 0, 9}).kind == Kind::dropped);
  g_assert_cmpuint (f.dropped (Media::video, Drop::malformed), ==, 12);
  g_assert_cmpuint (f.dropped (Media::video, Drop::malformed_rtcp), ==, 1);
}

// Whatever its type says and whatever is behind it, RTCP is no media, on either port.
static void
rtcp_of_every_type_is_no_media ()
{
  Fixture f;
  f.video (1);
  f.audio (2);
  std::uint64_t sent = 0;
  for (unsigned type = 192; type <= 223; type++) {
    for (Media port : kAllMedia) {
      for (unsigned count : {0u, 1u, 31u}) {
        for (std::size_t words : {0u, 1u, 2u, 7u, 300u}) {
          const Bytes body (4 * words, 1);
          for (const Bytes &datagram : {packets::rtcp (type, count, body),
                   packets::join ({packets::sender_report (9),
                       packets::rtcp (type, count, body)})}) {
            const auto outcome = f.feed (port, datagram);
            g_assert_true (outcome.kind != Kind::media);
            g_assert_cmpuint (outcome.reports.size (), <=,
                RtcpContents::kMaxReports);
            sent++;
          }
        }
      }
    }
  }
  g_assert_cmpuint (sent, ==, 32 * 2 * 3 * 5 * 2);
  // The media are whose they were: none of these SSRCs said goodbye.
  g_assert_true (f.video (1) == Kind::media && f.audio (2) == Kind::media);
  g_assert_cmpuint (f.intake.counters (Media::video).packets.get (), ==, 2);
  g_assert_cmpuint (f.intake.counters (Media::audio).packets.get (), ==, 2);
}

static Result<StreamCaps>
from_string (Media media, const char *text)
{
  const auto caps = Ref<GstCaps>::adopt (gst_caps_from_string (text));
  return StreamCaps::from (media, caps.get ());
}

static void
caps_refused ()
{
  for (const char *wrong :
      {
          "application/x-srtp, encoding-name=H264, clock-rate=90000",
          "application/x-rtp, media=audio, encoding-name=H264, clock-rate=1",
          "application/x-rtp, clock-rate=90000",
          "application/x-rtp, encoding-name=MP4V-ES", // whose rate we do not know
          "application/x-rtp, encoding-name=OPUS", // audio
          "application/x-rtp, encoding-name=H264, clock-rate=0",
          "application/x-rtp, encoding-name=H264, clock-rate=90000, "
          "payload=128",
          "application/x-rtp, encoding-name=H264, clock-rate=90000, "
          "payload=72",
          "application/x-rtp, encoding-name=H264, clock-rate=90000, "
          "payload=[96, 127]",
          "application/x-rtp, encoding-name=H264, clock-rate=90000, "
          "ssrc=(uint)1",
          "application/x-rtp, encoding-name=H264, clock-rate=90000, "
          "packetization-mode={(string)0, (string)1}",
          "application/x-rtp, encoding-name=H264, clock-rate=90000; "
          "application/x-rtp, encoding-name=H265, clock-rate=90000",
          "EMPTY",
          "ANY",
      }) {
    const auto made = from_string (Media::video, wrong);
    g_assert_false (made.has_value ());
    g_assert_true (made.error ().what.starts_with ("video-caps: "));
  }
  g_assert_false (StreamCaps::from (Media::video, nullptr).has_value ());
}

static void
caps_completed ()
{
  auto format = codec::make_payload_format ("H264");
  g_assert_true (
      format->learn (packets::stap_a ({packets::kSps, packets::kPps})));
  const codec::Parameters learnt = format->parameters ();
  const auto video =
      from_string (Media::video, StreamCaps::default_caps (Media::video));
  g_assert_true (video.has_value ());
  auto caps = video->build (std::uint8_t{96}, 5u, learnt);
  auto expected = Ref<GstCaps>::adopt (gst_caps_from_string (
      "application/x-rtp, media=video, encoding-name=H264, clock-rate=90000, "
      "packetization-mode=(string)1, payload=96, ssrc=(uint)5, "
      "profile-level-id=(string)42c01e, sprop-parameter-sets=(string)"
      "\"Z0LAHtoCgL/lwEQAAAMABAAAAwDyPFi6gA==,aM4PyA==\""));
  g_assert_true (gst_caps_is_strictly_equal (caps.get (), expected.get ()));

  // What is configured stays.
  const auto fixed = from_string (Media::video,
      "application/x-rtp, encoding-name=H264, clock-rate=90000, payload=102, "
      "profile-level-id=(string)42e01f");
  g_assert_true (fixed.has_value ());
  g_assert_cmpuint (*fixed->payload_type (), ==, 102);
  caps = fixed->build (std::nullopt, std::nullopt, learnt);
  const GstStructure *s = gst_caps_get_structure (caps.get (), 0);
  g_assert_cmpstr (gst_structure_get_string (s, "profile-level-id"), ==,
      "42e01f");
  g_assert_cmpstr (gst_structure_get_string (s, "media"), ==, "video");
  g_assert_true (gst_structure_has_field (s, "sprop-parameter-sets"));
}

// What everybody knows of a codec need not be said.
static void
caps_of_known_codecs ()
{
  struct
  {
    Media media;
    const char *configured, *complete;
  } cases[] = {
      {Media::video, "application/x-rtp, encoding-name=VP8",
          "application/x-rtp, media=video, encoding-name=VP8, "
          "clock-rate=90000"},
      {Media::video, "application/x-rtp, encoding-name=h264",
          "application/x-rtp, media=video, encoding-name=h264, "
          "clock-rate=90000, packetization-mode=(string)1"},
      {Media::audio, "application/x-rtp, encoding-name=OPUS",
          "application/x-rtp, media=audio, encoding-name=OPUS, "
          "clock-rate=48000, encoding-params=(string)2"},
      {Media::audio, "application/x-rtp, encoding-name=G722",
          "application/x-rtp, media=audio, encoding-name=G722, "
          "clock-rate=8000"},
      {Media::audio, "application/x-rtp, encoding-name=PCMU, clock-rate=16000",
          "application/x-rtp, media=audio, encoding-name=PCMU, "
          "clock-rate=16000"},
  };
  for (const auto &c : cases) {
    const auto made = from_string (c.media, c.configured);
    g_assert_true (made.has_value ());
    auto caps = made->build (std::nullopt, std::nullopt, {});
    auto expected = Ref<GstCaps>::adopt (gst_caps_from_string (c.complete));
    g_assert_true (gst_caps_is_strictly_equal (caps.get (), expected.get ()));
  }
}

// FFmpeg numbers G.711 and G.722 as RFC 3551 does, if it is not told otherwise.
static void
caps_of_static_payload_types ()
{
  struct
  {
    const char *configured;
    std::uint8_t payload_type;
    const char *encoding;
    int rate;
  } cases[] = {
      {StreamCaps::default_caps (Media::audio), 0, "PCMU", 8000},
      {StreamCaps::default_caps (Media::audio), 8, "PCMA", 8000},
      {StreamCaps::default_caps (Media::audio), 9, "G722", 8000},
      {StreamCaps::default_caps (Media::audio), 97, "OPUS", 48000},
      {StreamCaps::default_caps (Media::audio), 3, "OPUS", 48000},
      // Whoever says it may have it.
      {"application/x-rtp, encoding-name=OPUS, clock-rate=48000", 0, "OPUS",
          48000},
  };
  for (const auto &c : cases) {
    const auto made = from_string (Media::audio, c.configured);
    auto caps = made->build (c.payload_type, 7u, {});
    const GstStructure *s = gst_caps_get_structure (caps.get (), 0);
    int rate = 0, payload = 0;
    g_assert_cmpstr (gst_structure_get_string (s, "encoding-name"), ==,
        c.encoding);
    g_assert_true (gst_structure_get_int (s, "clock-rate", &rate));
    g_assert_cmpint (rate, ==, c.rate);
    g_assert_true (gst_structure_get_int (s, "payload", &payload));
    g_assert_cmpint (payload, ==, c.payload_type);
    g_assert_cmpint (gst_structure_has_field (s, "encoding-params"), ==,
        rate == 48000);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/src/intake/loopback", loopback);
  g_test_add_func ("/src/intake/holds", first_sender_holds);
  g_test_add_func ("/src/intake/silence", silence_lets_another_take_over);
  g_test_add_func ("/src/intake/bye", bye_releases_at_once);
  g_test_add_func ("/src/intake/void-bye", bye_of_one_who_stays_is_void);
  g_test_add_func ("/src/intake/payload-types", payload_types);
  g_test_add_func ("/src/intake/reports", reports_go_by_ssrc);
  g_test_add_func ("/src/intake/same-ssrc", same_ssrc_on_both_goes_by_port);
  g_test_add_func ("/src/intake/early-report", report_before_the_first_packet);
  g_test_add_func ("/src/intake/garbage", garbage_is_counted);
  g_test_add_func ("/src/intake/every-rtcp", rtcp_of_every_type_is_no_media);
  g_test_add_func ("/src/caps/refused", caps_refused);
  g_test_add_func ("/src/caps/completed", caps_completed);
  g_test_add_func ("/src/caps/known-codecs", caps_of_known_codecs);
  g_test_add_func ("/src/caps/static", caps_of_static_payload_types);
  return g_test_run ();
}
