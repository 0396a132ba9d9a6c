// SPDX-License-Identifier: LGPL-2.1-or-later
// Viewers that are sent an offer and answer it: each is a real webrtcbin, but where nobody needs to be behind the answer.
#include "tests/sink/sink-fixture.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"

#include <gst/check/gstcheck.h>

using namespace restream;
using namespace restream::sinktest;

namespace {

constexpr int kOfferedVideo = 96, kOfferedAudio = 111;

void
replace (std::string &text, const std::string &from, const std::string &to)
{
  for (std::size_t at = 0; (at = text.find (from, at)) != text.npos;
       at += to.size ())
    text.replace (at, from.size (), to);
}

// An answer that takes all of the offer, by giving it back. Nobody is behind it.
std::string
answer_to (std::string offer, const std::string &setup = "active")
{
  replace (offer, "a=sendonly", "a=recvonly");
  replace (offer, "a=setup:actpass", "a=setup:" + setup);
  return offer;
}

// The section of a medium, with its m-line.
std::string
section_of (const std::string &sdp, const std::string &medium)
{
  std::size_t at = sdp.find ("m=" + medium);
  fail_unless (at != sdp.npos, "no %s section in\n%s", medium.c_str (),
      sdp.c_str ());
  std::size_t end = sdp.find ("\r\nm=", at);
  return sdp.substr (at, end == sdp.npos ? end : end + 2 - at);
}

// The same answer, which rejects that medium.
std::string
without (std::string answer, const std::string &medium)
{
  std::string section = section_of (answer, medium);
  std::string rejected = section;
  replace (rejected, "m=" + medium + " 9", "m=" + medium + " 0");
  replace (rejected, "a=recvonly", "a=inactive");
  replace (answer, section, rejected);
  return answer;
}

guint
count_viewers (const Rig &rig)
{
  guint viewers = G_MAXUINT;
  Owned<GstStructure> stats = rig.stats ();
  fail_unless (gst_structure_get_uint (stats.get (), "viewers", &viewers));
  return viewers;
}

void
check_answered (const Reply &reply)
{
  fail_unless (gst_structure_has_name (reply.wait (), "rtprestream-answered"),
      "%s", reply.text ("message").c_str ());
}

} // namespace

GST_START_TEST (test_media_by_our_offer)
{
  Rig rig;
  Viewer viewer ({.video_payload_type = kOfferedVideo,
      .audio_payload_type = kOfferedAudio});
  viewer.join_invited (rig);
  viewer.wait_media ();
  wait_until ("pictures",
      [&] { return viewer.counter (Media::video).frames () > 30; });
  const test::RtpCounter &video = viewer.counter (Media::video);
  fail_unless (video.starts_with_keyframe ());
  for (Media media : kAllMedia) {
    fail_unless_equals_uint64 (viewer.counter (media).lost (), 0);
    fail_unless_equals_uint64 (viewer.counter (media).ssrc_changes (), 0);
  }
  fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
  // The streams are those that the offer tells of.
  fail_unless (viewer.offer ().find ("a=ssrc:" + std::to_string (video.ssrc ()))
      != std::string::npos);
  fail_unless (viewer.offer ().find (" rtx/90000") != std::string::npos);
  // A viewer as any other.
  fail_unless_equals_int (count_viewers (rig), 1);
  fail_unless (gst_structure_has_name (rig.drain (30 * GST_SECOND).wait (),
      "rtprestream-drained"));
  viewer.wait_closed ();
  wait_until ("the RTCP BYE", [&] { return viewer.stats ().bye_us != 0; });
}
GST_END_TEST;

