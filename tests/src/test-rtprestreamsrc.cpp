// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsrc from datagrams to pads: what comes out, in what order.
#include <atomic>
#include <thread>

#include "tests/src/src-fixture.h"

using namespace srctest;

namespace {

const GstStructure *
structure_of (const Ref<GstCaps> &caps)
{
  fail_unless (static_cast<bool> (caps));
  return gst_caps_get_structure (caps.get (), 0);
}

Ref<GstCaps>
caps_in (const Ref<GstEvent> &event)
{
  GstCaps *caps;
  gst_event_parse_caps (event.get (), &caps);
  return Ref<GstCaps>::retain (caps);
}

unsigned
uint_field (const GstStructure *s, const char *name)
{
  guint value = 0;
  fail_unless (gst_structure_get_uint (s, name, &value), "no %s", name);
  return value;
}

} // namespace

GST_START_TEST (test_media_comes_out_of_its_own_pad)
{
  Fixture f;
  f.play ();
  const Bytes v = packets::rtp ({.ssrc = 1, .marker = true});
  const Bytes a = packets::rtp ({.ssrc = 2, .payload_type = 97});
  f.send (Media::video, v);
  f.send (Media::audio, a);
  f.video.wait_buffers (1);
  f.audio.wait_buffers (1);
  f.video.expect_order ("stream-start caps segment buffer");
  f.audio.expect_order ("stream-start caps segment buffer");
  fail_unless (bytes_of (f.video.buffers ()[0].get ()) == v);
  fail_unless (bytes_of (f.audio.buffers ()[0].get ()) == a);

  GstBuffer *buffer = f.video.buffers ()[0].get ();
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  fail_unless (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER));
  fail_unless (GST_BUFFER_PTS_IS_VALID (buffer));
  fail_unless (GST_BUFFER_DTS (buffer) == GST_BUFFER_PTS (buffer));
  fail_unless (GST_BUFFER_PTS (buffer) < 60 * GST_SECOND);

  guint groups[2] = {0, 1};
  gst_event_parse_group_id (f.video.events (GST_EVENT_STREAM_START)[0].get (),
      &groups[0]);
  gst_event_parse_group_id (f.audio.events (GST_EVENT_STREAM_START)[0].get (),
      &groups[1]);
  fail_unless_equals_int (groups[0], groups[1]);
  const GstSegment *segment;
  gst_event_parse_segment (f.video.events (GST_EVENT_SEGMENT)[0].get (),
      &segment);
  fail_unless_equals_int (segment->format, GST_FORMAT_TIME);
}
GST_END_TEST;

GST_START_TEST (test_caps_are_complete)
{
  Fixture f;
  f.play ();
  f.send (Media::video,
      packets::rtp ({.ssrc = 0xcafe,
          .payload_type = 102,
          .payload = packets::stap_a ({packets::kSps, packets::kPps})}));
  f.send (Media::audio, packets::rtp ({.ssrc = 0xbeef, .payload_type = 111}));
  f.video.wait_buffers (1);
  f.audio.wait_buffers (1);
  auto expected = Ref<GstCaps>::adopt (gst_caps_from_string (
      "application/x-rtp, media=video, encoding-name=H264, clock-rate=90000, "
      "packetization-mode=(string)1, payload=102, ssrc=(uint)51966, "
      "profile-level-id=(string)42c01e, sprop-parameter-sets=(string)"
      "\"Z0LAHtoCgL/lwEQAAAMABAAAAwDyPFi6gA==,aM4PyA==\""));
  fail_unless (
      gst_caps_is_strictly_equal (f.video.caps ().get (), expected.get ()));
  expected = Ref<GstCaps>::adopt (gst_caps_from_string (
      "application/x-rtp, media=audio, encoding-name=OPUS, clock-rate=48000, "
      "encoding-params=(string)2, payload=111, ssrc=(uint)48879"));
  fail_unless (
      gst_caps_is_strictly_equal (f.audio.caps ().get (), expected.get ()));
}
GST_END_TEST;

