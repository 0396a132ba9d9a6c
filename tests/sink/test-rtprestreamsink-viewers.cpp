// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsink with viewers that connect: each is a real webrtcbin.
#include "tests/sink/sink-fixture.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"

#include <gst/check/gstcheck.h>
#include <gst/sdp/sdp.h>

#include <algorithm>

using namespace restream;
using namespace restream::sinktest;

namespace {

void
check_good_start (Viewer &viewer, const char *who)
{
  const test::RtpCounter &video = viewer.counter (Media::video);
  fail_unless (video.starts_with_keyframe (), "%s: no keyframe first", who);
  fail_unless_equals_uint64 (video.lost (), 0);
  fail_unless_equals_uint64 (video.ssrc_changes (), 0);
  fail_unless_equals_uint64 (video.timestamp_steps_back (), 0);
}

// The payload type that an answer gives to a medium; -1: none.
int
payload_type_in (const std::string &answer, const char *medium)
{
  GstSDPMessage *sdp = nullptr;
  fail_unless_equals_int (gst_sdp_message_new_from_text (answer.c_str (), &sdp),
      GST_SDP_OK);
  int payload_type = -1;
  for (guint i = 0; i < gst_sdp_message_medias_len (sdp); i++) {
    const GstSDPMedia *media = gst_sdp_message_get_media (sdp, i);
    if (g_strcmp0 (gst_sdp_media_get_media (media), medium) == 0)
      payload_type = atoi (gst_sdp_media_get_format (media, 0));
  }
  gst_sdp_message_free (sdp);
  return payload_type;
}

guint
count_viewers (const Rig &rig)
{
  guint viewers = G_MAXUINT;
  Owned<GstStructure> stats = rig.stats ();
  fail_unless (gst_structure_get_uint (stats.get (), "viewers", &viewers));
  return viewers;
}

} // namespace

GST_START_TEST (test_media_with_the_payload_types_of_each_offer)
{
  Rig rig;
  Viewer one ({.video_payload_type = 96, .audio_payload_type = 97});
  Viewer two ({.video_payload_type = 118, .audio_payload_type = 99});
  one.join (rig);
  two.join (rig);
  fail_unless_equals_int (payload_type_in (one.answer (), "video"), 96);
  fail_unless_equals_int (payload_type_in (two.answer (), "video"), 118);
  fail_unless_equals_int (payload_type_in (one.answer (), "audio"), 97);
  fail_unless_equals_int (payload_type_in (two.answer (), "audio"), 99);
  one.wait_media ();
  two.wait_media ();
  for (Viewer *viewer : {&one, &two}) {
    wait_until ("pictures",
        [&] { return viewer->counter (Media::video).frames () > 30; });
    check_good_start (*viewer, viewer == &one ? "one" : "two");
    // Only what the answer announced, on a payload type of this offer.
    fail_unless_equals_uint64 (viewer->stats ().other_packets, 0);
    // It is delivered, too, not only received.
    wait_until ("packets behind the jitter buffer",
        [&] { return viewer->stats ().delivered > 0; });
  }
  // One packet store serves both: the same line.
  fail_unless_equals_uint64 (one.counter (Media::video).ssrc (),
      two.counter (Media::video).ssrc ());
}
GST_END_TEST;