// The viewer rejects the other one, which stands in our offer all the same.
GST_START_TEST (test_one_medium_of_two)
{
  for (Media media : kAllMedia) {
    const bool video = media == Media::video;
    Rig rig;
    Viewer viewer ({.video = video,
        .audio = !video,
        .video_payload_type = kOfferedVideo,
        .audio_payload_type = kOfferedAudio});
    viewer.join_invited (rig, [&] (std::string answer) {
      return without (std::move (answer), video ? "audio" : "video");
    });
    viewer.wait_media ();
    Owned<GstStructure> stats = stats_of (rig, viewer.id ());
    fail_unless_equals_int (
        gst_structure_has_field (stats.get (), "video-packets"), video);
    fail_unless_equals_int (
        gst_structure_has_field (stats.get (), "audio-packets"), !video);
    fail_unless_equals_uint64 (viewer.stats ().other_packets, 0);
    fail_unless (gst_structure_has_name (rig.drain (30 * GST_SECOND).wait (),
        "rtprestream-drained"));
    viewer.wait_closed ();
    wait_until ("the RTCP BYE", [&] { return viewer.stats ().bye_us != 0; });
  }
}
GST_END_TEST;

GST_START_TEST (test_a_sink_of_one_medium)
{
  for (Media media : kAllMedia) {
    const bool video = media == Media::video;
    Rig rig ({.video = video, .audio = !video});
    Viewer viewer ({.video = video,
        .audio = !video,
        .video_payload_type = kOfferedVideo,
        .audio_payload_type = kOfferedAudio});
    viewer.join_invited (rig);
    viewer.wait_media ();
  }
}
GST_END_TEST;

GST_START_TEST (test_answers_that_are_refused)
{
  Rig rig;
  Reply invited = rig.invite_viewer ();
  const std::string id = invited.text ("viewer-id");
  const std::string offer = invited.text ("offer");
  auto status = [&] (const std::string &answer) {
    return rig.answer_viewer (id, answer).wait_status ();
  };
  const std::string good = answer_to (offer);
  for (const std::string &bad :
      {std::string (), std::string ("v=0\r\n"), std::string ("\xff\x01"),
          answer_to (offer, "actpass"), good.substr (0, good.size () / 2)})
    fail_unless_equals_int (status (bad), 400);
  fail_unless_equals_int (status (offer), 422); // which receives nothing
  fail_unless_equals_int (status (without (without (good, "video"), "audio")),
      422);
  std::string others = good;
  replace (others, " 96 97\r\n", " 120 97\r\n");
  replace (others, ":96 ", ":120 ");
  replace (others, "apt=96", "apt=120");
  // webrtcbin has its own; and then it may still answer properly.
  if (test::transport_is_native ()) {
    check_answered (rig.answer_viewer (id, others));
  } else {
    fail_unless_equals_int (status (others), 422);
    check_answered (rig.answer_viewer (id, good));
  }
  fail_unless_equals_int (status (good), 422); // it has been answered
  fail_unless_equals_int (rig.answer_viewer ("none", good).wait_status (), 404);
  fail_unless_equals_int (count_viewers (rig), 1);
  fail_unless (gst_structure_has_name (rig.remove_viewer (id).wait (),
      "rtprestream-removed"));
  fail_unless_equals_int (status (good), 404);
}
GST_END_TEST;

// Of odd but legal answers none ends the process, and each is a viewer.
GST_START_TEST (test_odd_answers)
{
  Rig rig;
  for (int kind = 0; kind < 7; kind++) {
    Reply invited = rig.invite_viewer ();
    const std::string offer = invited.text ("offer");
    std::string answer = answer_to (offer, kind == 0 ? "passive" : "active");
    const std::string video = section_of (answer, "video");
    const std::string audio = section_of (answer, "audio");
    if (kind == 1) { // no RTX
      replace (answer, " 96 97\r\n", " 96\r\n");
      replace (answer, "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n", "");
    } else if (kind == 2) { // no BUNDLE: one transport, for the video
      replace (answer, "a=group:BUNDLE 0 1\r\n", "");
    } else if (kind == 3) { // in another order
      replace (answer, video + audio, audio + video);
    } else if (kind
        == 4) { // the audio alone, as if nothing else had been offered
      replace (answer, video, "");
      replace (answer, "BUNDLE 0 1", "BUNDLE 1");
    } else if (kind == 5) { // other mids
      replace (answer, "BUNDLE 0 1", "BUNDLE x y");
      replace (answer, "a=mid:0", "a=mid:x");
      replace (answer, "a=mid:1", "a=mid:y");
    } else if (kind == 6) { // a third section
      answer += "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                "c=IN IP4 0.0.0.0\r\na=mid:2\r\n";
    }
    check_answered (rig.answer_viewer (invited.text ("viewer-id"), answer));
    fail_unless (gst_structure_has_name (
        rig.remove_viewer (invited.text ("viewer-id")).wait (),
        "rtprestream-removed"));
  }
  fail_unless_equals_int (count_viewers (rig), 0);
}
GST_END_TEST;

