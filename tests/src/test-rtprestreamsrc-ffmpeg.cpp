// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsrc between the real FFmpeg and a bare webrtcbin.
#include <gio/gio.h>
#include <gst/webrtc/webrtc.h>

#include <signal.h>

#include "tests/src/src-fixture.h"

using namespace srctest;

namespace {

// FFmpeg with a moving picture and a tone, until destroyed.
class Ffmpeg
{
public:
  // scheme: udp or rtp, which differ in where they send RTCP.
  Ffmpeg (const char *scheme, unsigned port)
  {
    const auto output = [scheme] (unsigned p) {
      return std::string (scheme) + "://127.0.0.1:" + std::to_string (p)
          + "?pkt_size=1200";
    };
    const std::string video = output (port), audio = output (port + 1);
    Owned<GError> error;
    process_ = Ref<GSubprocess>::adopt (
        g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, out (error), //
            "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-re",
            "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", //
            "-f", "lavfi", "-i", "sine=frequency=440", //
            "-map", "0", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
            "zerolatency", "-g", "15", "-pix_fmt", "yuv420p", //
            "-rtpflags", "send_bye", "-f", "rtp", video.c_str (), //
            "-map", "1", "-c:a", "libopus", "-ar", "48000", "-ac", "2", //
            "-rtpflags", "send_bye", "-f", "rtp", audio.c_str (), nullptr));
    fail_unless (static_cast<bool> (process_), "%s",
        error ? error->message : "no error");
  }
  ~Ffmpeg ()
  {
    g_subprocess_force_exit (process_.get ());
    g_subprocess_wait (process_.get (), nullptr, nullptr);
  }
  Ffmpeg (const Ffmpeg &) = delete;
  Ffmpeg &operator= (const Ffmpeg &) = delete;

  // As an operator stops it: it says goodbye.
  void stop ()
  {
    g_subprocess_send_signal (process_.get (), SIGINT);
    g_subprocess_wait (process_.get (), nullptr, nullptr);
  }

private:
  Ref<GSubprocess> process_;
};

bool
is_gapless (const std::vector<Ref<GstBuffer>> &buffers)
{
  for (std::size_t i = 1; i < buffers.size (); i++) {
    const Bytes a = bytes_of (buffers[i - 1].get ());
    const Bytes b = bytes_of (buffers[i].get ());
    const auto sequence = [] (const Bytes &p) {
      return static_cast<std::uint16_t> (p[2] << 8 | p[3]);
    };
    if (static_cast<std::uint16_t> (sequence (a) + 1) != sequence (b))
      return false;
  }
  return true;
}

void
stream_from (const char *scheme)
{
  Fixture f;
  f.play ();
  Ffmpeg ffmpeg (scheme, f.port ());
  f.video.wait_buffers (100);
  f.audio.wait_buffers (100);

  // All of it known with the first packet, the report before it included.
  fail_unless (f.video.order ().starts_with (
      "stream-start caps segment custom-downstream buffer"));
  const auto caps = f.video.caps ();
  const GstStructure *s = gst_caps_get_structure (caps.get (), 0);
  for (const char *name :
      {"media", "encoding-name", "clock-rate", "payload", "ssrc",
          "packetization-mode", "profile-level-id", "sprop-parameter-sets"})
    fail_unless (gst_structure_has_field (s, name), "no %s", name);
  fail_unless_equals_int (f.video.events (GST_EVENT_CAPS).size (), 1);
  fail_unless_equals_int (f.audio.events (GST_EVENT_CAPS).size (), 1);

  fail_unless (is_gapless (f.video.buffers ()));
  fail_unless (is_gapless (f.audio.buffers ()));
  GstClockTime last = 0;
  for (const auto &buffer : f.video.buffers ()) {
    fail_unless (GST_BUFFER_PTS (buffer.get ()) >= last);
    last = GST_BUFFER_PTS (buffer.get ());
    fail_unless_equals_int (bytes_of (buffer.get ())[1] & 0x7f, 96);
  }
  for (const auto &buffer : f.audio.buffers ())
    fail_unless_equals_int (bytes_of (buffer.get ())[1] & 0x7f, 97);
  for (const char *drop : {"malformed", "malformed-rtcp", "not-loopback",
           "other-ssrc", "other-payload"})
    for (const char *medium : {"video.dropped.", "audio.dropped."})
      fail_unless_equals_uint64 (f.stat (std::string (medium) + drop), 0);
  fail_unless (f.stat ("video.sender-reports") >= 1);
  fail_unless_equals_uint64 (f.stat ("video.last-sender-report.ssrc"),
      f.stat ("video.ssrc"));
}

} // namespace