GST_START_TEST (test_signals_and_statistics)
{
  Rig rig;
  Viewer viewer;
  viewer.join (rig);
  viewer.wait_media ();
  wait_until ("the state connected", [&] {
    Owned<GstStructure> s = stats_of (rig, viewer.id ());
    return s
        && g_strcmp0 (gst_structure_get_string (s.get (), "state"), "connected")
        == 0;
  });
  // The viewer may see a packet before the sink has counted it.
  Owned<GstStructure> mine;
  for (const char *field :
      {"age", "video-packets", "video-bytes", "audio-packets", "audio-bytes"})
    wait_until (field, [&] {
      mine = stats_of (rig, viewer.id ());
      return number (mine, field) > 0;
    });
  fail_unless_equals_uint64 (number (mine, "video-dropped"), 0);
  fail_unless_equals_uint64 (number (mine, "audio-dropped"), 0);
  for (const char *field : {"nacks", "rejected", "video-retransmitted",
           "audio-retransmitted", "estimate-bps"})
    number (mine, field);
  for (const char *field : {"video-lost", "audio-lost"}) {
    gint64 lost = 1;
    fail_unless (gst_structure_get_int64 (mine.get (), field, &lost));
    // What it got twice counts against what it lost (RFC 3550, section 6.4.1).
    fail_unless (lost <= 0, "%s: %" G_GINT64_FORMAT, field, lost);
  }
  for (const char *field : {"round-trip-us", "audio-jitter-us"})
    wait_until (field,
        [&] { return number (stats_of (rig, viewer.id ()), field) > 0; });
  Owned<GstStructure> all = rig.stats ();
  guint connected = 0;
  fail_unless (
      gst_structure_get_uint (all.get (), "viewers-connected", &connected));
  fail_unless_equals_int (connected, 1);
  fail_unless_equals_int (count_viewers (rig), 1);
  for (const char *field : {"sent-packets", "sent-bytes"})
    fail_unless (number (all, field) > 0, "%s is 0", field);
  fail_unless (rig.stat ("video", "join-points") > 0);
  fail_unless_equals_uint64 (rig.stat ("video", "invalid"), 0);
  fail_unless_equals_uint64 (rig.stat ("audio", "restarts"), 0);

  fail_unless (gst_structure_has_name (rig.remove_viewer (viewer.id ()).wait (),
      "rtprestream-removed"));
  viewer.wait_closed ();
  fail_unless_equals_int (count_viewers (rig), 0);
  fail_unless_equals_int (rig.remove_viewer (viewer.id ()).wait_status (), 404);

  const auto records = rig.records ();
  fail_unless_equals_string (records.front ().name.c_str (), "added");
  fail_unless_equals_string (records.back ().name.c_str (), "removed");
  std::vector<std::string> states;
  for (const SignalRecord &r : records) {
    fail_unless_equals_string (r.viewer_id.c_str (), viewer.id ().c_str ());
    if (r.name == "state")
      states.push_back (r.detail);
  }
  fail_unless (states.size () >= 2);
  fail_unless_equals_string (states[0].c_str (), "connecting");
  fail_unless_equals_string (states[1].c_str (), "connected");
  fail_if (records.back ().detail.empty (), "no reason");
}
GST_END_TEST;

GST_START_TEST (test_one_line_over_restarts_of_the_source)
{
  Rig rig;
  Viewer viewer;
  viewer.join (rig);
  viewer.wait_media ();
  for (std::uint64_t restarts : {1, 2, 3}) {
    rig.restart_source ();
    wait_until ("the sink sees the restart",
        [&] { return rig.stat ("video", "restarts") == restarts; });
    const std::uint64_t frames = viewer.counter (Media::video).frames ();
    wait_until ("pictures after the restart",
        [&] { return viewer.counter (Media::video).frames () > frames + 20; });
  }
  check_good_start (viewer, "the viewer");
  for (Media media : kAllMedia) {
    const test::RtpCounter &counter = viewer.counter (media);
    fail_unless_equals_uint64 (counter.ssrc_changes (), 0);
    fail_unless_equals_uint64 (counter.lost (), 0);
    fail_unless_equals_uint64 (counter.duplicates (), 0);
    fail_unless_equals_uint64 (counter.timestamp_steps_back (), 0);
  }
  fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
}
GST_END_TEST;

// Who has lost its picture gets the last keyframe again, and all since, without a seam.
GST_START_TEST (test_a_keyframe_that_is_asked_for)
{
  Rig rig;
  Viewer viewer;
  viewer.join (rig);
  viewer.wait_media ();
  // Of the source's own it never has more than the sink, which counts them first.
  const auto more_than_the_sink = [&] {
    const auto keyframes = viewer.counter (Media::video).keyframes ();
    return static_cast<std::int64_t> (keyframes)
        - static_cast<std::int64_t> (rig.stat ("video", "join-points"));
  };
  std::int64_t before = INT64_MIN; // but for one on its way, now and then
  wait_until ("pictures", [&] {
    before = std::max (before, more_than_the_sink ());
    return viewer.counter (Media::video).frames () > 60;
  });
  gint64 asked_us = 0;
  wait_until ("a keyframe of the viewer's own", [&] {
    if (g_get_monotonic_time () - asked_us > 300'000) {
      viewer.ask_for_keyframe ();
      asked_us = g_get_monotonic_time ();
    }
    return more_than_the_sink () > before;
  });
  fail_unless (number (stats_of (rig, viewer.id ()), "keyframe-requests") > 0);
  const std::uint64_t frames = viewer.counter (Media::video).frames ();
  wait_until ("pictures after it",
      [&] { return viewer.counter (Media::video).frames () > frames + 60; });
  const test::RtpCounter &video = viewer.counter (Media::video);
  fail_unless_equals_uint64 (video.lost (), 0); // the pictures were whole
  fail_unless_equals_uint64 (video.duplicates (), 0);
  fail_unless_equals_uint64 (video.timestamp_steps_back (), 0);
  fail_unless_equals_uint64 (video.ssrc_changes (), 0);
  fail_unless_equals_uint64 (viewer.counter (Media::audio).lost (), 0);
  fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
}
GST_END_TEST;