GST_START_TEST (test_caps_follow_parameter_sets)
{
  Fixture f;
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.send (Media::video, packets::rtp ({.payload = packets::kSps}));
  f.send (Media::video, packets::rtp ({.payload = packets::kPps}));
  f.send (Media::video, packets::rtp ({.payload = packets::kSps}));
  f.send (Media::video, packets::rtp ({.payload = packets::kPps}));
  f.video.wait_buffers (5);
  // Ahead of the packet that completed the sets, and not again.
  f.video.expect_order (
      "stream-start caps segment buffer buffer caps buffer buffer buffer");
  const auto events = f.video.events (GST_EVENT_CAPS);
  fail_if (gst_structure_has_field (structure_of (caps_in (events[0])),
      "sprop-parameter-sets"));
  const auto later = caps_in (events[1]);
  fail_unless_equals_string (
      gst_structure_get_string (structure_of (later), "sprop-parameter-sets"),
      packets::kSprop);
  fail_unless_equals_string (
      gst_structure_get_string (structure_of (later), "profile-level-id"),
      packets::kProfileLevelId);
}
GST_END_TEST;

GST_START_TEST (test_configured_caps_come_at_start)
{
  Fixture f;
  gst_util_set_object_arg (G_OBJECT (f.element ()), "video-caps",
      "application/x-rtp, encoding-name=VP8, clock-rate=90000, payload=100");
  f.play ();
  f.video.wait_event (GST_EVENT_SEGMENT);
  const auto caps = f.video.caps ();
  gint payload = 0;
  fail_unless (
      gst_structure_get_int (structure_of (caps), "payload", &payload));
  fail_unless_equals_int (payload, 100);
  fail_if (gst_structure_has_field (structure_of (caps), "packetization-mode"));

  f.send (Media::video, packets::rtp ({.payload_type = 96}));
  f.send (Media::video, packets::rtp ({.ssrc = 7, .payload_type = 100}));
  f.video.wait_buffers (1);
  fail_unless_equals_uint64 (f.stat ("video.dropped.other-payload"), 1);
  fail_unless_equals_int (uint_field (structure_of (f.video.caps ()), "ssrc"),
      7);
}
GST_END_TEST;

GST_START_TEST (test_rtcp_never_leaves_a_media_pad)
{
  Fixture f;
  f.play ();
  f.send (Media::video, packets::rtp ({.ssrc = 1}));
  f.send (Media::audio, packets::rtp ({.ssrc = 2, .payload_type = 97}));
  f.video.wait_buffers (1);
  f.audio.wait_buffers (1);
  // Both forms: on the medium's own port, and the video's on the audio's.
  f.send (Media::video, packets::sender_report (1, 100));
  f.video.wait_event (GST_EVENT_CUSTOM_DOWNSTREAM);
  f.send (Media::audio,
      packets::join ({packets::sender_report (1, 200), packets::sdes (1)}));
  f.send (Media::audio, packets::sender_report (2, 300));
  f.audio.wait_event (GST_EVENT_CUSTOM_DOWNSTREAM);

  const auto reports = f.video.events (GST_EVENT_CUSTOM_DOWNSTREAM);
  fail_unless_equals_int (reports.size (), 2);
  for (unsigned i = 0; i < 2; i++) {
    const GstStructure *s = gst_event_get_structure (reports[i].get ());
    fail_unless (gst_structure_has_name (s, "rtprestream-sender-report"));
    fail_unless_equals_int (uint_field (s, "ssrc"), 1);
    fail_unless_equals_int (uint_field (s, "rtptime"), 100 * (i + 1));
    guint64 ntp = 0, running_time = 0;
    fail_unless (gst_structure_get_uint64 (s, "ntp", &ntp));
    fail_unless (gst_structure_get_uint64 (s, "running-time", &running_time));
    fail_unless_equals_uint64 (ntp, packets::kNtp);
    fail_unless (running_time > 0 && running_time < 60 * GST_SECOND);
  }
  fail_unless_equals_int (f.audio.events (GST_EVENT_CUSTOM_DOWNSTREAM).size (),
      1);
  fail_unless_equals_int (f.video.buffers ().size (), 1);
  fail_unless_equals_int (f.audio.buffers ().size (), 1);
  fail_unless_equals_uint64 (f.stat ("video.sender-reports"), 2);
  fail_unless_equals_uint64 (f.stat ("audio.sender-reports"), 1);
  fail_unless_equals_uint64 (f.stat ("video.last-sender-report.rtptime"), 200);
  fail_unless_equals_uint64 (f.stat ("audio.last-sender-report.rtptime"), 300);
}
GST_END_TEST;