GST_START_TEST (test_rtcp_on_the_same_ports)
{
  stream_from ("udp");
}
GST_END_TEST;

GST_START_TEST (test_rtcp_on_the_next_ports)
{
  stream_from ("rtp");
}
GST_END_TEST;

GST_START_TEST (test_restart_of_ffmpeg)
{
  Fixture f;
  // Nobody could wait for this; so it is the goodbye that makes room.
  g_object_set (f.element (), "takeover-time", 3600000u, nullptr);
  f.play ();
  {
    Ffmpeg first ("udp", f.port ());
    f.video.wait_buffers (50);
    f.audio.wait_buffers (10);
    first.stop ();
  }
  f.wait_stat ("video.byes", 1);
  f.wait_stat ("audio.byes", 1);
  fail_unless (f.video.events (GST_EVENT_EOS).empty ());
  f.video.clear ();
  f.audio.clear ();
  Ffmpeg again ("udp", f.port ());
  f.video.wait_buffers (50);
  f.audio.wait_buffers (10);
  fail_unless (f.video.order ().starts_with ("caps custom-downstream buffer"));
  fail_unless (GST_BUFFER_FLAG_IS_SET (f.video.buffers ()[0].get (),
      GST_BUFFER_FLAG_DISCONT));
  fail_unless_equals_uint64 (f.stat ("video.takeovers"), 1);
  fail_unless_equals_uint64 (f.stat ("audio.takeovers"), 1);
}
GST_END_TEST;