// Of what browsers offer beyond the codecs, and a viewer made of webrtcbin does not.
GST_START_TEST (test_extensions_and_redundant_audio_that_are_offered)
{
  Rig rig;
  Viewer viewer ({.video_payload_type = 96, .audio_payload_type = 97});
  std::string offer = viewer.offer ();
  const auto insert_behind = [&offer] (const char *line, const char *what) {
    const std::size_t at = offer.find (line);
    fail_if (at == std::string::npos, "no %s in %s", line, offer.c_str ());
    offer.insert (offer.find ('\n', at) + 1, what);
  };
  const char *kExtensions =
      "a=extmap:5 "
      "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n"
      "a=extmap:6 "
      "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\r\n";
  insert_behind ("a=rtpmap:96 ", kExtensions);
  insert_behind ("a=rtpmap:97 ",
      "a=rtpmap:63 red/48000/2\r\na=fmtp:63 97/97\r\n");
  insert_behind ("a=rtpmap:97 ", kExtensions);
  // RED is for who does not ask for lost audio.
  for (std::size_t at;
       (at = offer.find ("a=rtcp-fb:97 ")) != std::string::npos;)
    offer.erase (at, offer.find ('\n', at) + 1 - at);
  const std::size_t audio = offer.find ("m=audio ");
  offer.insert (offer.find_first_of ("\r\n", audio), " 63");
  viewer.join_with (rig, offer);
  for (const char *line :
      {"a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
          "a=extmap:6 "
          "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
          "a=rtpmap:63 red/48000/2", "a=fmtp:63 97/97"})
    fail_unless (viewer.answer ().find (line) != std::string::npos,
        "no %s in %s", line, viewer.answer ().c_str ());
  viewer.wait_media ();
  wait_until ("pictures",
      [&] { return viewer.counter (Media::video).frames () > 90; });
  check_good_start (viewer, "the viewer");
  fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
}
GST_END_TEST;

GST_START_TEST (test_one_medium_alone)
{
  for (Media media : kAllMedia) {
    const bool video = media == Media::video;
    // A sink of one medium.
    {
      Rig rig ({.video = video, .audio = !video});
      Viewer viewer ({.video = video, .audio = !video});
      viewer.join (rig);
      viewer.wait_media ();
    }
    // A viewer of one medium, at a sink of both.
    {
      Rig rig;
      Viewer viewer ({.video = video, .audio = !video});
      viewer.join (rig);
      viewer.wait_media ();
      Owned<GstStructure> stats = stats_of (rig, viewer.id ());
      fail_unless_equals_int (
          gst_structure_has_field (stats.get (), "video-packets"), video);
      fail_unless_equals_int (
          gst_structure_has_field (stats.get (), "audio-packets"), !video);
    }
  }
}
GST_END_TEST;

GST_START_TEST (test_drain)
{
  Rig rig;
  Viewer one, two;
  one.join (rig);
  two.join (rig);
  one.wait_media ();
  two.wait_media ();
  Reply drained = rig.drain (30 * GST_SECOND);
  Reply late = rig.add_viewer (one.offer ());
  fail_unless (gst_structure_has_name (drained.wait (), "rtprestream-drained"));
  fail_unless_equals_int (late.wait_status (), 409);
  fail_unless_equals_int (count_viewers (rig), 0);
  for (Viewer *viewer : {&one, &two}) {
    viewer->wait_closed ();
    // It was sent before the close; when it is looked at is the viewer's affair.
    wait_until ("the RTCP BYE", [&] { return viewer->stats ().bye_us != 0; });
    fail_unless (rig.saw ("removed", viewer->id ()));
  }
  fail_unless_equals_int (rig.add_viewer (one.offer ()).wait_status (), 409);
  // Again, and with nobody there.
  fail_unless (
      gst_structure_has_name (rig.drain (0).wait (), "rtprestream-drained"));

  // Welcome again after READY.
  rig.stop_feed ();
  rig.set_state (GST_STATE_READY);
  rig.set_state (GST_STATE_PLAYING);
  for (Media media : kAllMedia)
    rig.push_headers (media);
  rig.start_feed ();
  Viewer three;
  three.join (rig);
  three.wait_media ();
}
GST_END_TEST;