GST_START_TEST (test_report_ahead_of_its_medium)
{
  Fixture f;
  f.play ();
  f.send (Media::audio, packets::sender_report (1, 55));
  // The counter of the next one says that the first was read.
  f.send (Media::audio, Bytes{1});
  f.wait_stat ("audio.dropped.malformed", 1);
  f.send (Media::video, packets::rtp ({.ssrc = 1}));
  f.video.wait_buffers (1);
  f.video.expect_order ("stream-start caps segment custom-downstream buffer");
  f.audio.expect_order ("stream-start");
}
GST_END_TEST;

GST_START_TEST (test_second_sender_waits)
{
  Fixture f;
  g_object_set (f.element (), "takeover-time", 3600000u, nullptr);
  f.play ();
  f.send (Media::video, packets::rtp ({.ssrc = 1}));
  f.send (Media::video, packets::rtp ({.ssrc = 2}));
  f.send (Media::video, packets::rtp ({.ssrc = 1, .sequence = 2}));
  f.video.wait_buffers (2);
  fail_unless_equals_uint64 (f.stat ("video.dropped.other-ssrc"), 1);
  fail_unless_equals_uint64 (f.stat ("video.ssrc"), 1);

  // A goodbye is no end of stream, and makes room at once.
  f.send (Media::video, packets::bye (1));
  f.send (Media::video, packets::rtp ({.ssrc = 2, .payload_type = 98}));
  f.video.wait_buffers (3);
  f.video.expect_order ("stream-start caps segment buffer buffer caps buffer");
  const auto got = f.video.buffers ();
  fail_if (GST_BUFFER_FLAG_IS_SET (got[1].get (), GST_BUFFER_FLAG_DISCONT));
  fail_unless (GST_BUFFER_FLAG_IS_SET (got[2].get (), GST_BUFFER_FLAG_DISCONT));
  const auto caps = f.video.caps ();
  fail_unless_equals_int (uint_field (structure_of (caps), "ssrc"), 2);
  gint payload = 0;
  fail_unless (
      gst_structure_get_int (structure_of (caps), "payload", &payload));
  fail_unless_equals_int (payload, 98);
  fail_unless_equals_uint64 (f.stat ("video.takeovers"), 1);
  fail_unless_equals_uint64 (f.stat ("video.byes"), 1);
}
GST_END_TEST;

// Who knows that a sender has ended says so, and the next one is let in with its first packet, once.
GST_START_TEST (test_expected_sender)
{
  Fixture f;
  g_object_set (f.element (), "takeover-time", 3600000u, nullptr);
  f.play ();
  for (Media media : restream::kAllMedia)
    f.send (media, packets::rtp ({.ssrc = 1}));
  f.video.wait_buffers (1);
  f.audio.wait_buffers (1);
  g_signal_emit_by_name (f.element (), "expect-sender");
  // What was on its way still passes.
  f.send (Media::video, packets::rtp ({.ssrc = 1, .sequence = 2}));
  for (Media media : restream::kAllMedia)
    f.send (media, packets::rtp ({.ssrc = 2}));
  f.video.wait_buffers (3);
  f.audio.wait_buffers (2);
  f.send (Media::video, packets::rtp ({.ssrc = 3}));
  f.wait_stat ("video.dropped.other-ssrc", 1);
  fail_unless_equals_uint64 (f.stat ("video.ssrc"), 2);
  fail_unless_equals_uint64 (f.stat ("audio.ssrc"), 2);
}
GST_END_TEST;