namespace {

std::string
offer_of (GstElement *webrtc)
{
  auto promise = Ref<GstPromise>::adopt (gst_promise_new ());
  g_signal_emit_by_name (webrtc, "create-offer", nullptr, promise.get ());
  fail_unless_equals_int (gst_promise_wait (promise.get ()),
      GST_PROMISE_RESULT_REPLIED);
  GstWebRTCSessionDescription *offer = nullptr;
  gst_structure_get (gst_promise_get_reply (promise.get ()), "offer",
      GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &offer, nullptr);
  fail_unless (offer != nullptr);
  const Owned<char> text (gst_sdp_message_as_text (offer->sdp));
  fail_unless_equals_int (gst_sdp_message_medias_len (offer->sdp), 2);
  gst_webrtc_session_description_free (offer);
  return text.get ();
}

void
expect_lines (const std::string &sdp, std::initializer_list<const char *> lines)
{
  for (const char *line : lines)
    fail_unless (sdp.find (line) != sdp.npos, "no %s in %s", line,
        sdp.c_str ());
}

void
run_webrtcbin (const char *description, bool offers_at_once)
{
  Owned<GError> error;
  auto pipeline =
      Ref<GstElement>::sink (gst_parse_launch (description, out (error)));
  fail_unless (static_cast<bool> (pipeline) && !error);
  auto src = Ref<GstElement>::adopt (
      gst_bin_get_by_name (GST_BIN (pipeline.get ()), "s"));
  auto webrtc = Ref<GstElement>::adopt (
      gst_bin_get_by_name (GST_BIN (pipeline.get ()), "w"));
  fail_if (gst_element_set_state (pipeline.get (), GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE);
  guint port;
  g_object_get (src.get (), "port", &port, nullptr);

  const auto has = [&src] (const char *pad_name, const char *field) {
    auto pad =
        Ref<GstPad>::adopt (gst_element_get_static_pad (src.get (), pad_name));
    auto caps = Ref<GstCaps>::adopt (gst_pad_get_current_caps (pad.get ()));
    return caps
        && gst_structure_has_field (gst_caps_get_structure (caps.get (), 0),
            field);
  };
  const auto wait = [] (const char *what, auto condition) {
    const auto end = std::chrono::steady_clock::now () + kDeadline;
    while (std::chrono::steady_clock::now () < end) {
      if (condition ())
        return;
      g_usleep (1000);
    }
    fail ("no %s", what);
  };
  const auto wait_for = [&] (const char *pad_name, const char *field) {
    wait ((std::string (field) + " in the caps of " + pad_name).c_str (),
        [&] { return has (pad_name, field); });
  };

  if (offers_at_once) {
    wait_for ("video", "payload");
    wait_for ("audio", "payload");
    expect_lines (offer_of (webrtc.get ()),
        {"a=rtpmap:96 H264/90000", "a=rtpmap:97 OPUS/48000/2"});
  }
  Ffmpeg ffmpeg ("udp", port);
  if (offers_at_once) {
    // Whichever comes first holds the other one up.
    wait ("medium of FFmpeg's", [&] {
      return has ("video", "sprop-parameter-sets") || has ("audio", "ssrc");
    });
  } else {
    wait_for ("video", "sprop-parameter-sets");
    wait_for ("audio", "payload");
    expect_lines (offer_of (webrtc.get ()),
        {"m=video", "m=audio", "a=rtpmap:96 H264/90000",
            "a=rtpmap:97 OPUS/48000/2", "packetization-mode=1",
            "profile-level-id=42c0", "sprop-parameter-sets="});
  }

  auto bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline.get ()));
  const auto message = Ref<GstMessage>::adopt (
      gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
  fail_if (static_cast<bool> (message));
  gst_element_set_state (pipeline.get (), GST_STATE_NULL);
}

} // namespace

// Linked without anything between. webrtcbin blocks its pads until it has
// negotiated, and with the first pad the thread of both; so the payload types
// are given beforehand, and the caps come at the start.
GST_START_TEST (test_bare_webrtcbin)
{
  run_webrtcbin (
      "rtprestreamsrc name=s "
      "video-caps=application/x-rtp,encoding-name=H264,clock-rate=90000,"
      "payload=96 "
      "audio-caps=application/x-rtp,encoding-name=OPUS,clock-rate=48000,"
      "encoding-params=(string)2,payload=97 "
      "webrtcbin name=w bundle-policy=max-bundle  s.video ! w.  s.audio ! w.",
      true);
}
GST_END_TEST;

// Behind queues everything is learnt.
GST_START_TEST (test_queued_webrtcbin)
{
  run_webrtcbin ("rtprestreamsrc name=s webrtcbin name=w "
                 "bundle-policy=max-bundle "
                 "s.video ! queue leaky=downstream ! w. "
                 "s.audio ! queue leaky=downstream ! w.",
      false);
}
GST_END_TEST;

static Suite *
rtprestreamsrc_ffmpeg_suite (void)
{
  Suite *suite = suite_create ("rtprestreamsrc-ffmpeg");
  TCase *tc = tcase_create ("ffmpeg");
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_rtcp_on_the_same_ports);
  tcase_add_test (tc, test_rtcp_on_the_next_ports);
  tcase_add_test (tc, test_restart_of_ffmpeg);
  // GStreamer's DTLS plugin keeps one agent for the whole process, which its leak
  // tracer tells of; the leak sanitizer watches these two instead.
  if (!g_getenv ("GST_TRACERS")) {
    tcase_add_test (tc, test_bare_webrtcbin);
    tcase_add_test (tc, test_queued_webrtcbin);
  }
  return suite;
}

GST_CHECK_MAIN (rtprestreamsrc_ffmpeg);