GST_START_TEST (test_gone_before_the_answer)
{
  Rig rig;
  g_object_set (rig.sink (), "max-viewers", 2u, nullptr);
  Reply one = rig.invite_viewer ();
  Reply two = rig.invite_viewer ();
  one.text ("offer");
  const std::string answer = answer_to (two.text ("offer"));
  // They have their places.
  fail_unless_equals_int (rig.invite_viewer ().wait_status (), 503);
  Viewer viewer;
  fail_unless_equals_int (rig.add_viewer (viewer.offer ()).wait_status (), 503);
  for (Reply *reply : {&one, &two}) {
    const std::string id = reply->text ("viewer-id");
    fail_unless (gst_structure_has_name (rig.remove_viewer (id).wait (),
        "rtprestream-removed"));
    fail_unless_equals_int (rig.answer_viewer (id, answer).wait_status (), 404);
  }
  viewer.join (rig);
  viewer.wait_media ();
}
GST_END_TEST;

// Made or in the making, offers end with what they offer, and all that they took is given back.
GST_START_TEST (test_the_sink_ends_while_viewers_are_invited)
{
  enum class End
  {
    drained,
    end_of_stream,
    ready,
    null
  };
  for (End end : {End::drained, End::end_of_stream, End::ready, End::null}) {
    Rig rig;
    rig.wait_media ();
    const unsigned descriptors = count_descriptors ();
    Reply one = rig.invite_viewer ();
    const std::string answer = answer_to (one.text ("offer"));
    std::vector<Reply> making;
    for (int i = 0; i < 3; i++)
      making.push_back (rig.invite_viewer ());
    switch (end) {
      case End::drained:
        fail_unless (gst_structure_has_name (rig.drain (GST_SECOND).wait (),
            "rtprestream-drained"));
        break;
      case End::end_of_stream:
        rig.stop_feed ();
        rig.push_event (Media::video, gst_event_new_eos ());
        rig.push_event (Media::audio, gst_event_new_eos ());
        rig.wait_message (GST_MESSAGE_EOS);
        break;
      case End::ready:
        rig.set_state (GST_STATE_READY);
        break;
      case End::null:
        rig.set_state (GST_STATE_NULL);
        break;
    }
    for (const Reply &reply : making) // each is answered, one way or the other
      if (gst_structure_has_name (reply.wait (), "rtprestream-error"))
        fail_unless_equals_int (reply.wait_status (), 409);
    const unsigned status =
        rig.answer_viewer (one.text ("viewer-id"), answer).wait_status ();
    fail_unless (status == 404 || status == 409, "%u", status);
    fail_unless (rig.saw ("removed", one.text ("viewer-id")));
    wait_until ("the end of the threads and sockets", [&] {
      return count_viewer_threads () == 0
          && count_descriptors () <= descriptors;
    });
  }
}
GST_END_TEST;

static Suite *
rtprestreamsink_invitations_suite (void)
{
  Suite *s = suite_create ("rtprestreamsink-invitations");
  TCase *tc = tcase_create ("invitations");
  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 150);
  add_viewer_fixtures (tc);
  tcase_add_test (tc, test_media_by_our_offer);
  tcase_add_test (tc, test_one_medium_of_two);
  tcase_add_test (tc, test_a_sink_of_one_medium);
  tcase_add_test (tc, test_answers_that_are_refused);
  tcase_add_test (tc, test_odd_answers);
  tcase_add_test (tc, test_gone_before_the_answer);
  tcase_add_test (tc, test_the_sink_ends_while_viewers_are_invited);
  return s;
}

GST_CHECK_MAIN (rtprestreamsink_invitations)