GST_START_TEST (test_takeover_after_silence)
{
  Fixture f;
  g_object_set (f.element (), "takeover-time", 20u, nullptr);
  f.play ();
  f.send (Media::video, packets::rtp ({.ssrc = 1}));
  f.video.wait_buffers (1);
  g_usleep (30'000); // longer is as good
  f.send (Media::video, packets::rtp ({.ssrc = 2}));
  f.video.wait_buffers (2);
  fail_unless_equals_uint64 (f.stat ("video.ssrc"), 2);
}
GST_END_TEST;

GST_START_TEST (test_garbage_is_dropped)
{
  Fixture f;
  f.play ();
  Bytes packet = packets::rtp ({.payload = Bytes (40, 0x41)});
  packet[0] = 0x90; // with an extension, so that more bounds count
  packet[14] = 0, packet[15] = 2;
  packet[12] = packet[13] = 0;
  // Every length that cannot be, then every one that can.
  for (std::size_t n = 0; n <= packet.size (); n++)
    f.send (Media::video, Bytes (packet.begin (), packet.begin () + n));
  f.video.wait_buffers (packet.size () - 24 + 1);
  fail_unless_equals_uint64 (f.stat ("video.dropped.malformed"), 24);

  const Bytes rtcp = packets::join (
      {packets::sender_report (9), packets::sdes (9), packets::bye (9)});
  for (std::size_t n = 2; n < rtcp.size (); n++)
    f.send (Media::audio, Bytes (rtcp.begin (), rtcp.begin () + n));
  // Cut after 28 and 44 bytes it is whole.
  f.wait_stat ("audio.dropped.malformed-rtcp", rtcp.size () - 2 - 2);

  g_random_set_seed (1);
  for (unsigned i = 0; i < 500; i++) {
    Bytes noise (static_cast<std::size_t> (g_random_int_range (0, 1500)));
    for (std::uint8_t &b : noise)
      b = static_cast<std::uint8_t> (g_random_int ());
    f.send (i % 2 ? Media::video : Media::audio, noise);
  }
  f.send (Media::video, packets::rtp ({.sequence = 777}));
  f.video.wait ("the last packet", [] (const auto &items) {
    return items.back ().buffer
        && bytes_of (items.back ().buffer.get ())
        == packets::rtp ({.sequence = 777});
  });
}
GST_END_TEST;

GST_START_TEST (test_any_datagram_size)
{
  Fixture f;
  f.play ();
  // About the pool's slot, a jumbo frame, the largest of all.
  std::vector<Bytes> sent;
  for (std::size_t size :
      {12, 13, 1472, 2047, 2048, 2049, 9000, 65506, 65507}) {
    Bytes payload (size - 12);
    for (std::size_t i = 0; i < payload.size (); i++)
      payload[i] = static_cast<std::uint8_t> (i * 7 + size);
    if (!payload.empty ())
      payload[0] = 0x41;
    sent.push_back (packets::rtp ({.payload = payload}));
    f.send (Media::video, sent.back ());
    f.video.wait_buffers (sent.size ()); // big ones fill a socket buffer
  }
  const auto got = f.video.buffers ();
  for (std::size_t i = 0; i < sent.size (); i++)
    fail_unless (bytes_of (got[i].get ()) == sent[i], "packet %zu", i);
}
GST_END_TEST;

GST_START_TEST (test_bursts_keep_order_and_reuse_buffers)
{
  Fixture f;
  f.play ();
  // Three rounds: the pool's buffers come back in between.
  for (unsigned round = 0; round < 3; round++) {
    for (std::uint16_t i = 0; i < 100; i++)
      for (Media m : restream::kAllMedia)
        f.send (m,
            packets::rtp ({.ssrc = 5,
                .sequence = static_cast<std::uint16_t> (round * 100 + i),
                .payload = Bytes (20 + i, 0x41)}));
    for (Recorder *r : {&f.video, &f.audio}) {
      r->wait_buffers (100);
      const auto got = r->buffers ();
      fail_unless_equals_int (got.size (), 100);
      for (std::uint16_t i = 0; i < 100; i++)
        fail_unless (bytes_of (got[i].get ())
            == packets::rtp ({.ssrc = 5,
                .sequence = static_cast<std::uint16_t> (round * 100 + i),
                .payload = Bytes (20 + i, 0x41)}));
      r->clear ();
    }
  }
  fail_unless_equals_uint64 (f.stat ("video.packets"), 300);
  fail_unless_equals_uint64 (f.stat ("audio.packets"), 300);
  fail_unless_equals_uint64 (f.stat ("video.dropped.overflow"), 0);
}
GST_END_TEST;

GST_START_TEST (test_timeout_once_per_silence)
{
  Fixture f;
  g_object_set (f.element (), "timeout", G_GUINT64_CONSTANT (20'000'000),
      nullptr);
  f.play ();
  std::string media;
  for (int i = 0; i < 2; i++) {
    const auto m = f.element_message ("GstRtpRestreamSrcTimeout");
    const GstStructure *s = gst_message_get_structure (m.get ());
    guint64 timeout = 0;
    fail_unless (gst_structure_get_uint64 (s, "timeout", &timeout));
    fail_unless_equals_uint64 (timeout, 20'000'000);
    media += gst_structure_get_string (s, "media");
  }
  fail_unless_equals_string (media.c_str (), "videoaudio");
  f.send (Media::audio, packets::rtp ({.payload_type = 97}));
  auto m = f.element_message ("GstRtpRestreamSrcResumed");
  fail_unless_equals_string (
      gst_structure_get_string (gst_message_get_structure (m.get ()), "media"),
      "audio");
  m = f.element_message ("GstRtpRestreamSrcTimeout");
  fail_unless_equals_string (
      gst_structure_get_string (gst_message_get_structure (m.get ()), "media"),
      "audio");
  // The video's silence goes on and is not told again.
  g_usleep (60'000);
  fail_if (static_cast<bool> (f.message (GST_MESSAGE_ELEMENT, false)));
}
GST_END_TEST;

GST_START_TEST (test_timeout_set_while_waiting)
{
  Fixture f;
  f.play ();
  g_usleep (10'000); // the thread sleeps without an end by now, or soon
  g_object_set (f.element (), "timeout", G_GUINT64_CONSTANT (1'000'000),
      nullptr);
  f.element_message ("GstRtpRestreamSrcTimeout");
}
GST_END_TEST;

GST_START_TEST (test_one_pad_is_enough)
{
  Fixture f (false);
  f.link_pad (f.audio);
  f.play ();
  for (std::uint16_t i = 0; i < 10; i++) {
    f.send (Media::video, packets::rtp ({.sequence = i}));
    f.wait_stat ("video.packets", i + 1u);
    f.send (Media::audio, packets::rtp ({.payload_type = 97, .sequence = i}));
    f.audio.wait_buffers (i + 1u);
  }
  fail_if (static_cast<bool> (f.message (GST_MESSAGE_ERROR, false)));
  // Linked later, it gets all that it needs.
  f.link_pad (f.video);
  f.send (Media::video, packets::rtp ({.sequence = 11}));
  f.video.wait_buffers (1);
  f.video.expect_order ("stream-start caps segment buffer");
}
GST_END_TEST;

GST_START_TEST (test_no_pad_is_an_error)
{
  Fixture f (false);
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.send (Media::audio, packets::rtp ({.payload_type = 97}));
  const auto [domain, code] = f.error ();
  fail_unless (domain == GST_STREAM_ERROR && code == GST_STREAM_ERROR_FAILED);
}
GST_END_TEST;

GST_START_TEST (test_downstream_error_ends_the_stream)
{
  Fixture f;
  f.play ();
  f.video.answer (GST_FLOW_ERROR);
  f.send (Media::video, packets::rtp ({}));
  f.error ();
  f.video.wait_event (GST_EVENT_EOS);
  f.audio.wait_event (GST_EVENT_EOS);
}
GST_END_TEST;

GST_START_TEST (test_downstream_eos)
{
  Fixture f;
  f.play ();
  f.video.answer (GST_FLOW_EOS);
  f.send (Media::video, packets::rtp ({}));
  f.video.wait_buffers (1);
  // The other one still wants its own.
  f.send (Media::audio, packets::rtp ({.payload_type = 97}));
  f.audio.wait_buffers (1);
  fail_unless (f.audio.events (GST_EVENT_EOS).empty ());
  f.audio.answer (GST_FLOW_EOS);
  f.send (Media::audio, packets::rtp ({.payload_type = 97, .sequence = 2}));
  f.audio.wait_event (GST_EVENT_EOS);
  f.video.wait_event (GST_EVENT_EOS);
  fail_if (static_cast<bool> (f.message (GST_MESSAGE_ERROR, false)));
}
GST_END_TEST;

GST_START_TEST (test_queries_and_upstream_events)
{
  Fixture f;
  f.play ();
  auto query = Ref<GstQuery>::adopt (gst_query_new_latency ());
  fail_unless (gst_pad_peer_query (f.video.pad (), query.get ()));
  gboolean live = FALSE;
  GstClockTime least, most;
  gst_query_parse_latency (query.get (), &live, &least, &most);
  fail_unless (live && least == 0 && most == 0);

  // Before the first packet: as configured. After it: as it is.
  auto caps =
      Ref<GstCaps>::adopt (gst_pad_peer_query_caps (f.video.pad (), nullptr));
  fail_unless_equals_string (
      gst_structure_get_string (structure_of (caps), "encoding-name"), "H264");
  fail_if (gst_structure_has_field (structure_of (caps), "ssrc"));
  f.send (Media::video, packets::rtp ({.ssrc = 77}));
  f.video.wait_buffers (1);
  caps =
      Ref<GstCaps>::adopt (gst_pad_peer_query_caps (f.video.pad (), nullptr));
  fail_unless_equals_int (uint_field (structure_of (caps), "ssrc"), 77);
  auto filter = Ref<GstCaps>::adopt (
      gst_caps_from_string ("application/x-rtp, encoding-name=VP8"));
  caps = Ref<GstCaps>::adopt (
      gst_pad_peer_query_caps (f.video.pad (), filter.get ()));
  fail_unless (gst_caps_is_empty (caps.get ()));

  fail_unless (
      gst_pad_push_event (f.video.pad (), gst_event_new_reconfigure ()));
  fail_if (gst_pad_push_event (f.video.pad (),
      gst_event_new_seek (1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
          GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0)));
}
GST_END_TEST;

GST_START_TEST (test_stats_are_read_while_it_runs)
{
  Fixture f;
  f.play ();
  std::atomic<bool> stop{false};
  std::thread reader ([&] {
    while (!stop) {
      f.stat ("video.last-sender-report.rtptime");
      auto caps = Ref<GstCaps>::adopt (
          gst_pad_peer_query_caps (f.video.pad (), nullptr));
    }
  });
  for (std::uint32_t i = 1; i <= 200; i++) {
    f.send (Media::video, packets::rtp ({.ssrc = i}));
    f.send (Media::video, packets::sender_report (i, i));
    f.send (Media::video, packets::bye (i));
    if (i % 50 == 0)
      f.wait_stat ("video.byes", i);
  }
  stop = true;
  reader.join ();
  fail_unless_equals_uint64 (f.stat ("video.takeovers"), 199);
  fail_unless_equals_uint64 (f.stat ("video.last-sender-report.rtptime"), 200);
  fail_unless (f.stat ("buffer-size") > 0);
  fail_unless_equals_uint64 (f.stat ("video.bytes"), 200 * 16);
}
GST_END_TEST;

static Suite *
rtprestreamsrc_suite (void)
{
  Suite *suite = suite_create ("rtprestreamsrc");
  TCase *tc = tcase_create ("data");
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_media_comes_out_of_its_own_pad);
  tcase_add_test (tc, test_caps_are_complete);
  tcase_add_test (tc, test_caps_follow_parameter_sets);
  tcase_add_test (tc, test_configured_caps_come_at_start);
  tcase_add_test (tc, test_rtcp_never_leaves_a_media_pad);
  tcase_add_test (tc, test_report_ahead_of_its_medium);
  tcase_add_test (tc, test_second_sender_waits);
  tcase_add_test (tc, test_expected_sender);
  tcase_add_test (tc, test_takeover_after_silence);
  tcase_add_test (tc, test_garbage_is_dropped);
  tcase_add_test (tc, test_any_datagram_size);
  tcase_add_test (tc, test_bursts_keep_order_and_reuse_buffers);
  tcase_add_test (tc, test_timeout_once_per_silence);
  tcase_add_test (tc, test_timeout_set_while_waiting);
  tcase_add_test (tc, test_one_pad_is_enough);
  tcase_add_test (tc, test_no_pad_is_an_error);
  tcase_add_test (tc, test_downstream_error_ends_the_stream);
  tcase_add_test (tc, test_downstream_eos);
  tcase_add_test (tc, test_queries_and_upstream_events);
  tcase_add_test (tc, test_stats_are_read_while_it_runs);
  return suite;
}

GST_CHECK_MAIN (rtprestreamsrc);