// Of viewers that are not there yet a drain waits no longer than for others.
GST_START_TEST (test_drain_while_viewers_join)
{
  Rig rig;
  Viewer viewer;
  Reply pending = rig.add_viewer (viewer.offer ());
  Reply drained = rig.drain (30 * GST_SECOND);
  fail_unless (gst_structure_has_name (drained.wait (), "rtprestream-drained"));
  // The native transport answers at once: nobody is pending there.
  if (test::transport_is_native ()) {
    pending.wait ();
    fail_unless (rig.saw ("removed", pending.text ("viewer-id")));
  } else {
    fail_unless_equals_int (pending.wait_status (), 409);
  }
  fail_unless_equals_int (count_viewers (rig), 0);
}
GST_END_TEST;

GST_START_TEST (test_stop_with_viewers)
{
  for (GstState state : {GST_STATE_READY, GST_STATE_NULL}) {
    Rig rig;
    Viewer one, two;
    one.join (rig);
    two.join (rig);
    one.wait_media ();
    two.wait_media ();
    rig.set_state (state); // while it is fed
    one.wait_closed ();
    two.wait_closed ();
    fail_unless (rig.saw ("removed", one.id ()));
    fail_unless (rig.saw ("removed", two.id ()));
  }
}
GST_END_TEST;

GST_START_TEST (test_end_of_stream_drains)
{
  Rig rig;
  // The bound is no matter of this test, however busy the machine.
  g_object_set (rig.sink (), "drain-timeout", 30 * GST_SECOND, nullptr);
  Viewer viewer;
  viewer.join (rig);
  viewer.wait_media ();
  rig.stop_feed ();
  rig.push_event (Media::video, gst_event_new_eos ());
  rig.push_event (Media::audio, gst_event_new_eos ());
  rig.wait_message (GST_MESSAGE_EOS);
  fail_unless (rig.saw ("removed", viewer.id ()), "EOS before the drain");
  viewer.wait_closed ();
  wait_until ("the RTCP BYE", [&] { return viewer.stats ().bye_us != 0; });
}
GST_END_TEST;

// Who cannot show the certificate of the offer gets nothing.
GST_START_TEST (test_other_certificate_than_offered)
{
  Rig rig;
  Viewer good, bad;
  good.join (rig);
  std::string offer = bad.offer ();
  for (std::size_t at = 0;
       (at = offer.find ("a=fingerprint:sha-256 ", at)) != std::string::npos;) {
    at = offer.find (' ', at) + 1;
    offer[at] = offer[at] == '0' ? '1' : '0';
  }
  fail_if (offer == bad.offer ());
  bad.join_with (rig, offer);
  wait_until ("the viewer is removed",
      [&] { return rig.saw ("removed", bad.id ()); });
  const std::string reason = rig.reason_of_removal (bad.id ());
  fail_unless (reason.find ("certificate") != std::string::npos,
      "the reason is: %s", reason.c_str ());
  good.wait_media (); // unharmed
  fail_if (bad.has_media ());
  for (Media media : kAllMedia)
    fail_unless_equals_uint64 (bad.counter (media).packets (), 0);
  fail_unless_equals_uint64 (bad.stats ().other_packets, 0);
}
GST_END_TEST;

GST_START_TEST (test_viewer_that_vanishes)
{
  Rig rig;
  guint64 timeout = 0;
  g_object_get (rig.sink (), "viewer-timeout", &timeout, nullptr);
  fail_unless_equals_uint64 (timeout, 30 * GST_SECOND);
  // Still longer than receivers keep silent.
  g_object_set (rig.sink (), "viewer-timeout", 12 * GST_SECOND, nullptr);
  Viewer viewer, other;
  viewer.join (rig);
  other.join (rig);
  viewer.wait_media ();
  other.wait_media ();
  const gint64 gone = g_get_monotonic_time ();
  viewer.stop ();
  wait_until ("the vanished viewer is removed",
      [&] { return rig.saw ("removed", viewer.id ()); });
  g_print ("removed after %.1f s: %s\n",
      static_cast<double> (g_get_monotonic_time () - gone) / G_USEC_PER_SEC,
      rig.reason_of_removal (viewer.id ()).c_str ());
  fail_if (rig.saw ("removed", other.id ()));
}
GST_END_TEST;

