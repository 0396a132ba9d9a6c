// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsink without a viewer that connects: states, settings, refusals.
#include "tests/negotiation/offers.h"
#include "tests/sink/sink-fixture.h"
#include "tests/src/packets.h"
#include "tests/support/leaks.h"

#include <gio/gio.h>
#include <gst/check/gstcheck.h>

#include <cstring>

using namespace restream;
using namespace restream::sinktest;

namespace {

// A TCP port that is taken as long as this lives.
class TakenPort
{
public:
  TakenPort ()
  {
    socket_ = Ref<GSocket>::adopt (g_socket_new (G_SOCKET_FAMILY_IPV4,
        G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, nullptr));
    auto address = Ref<GSocketAddress>::adopt (
        g_inet_socket_address_new_from_string ("127.0.0.1", 0));
    fail_unless (
        g_socket_bind (socket_.get (), address.get (), FALSE, nullptr));
    fail_unless (g_socket_listen (socket_.get (), nullptr));
    auto bound = Ref<GSocketAddress>::adopt (
        g_socket_get_local_address (socket_.get (), nullptr));
    port_ =
        g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound.get ()));
  }
  guint port () const { return port_; }

private:
  Ref<GSocket> socket_;
  guint port_ = 0;
};

bool
is_listening (guint port)
{
  auto client = Ref<GSocketClient>::adopt (g_socket_client_new ());
  auto connection = Ref<GSocketConnection>::adopt (
      g_socket_client_connect_to_host (client.get (), "127.0.0.1",
          static_cast<guint16> (port), nullptr, nullptr));
  return static_cast<bool> (connection);
}