namespace {

enum class InHandler
{
  to_null,
  to_paused,
  remove,
  add,
  read
};

struct HandlerTest
{
  InHandler what;
  Rig *rig;
  std::string offer;
  std::atomic<int> state_change{-1};
  std::vector<Reply> replies;
  std::atomic<bool> ran{false};
};

void
in_handler (GstElement *sink, const char *id, gpointer data)
{
  auto *test = static_cast<HandlerTest *> (data);
  if (test->ran)
    return;
  switch (test->what) {
    case InHandler::to_null:
      test->state_change = gst_element_set_state (sink, GST_STATE_NULL);
      break;
    case InHandler::to_paused:
      test->state_change = gst_element_set_state (sink, GST_STATE_PAUSED);
      break;
    case InHandler::remove:
      test->replies.push_back (test->rig->remove_viewer (id));
      break;
    case InHandler::add:
      test->replies.push_back (test->rig->add_viewer (test->offer));
      break;
    case InHandler::read:
      fail_unless_equals_int (count_viewers (*test->rig), 1);
      break;
  }
  test->ran = true;
}

} // namespace

GST_START_TEST (test_actions_in_a_signal_handler)
{
  for (InHandler what : {InHandler::to_null, InHandler::to_paused,
           InHandler::remove, InHandler::add, InHandler::read}) {
    Rig rig;
    Viewer viewer;
    HandlerTest test{.what = what, .rig = &rig, .offer = viewer.offer ()};
    g_signal_connect (rig.sink (), "viewer-added", G_CALLBACK (in_handler),
        &test);
    Reply added = rig.add_viewer (viewer.offer ());
    wait_until ("the handler returns", [&] { return test.ran.load (); });
    const bool is_viewer =
        gst_structure_has_name (added.wait (), "rtprestream-viewer");
    switch (what) {
      case InHandler::to_null:
      case InHandler::to_paused: {
        fail_unless_equals_int (test.state_change, GST_STATE_CHANGE_FAILURE);
        auto message = rig.wait_message (GST_MESSAGE_ERROR);
        Owned<GError> error;
        gst_message_parse_error (message.get (), out (error), nullptr);
        fail_unless (g_error_matches (error.get (), GST_CORE_ERROR,
            GST_CORE_ERROR_STATE_CHANGE));
        fail_unless (is_viewer);
        break;
      }
      case InHandler::remove:
        fail_unless (gst_structure_has_name (test.replies[0].wait (),
            "rtprestream-removed"));
        break;
      case InHandler::add:
        fail_unless (gst_structure_has_name (test.replies[0].wait (),
            "rtprestream-viewer"));
        fail_unless (is_viewer);
        break;
      case InHandler::read:
        fail_unless (is_viewer);
        break;
    }
  }
}
GST_END_TEST;

namespace {

struct StopRace
{
  std::atomic<bool> ran{false};
  std::atomic<int> state_change{-1};
};

void
stop_in_handler (GstElement *sink, const char *, const char *, gpointer data)
{
  auto *race = static_cast<StopRace *> (data);
  race->state_change = gst_element_set_state (sink, GST_STATE_NULL);
  race->ran = true;
}

} // namespace

// The handler runs because another thread stops the sink, which waits for it.
GST_START_TEST (test_state_change_in_a_handler_while_the_sink_stops)
{
  Rig rig;
  Viewer viewer;
  StopRace race;
  g_signal_connect (rig.sink (), "viewer-removed", G_CALLBACK (stop_in_handler),
      &race);
  viewer.join (rig);
  rig.set_state (GST_STATE_READY);
  fail_unless (race.ran);
  fail_unless_equals_int (race.state_change, GST_STATE_CHANGE_FAILURE);
}
GST_END_TEST;

static Suite *
rtprestreamsink_viewers_suite (void)
{
  Suite *s = suite_create ("rtprestreamsink-viewers");
  TCase *tc = tcase_create ("viewers");
  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 150);
  add_viewer_fixtures (tc);
  tcase_add_test (tc, test_media_with_the_payload_types_of_each_offer);
  tcase_add_test (tc, test_signals_and_statistics);
  tcase_add_test (tc, test_one_line_over_restarts_of_the_source);
  tcase_add_test (tc, test_a_keyframe_that_is_asked_for);
  tcase_add_test (tc, test_extensions_and_redundant_audio_that_are_offered);
  tcase_add_test (tc, test_one_medium_alone);
  tcase_add_test (tc, test_drain);
  tcase_add_test (tc, test_drain_while_viewers_join);
  tcase_add_test (tc, test_stop_with_viewers);
  tcase_add_test (tc, test_end_of_stream_drains);
  tcase_add_test (tc, test_other_certificate_than_offered);
  tcase_add_test (tc, test_viewer_that_vanishes);
  tcase_add_test (tc, test_actions_in_a_signal_handler);
  tcase_add_test (tc, test_state_change_in_a_handler_while_the_sink_stops);
  return s;
}

GST_CHECK_MAIN (rtprestreamsink_viewers)