// NULL→READY must fail with an element error, whose text is returned.
std::string
refused_start (Rig &rig)
{
  fail_unless_equals_int (
      gst_element_set_state (rig.pipeline (), GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  auto message = rig.wait_message (GST_MESSAGE_ERROR);
  fail_unless (GST_MESSAGE_SRC (message.get ()) == GST_OBJECT (rig.sink ()));
  Owned<GError> error;
  gst_message_parse_error (message.get (), out (error), nullptr);
  fail_unless (error->domain == GST_RESOURCE_ERROR, "error of domain %s: %s",
      g_quark_to_string (error->domain), error->message);
  gst_element_set_state (rig.pipeline (), GST_STATE_NULL);
  return error->message;
}

bool
contains (const std::string &text, const std::string &part)
{
  return text.find (part) != std::string::npos;
}

} // namespace

GST_START_TEST (test_every_state_order)
{
  Rig rig ({.start = false});
  const GstState orders[][8] = {
      {GST_STATE_READY, GST_STATE_NULL},
      {GST_STATE_PAUSED, GST_STATE_NULL},
      {GST_STATE_PLAYING, GST_STATE_NULL},
      {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PAUSED,
          GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_PLAYING,
          GST_STATE_NULL},
      {GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL},
      {GST_STATE_PLAYING, GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_READY,
          GST_STATE_NULL, GST_STATE_NULL},
  };
  for (bool fed : {false, true}) {
    for (const auto &order : orders) {
      bool feeding = false;
      for (GstState state : order) {
        if (state == GST_STATE_VOID_PENDING)
          break;
        rig.set_state (state);
        if (fed && state >= GST_STATE_PAUSED && !feeding) {
          for (Media media : kAllMedia)
            rig.push_headers (media);
          rig.start_feed ();
          feeding = true;
        } else if (state <= GST_STATE_READY && feeding) {
          rig.stop_feed (); // it was fed while it stopped
          feeding = false;
        }
        // Whatever the state, who asks gets a reply.
        fail_unless (rig.add_viewer ("nonsense").wait_status () >= 400);
        fail_unless (rig.remove_viewer ("v1").wait_status () >= 400);
        Owned<GstStructure> stats = rig.stats ();
        fail_unless_equals_int (stats == nullptr, state == GST_STATE_NULL);
      }
    }
  }
}
GST_END_TEST;

GST_START_TEST (test_nothing_is_left_in_null)
{
  auto cycle = [] {
    Rig rig ({.start = false});
    guint port;
    {
      TakenPort free_soon;
      port = free_soon.port ();
    }
    g_object_set (rig.sink (), "whep-port", port, nullptr);
    rig.set_state (GST_STATE_PLAYING);
    fail_unless (is_listening (port), "nobody listens on port %u", port);
    rig.set_state (GST_STATE_NULL);
    fail_if (is_listening (port), "still listening on port %u", port);
  };
  cycle (); // what GLib makes once
  const unsigned descriptors = count_descriptors ();
  const unsigned threads = count_threads ();
  for (int i = 0; i < 10; i++)
    cycle ();
  // Threads leave a pool in their own time.
  wait_until ("the threads end", [&] { return count_threads () <= threads; });
  fail_unless_equals_int (count_descriptors (), descriptors);
}
GST_END_TEST;

GST_START_TEST (test_whep_port_taken)
{
  Rig rig ({.start = false});
  {
    TakenPort taken;
    g_object_set (rig.sink (), "whep-port", taken.port (), nullptr);
    refused_start (rig); // what GLib makes once
    const unsigned descriptors = count_descriptors ();
    for (int i = 0; i < 3; i++) {
      const std::string error = refused_start (rig);
      fail_unless (contains (error, std::to_string (taken.port ())),
          "the port is not in the error: %s", error.c_str ());
      fail_unless (rig.stats () == nullptr);
    }
    fail_unless_equals_int (count_descriptors (), descriptors);
  }
  // It is free again: no trace is left of the failures.
  rig.set_state (GST_STATE_PLAYING);
}
GST_END_TEST;

GST_START_TEST (test_whep_address_garbage)
{
  Rig rig ({.start = false});
  TakenPort other;
  g_object_set (rig.sink (), "whep-port", other.port (), nullptr);
  for (const char *address : {"", "nonsense", "256.1.1.1", "127.0.0.1:80",
           "http://127.0.0.1", "192.0.2.1", "%s%n"}) {
    g_object_set (rig.sink (), "whep-address", address, nullptr);
    const std::string error = refused_start (rig);
    fail_unless (contains (error, address), "\"%s\" is not in the error: %s",
        address, error.c_str ());
  }
  g_object_set (rig.sink (), "whep-address", nullptr, nullptr);
  refused_start (rig);
}
GST_END_TEST;

GST_START_TEST (test_actions_in_null)
{
  Rig rig ({.start = false});
  Reply add =
      rig.add_viewer (read_source ("tests/negotiation/offers/chromium.sdp"));
  fail_unless_equals_int (add.wait_status (), 409);
  fail_unless_equals_int (rig.remove_viewer ("v1").wait_status (), 409);
  fail_unless (gst_structure_has_name (rig.drain (GST_SECOND).wait (),
      "rtprestream-drained"));
  // Without a promise, in any state.
  for (GstState state :
      {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL}) {
    rig.set_state (state);
    g_signal_emit_by_name (rig.sink (), "add-viewer", nullptr, nullptr,
        nullptr);
    g_signal_emit_by_name (rig.sink (), "remove-viewer", nullptr, nullptr);
    g_signal_emit_by_name (rig.sink (), "drain", G_MAXUINT64, nullptr);
  }
}
GST_END_TEST;

GST_START_TEST (test_no_viewer_before_there_is_media)
{
  Rig rig ({.feed = false});
  const std::string offer =
      read_source ("tests/negotiation/offers/chromium.sdp");
  Reply reply = rig.add_viewer (offer);
  fail_unless_equals_int (reply.wait_status (), 409);
  guint retry_after = 0;
  fail_unless (
      gst_structure_get_uint (reply.wait (), "retry-after", &retry_after));
  fail_unless (retry_after > 0);
  rig.start_feed ();
  rig.wait_media ();
  fail_unless (gst_structure_has_name (rig.add_viewer (offer).wait (),
      "rtprestream-viewer"));
}
GST_END_TEST;

GST_START_TEST (test_offers_that_are_none)
{
  Rig rig;
  for (const std::string &offer : {std::string (), std::string ("garbage"),
           std::string ("v=0"), std::string ("v=0\r\n"),
           std::string (1000, '\n'), std::string ("\xff\xfe\x80\r\n"),
           read_source ("tests/negotiation/odd/no-media.sdp")})
    fail_unless_equals_int (rig.add_viewer (offer).wait_status (), 400);

  Reply null_offer;
  g_signal_emit_by_name (rig.sink (), "add-viewer", nullptr, nullptr,
      null_offer.promise ());
  fail_unless_equals_int (null_offer.wait_status (), 400);

  const std::string huge = "v=0\r\n" + std::string (10 * 1024 * 1024, 'a');
  fail_unless_equals_int (rig.add_viewer (huge).wait_status (), 413);
  fail_unless (rig.records ().empty (), "signals of a refused viewer");
}
GST_END_TEST;

GST_START_TEST (test_viewer_without_our_codec)
{
  Rig rig ({.audio = false});
  Reply reply =
      rig.add_viewer (read_source ("tests/negotiation/odd/no-h264.sdp"));
  fail_unless_equals_int (reply.wait_status (), 406);
  const std::string message = reply.text ("message");
  fail_unless (contains (message, "H264"), "the codec is not named: %s",
      message.c_str ());
}
GST_END_TEST;

GST_START_TEST (test_max_viewers)
{
  Rig rig;
  g_object_set (rig.sink (), "max-viewers", 1u, nullptr);
  const std::string offer =
      read_source ("tests/negotiation/offers/chromium.sdp");
  Reply admitted = rig.add_viewer (offer);
  Reply refused = rig.add_viewer (offer);
  fail_unless_equals_int (refused.wait_status (), 503);
  fail_unless (gst_structure_has_name (admitted.wait (), "rtprestream-viewer"));
  // Live: the bound goes up, or a viewer goes.
  fail_unless (gst_structure_has_name (
      rig.remove_viewer (admitted.text ("viewer-id")).wait (),
      "rtprestream-removed"));
  fail_unless (gst_structure_has_name (rig.add_viewer (offer).wait (),
      "rtprestream-viewer"));
  g_object_set (rig.sink (), "max-viewers", 2u, nullptr);
  fail_unless (gst_structure_has_name (rig.add_viewer (offer).wait (),
      "rtprestream-viewer"));
  fail_unless_equals_int (rig.add_viewer (offer).wait_status (), 503);
}
GST_END_TEST;

GST_START_TEST (test_remove_unknown_viewer)
{
  Rig rig;
  for (const char *id : {"", "v1", "v18446744073709551616", "../v1"})
    fail_unless_equals_int (rig.remove_viewer (id).wait_status (), 404);
}
GST_END_TEST;

// At whatever moment of a viewer's joining the sink stops: each is told something,
// and nothing is left.
GST_START_TEST (test_stop_before_the_answer)
{
  const std::string offer =
      read_source ("tests/negotiation/offers/chromium.sdp");
  auto cycle = [&] (int turn) {
    Rig rig;
    std::vector<Reply> replies;
    for (int v = 0; v < 4; v++)
      replies.push_back (rig.add_viewer (offer));
    g_usleep (static_cast<gulong> (turn) * 3000);
    rig.set_state (turn % 2 ? GST_STATE_READY : GST_STATE_NULL);
    for (const Reply &reply : replies) {
      if (gst_structure_has_name (reply.wait (), "rtprestream-viewer")) {
        fail_unless (rig.saw ("removed", reply.text ("viewer-id")));
      } else {
        fail_unless_equals_int (reply.wait_status (), 409);
      }
    }
  };
  cycle (20); // what GLib and GStreamer make once
  const unsigned descriptors = count_descriptors ();
  for (int turn = 0; turn < 20; turn++)
    cycle (turn);
  wait_until ("the descriptors go",
      [&] { return count_descriptors () <= descriptors; });
}
GST_END_TEST;

// Every offer that the negotiation knows of, against the living element.
GST_START_TEST (test_odd_offers)
{
  Rig rig;
  for (const test::OfferCase &offer : test::load_offers ()) {
    Reply reply = rig.add_viewer (offer.text);
    unsigned status = 201;
    if (gst_structure_has_name (reply.wait (), "rtprestream-viewer")) {
      fail_unless (contains (reply.text ("answer"), "a=sendonly"),
          "%s: a silent answer", offer.file.c_str ());
      rig.remove_viewer (reply.text ("viewer-id")).wait ();
    } else {
      status = reply.wait_status ();
    }
    // A signal's string ends at its first NUL, and is another offer then; and
    // whether extensions clash depends on which ones a transport takes.
    if (contains (offer.text, std::string (1, 0))
        || contains (offer.file, "extmap"))
      fail_unless (status == 201 || status / 100 == 4);
    else
      fail_unless (status == offer.http_status, "%s: %u instead of %u",
          offer.file.c_str (), status, offer.http_status);
  }
}
GST_END_TEST;

GST_START_TEST (test_garbage_packets)
{
  Rig rig ({.feed = false});
  const std::vector<std::uint8_t> good = packets::rtp ({});
  std::vector<std::vector<std::uint8_t>> bad = {{0x80},
      std::vector<std::uint8_t> (11, 0x80), {0x00, 1, 2, 3}};
  bad.push_back (good);
  bad.back ()[0] = 0x40; // version 1
  bad.push_back (good);
  bad.back ()[0] = 0x8f; // 15 contributing sources that are not there
  bad.push_back (good);
  bad.back ()[0] = 0x90; // a header extension that is not there
  bad.push_back (good);
  bad.back ()[0] = 0xa0; // more padding than packet
  bad.back ().back () = 200;
  for (const auto &packet : bad)
    rig.push (Media::video, packet);
  rig.push (Media::video, good);
  fail_unless_equals_uint64 (rig.stat ("video", "invalid"), bad.size ());
  fail_unless_equals_uint64 (rig.stat ("video", "packets"), 1);
}
GST_END_TEST;

GST_START_TEST (test_caps_that_do_not_fit)
{
  Rig rig ({.start = false});
  rig.set_state (GST_STATE_PLAYING);
  auto pad =
      Ref<GstPad>::adopt (gst_element_get_static_pad (rig.sink (), "video"));
  rig.push_event (Media::video, gst_event_new_stream_start ("s"));
  for (const char *text : {"application/x-rtp, media=(string)video",
           "application/x-rtp, media=(string)video, encoding-name=(string)H264",
           "application/x-rtp, media=(string)video, "
           "encoding-name=(string)H264, clock-rate=(int)0"}) {
    auto caps = Ref<GstCaps>::adopt (gst_caps_from_string (text));
    fail_if (gst_pad_send_event (pad.get (), gst_event_new_caps (caps.get ())),
        "taken: %s", text);
  }
  // Nothing is known of it: no statistics, no crash.
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  rig.push_event (Media::video, gst_event_new_segment (&segment));
  rig.push (Media::video, packets::rtp ({}));
  fail_unless_equals_uint64 (rig.stat ("video", "packets"), 0);
}
GST_END_TEST;

GST_START_TEST (test_end_of_stream_without_viewers)
{
  for (bool audio : {true, false}) {
    Rig rig ({.audio = audio, .feed = false});
    auto bus = Ref<GstBus>::adopt (gst_element_get_bus (rig.pipeline ()));
    if (audio) {
      rig.push_event (Media::audio, gst_event_new_eos ());
      // Not yet: the video goes on.
      auto early = Ref<GstMessage>::adopt (gst_bus_timed_pop_filtered (
          bus.get (), 200 * GST_MSECOND, GST_MESSAGE_EOS));
      fail_if (early, "EOS of one medium ended the stream");
    }
    GstEvent *eos = gst_event_new_eos ();
    const guint32 seqnum = gst_event_get_seqnum (eos);
    rig.push_event (Media::video, eos);
    auto message = rig.wait_message (GST_MESSAGE_EOS);
    fail_unless_equals_int (gst_message_get_seqnum (message.get ()), seqnum);
  }
}
GST_END_TEST;

// The two media may come from two threads.
GST_START_TEST (test_end_of_stream_from_two_threads)
{
  for (int i = 0; i < 40; i++) {
    Rig rig ({.feed = false});
    std::atomic<int> ready{0};
    auto end = [&] (Media media) {
      ready++;
      while (ready != 2)
        ;
      rig.push_event (media, gst_event_new_eos ());
    };
    std::thread video (end, Media::video), audio (end, Media::audio);
    video.join ();
    audio.join ();
    rig.wait_message (GST_MESSAGE_EOS);
  }
}
GST_END_TEST;

static Suite *
rtprestreamsink_suite (void)
{
  Suite *s = suite_create ("rtprestreamsink");
  TCase *tc = tcase_create ("without viewers");
  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 150);
  add_viewer_fixtures (tc);
  tcase_add_test (tc, test_every_state_order);
  tcase_add_test (tc, test_nothing_is_left_in_null);
  tcase_add_test (tc, test_whep_port_taken);
  tcase_add_test (tc, test_whep_address_garbage);
  tcase_add_test (tc, test_actions_in_null);
  tcase_add_test (tc, test_no_viewer_before_there_is_media);
  tcase_add_test (tc, test_offers_that_are_none);
  tcase_add_test (tc, test_viewer_without_our_codec);
  tcase_add_test (tc, test_max_viewers);
  tcase_add_test (tc, test_remove_unknown_viewer);
  tcase_add_test (tc, test_stop_before_the_answer);
  tcase_add_test (tc, test_odd_offers);
  tcase_add_test (tc, test_garbage_packets);
  tcase_add_test (tc, test_caps_that_do_not_fit);
  tcase_add_test (tc, test_end_of_stream_without_viewers);
  tcase_add_test (tc, test_end_of_stream_from_two_threads);
  return s;
}

GST_CHECK_MAIN (rtprestreamsink)
