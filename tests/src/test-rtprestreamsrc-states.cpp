// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsrc's ports and states: every order, nothing left behind.
#include <dirent.h>

#include <atomic>
#include <thread>

#include "tests/src/src-fixture.h"

#include <gst/check/gsttestclock.h>

using namespace srctest;

namespace {

int
count_descriptors ()
{
  int count = 0;
  DIR *dir = opendir ("/proc/self/fd");
  fail_unless (dir != nullptr);
  while (readdir (dir))
    count++;
  closedir (dir);
  return count;
}

// A socket of somebody else; -1 if the port is taken.
int
foreign_socket (unsigned port)
{
  const int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  in.sin_port = htons (static_cast<std::uint16_t> (port));
  if (bind (fd, reinterpret_cast<sockaddr *> (&in), sizeof in) == 0)
    return fd;
  close (fd);
  return -1;
}

void
expect_settings_error (Fixture &f)
{
  fail_unless_equals_int (f.to (GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  const auto [domain, code] = f.error ();
  fail_unless (domain == GST_RESOURCE_ERROR);
  fail_unless_equals_int (code, GST_RESOURCE_ERROR_SETTINGS);
}

} // namespace

GST_START_TEST (test_state_returns)
{
  Fixture f;
  fail_unless_equals_int (f.to (GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (f.to (GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
  fail_unless_equals_int (f.to (GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (f.to (GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
  fail_unless_equals_int (f.to (GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (f.to (GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}
GST_END_TEST;

GST_START_TEST (test_every_order_of_states)
{
  const GstState states[] = {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED,
      GST_STATE_PLAYING};
  Fixture f;
  // All walks of five steps, with data coming in wherever ports are open.
  for (unsigned walk = 0; walk < 4 * 4 * 4 * 4 * 4; walk++) {
    for (unsigned w = walk, step = 0; step < 5; step++, w /= 4) {
      const GstState state = states[w % 4];
      fail_if (f.to (state) == GST_STATE_CHANGE_FAILURE);
      if (state != GST_STATE_NULL)
        f.send (Media::video, packets::rtp ({}));
    }
  }
  // And after all of it, it works.
  f.to (GST_STATE_NULL);
  f.video.clear ();
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.video.wait_buffers (1);
}
GST_END_TEST;

GST_START_TEST (test_ports_are_announced)
{
  Fixture f;
  std::atomic<int> notified{0};
  g_signal_connect (f.element (), "notify::port",
      G_CALLBACK (+[] (GObject *, GParamSpec *, std::atomic<int> *n) { ++*n; }),
      &notified);
  fail_unless_equals_int (f.port (), 0);
  f.to (GST_STATE_READY);
  const unsigned port = f.port ();
  fail_unless (port > 0 && port < 65535);
  fail_unless_equals_int (notified, 1);
  const auto message = f.element_message ("GstRtpRestreamSrcBound");
  const GstStructure *s = gst_message_get_structure (message.get ());
  guint video = 0, audio = 0;
  fail_unless (gst_structure_get (s, "video-port", G_TYPE_UINT, &video,
      "audio-port", G_TYPE_UINT, &audio, nullptr));
  fail_unless_equals_int (video, port);
  fail_unless_equals_int (audio, port + 1);
  fail_unless_equals_string (gst_structure_get_string (s, "address"),
      "127.0.0.1");
  f.to (GST_STATE_NULL);
  fail_unless_equals_int (f.port (), 0);
  fail_unless_equals_int (notified, 2);
}
GST_END_TEST;

GST_START_TEST (test_ports_stay_bound_down_to_ready)
{
  Fixture f;
  f.play ();
  const unsigned port = f.port ();
  for (GstState state :
      {GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY}) {
    f.to (state);
    fail_unless_equals_int (f.port (), port);
    fail_unless_equals_int (foreign_socket (port), -1);
    fail_unless_equals_int (foreign_socket (port + 1), -1);
  }
  f.to (GST_STATE_NULL);
  for (unsigned i = 0; i < 2; i++) {
    const int fd = foreign_socket (port + i);
    fail_unless (fd >= 0);
    close (fd);
  }
}
GST_END_TEST;

GST_START_TEST (test_second_element_on_the_same_port)
{
  Fixture holder, other;
  holder.to (GST_STATE_READY);
  const unsigned port = holder.port ();
  // The same pair, and one that only overlaps.
  for (unsigned taken : {port, port - 1}) {
    g_object_set (other.element (), "port", taken, nullptr);
    fail_unless_equals_int (other.to (GST_STATE_READY),
        GST_STATE_CHANGE_FAILURE);
    std::string text;
    const auto [domain, code] = other.error (&text);
    fail_unless (domain == GST_RESOURCE_ERROR);
    fail_unless_equals_int (code, GST_RESOURCE_ERROR_OPEN_READ);
    fail_unless (text.find (std::to_string (port)) != text.npos, "%s",
        text.c_str ());
    other.to (GST_STATE_NULL);
  }
  // The holder has not noticed.
  holder.play ();
  holder.send (Media::video, packets::rtp ({}));
  holder.video.wait_buffers (1);
}
GST_END_TEST;

GST_START_TEST (test_settings_refused)
{
  {
    Fixture f;
    g_object_set (f.element (), "port", 65535u, nullptr);
    expect_settings_error (f);
  }
  for (const char *address : {"0.0.0.0", "192.0.2.1", "localhost", ""}) {
    Fixture f;
    g_object_set (f.element (), "address", address, nullptr);
    expect_settings_error (f);
  }
  for (const char *property : {"video-caps", "audio-caps"}) {
    Fixture f;
    gst_util_set_object_arg (G_OBJECT (f.element ()), property,
        "video/x-raw, format=I420");
    expect_settings_error (f);
  }
  // Set in READY, refused in READY→PAUSED; put right, it works.
  Fixture f;
  f.to (GST_STATE_READY);
  gst_util_set_object_arg (G_OBJECT (f.element ()), "video-caps",
      "application/x-rtp, encoding-name=MP4V-ES");
  fail_unless_equals_int (f.to (GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  f.error ();
  g_object_set (f.element (), "video-caps", nullptr, nullptr);
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.video.wait_buffers (1);
}
GST_END_TEST;

GST_START_TEST (test_properties_read_back)
{
  Fixture f;
  g_object_set (f.element (), "port", 5004u, "address", "127.0.0.3",
      "buffer-size", 123456u, "timeout", G_GUINT64_CONSTANT (5),
      "takeover-time", 7u, nullptr);
  gst_util_set_object_arg (G_OBJECT (f.element ()), "audio-caps",
      "application/x-rtp, encoding-name=PCMU, clock-rate=8000");
  guint port, buffer, takeover;
  guint64 timeout;
  gchar *address;
  GstCaps *caps;
  g_object_get (f.element (), "port", &port, "address", &address, "buffer-size",
      &buffer, "timeout", &timeout, "takeover-time", &takeover, "audio-caps",
      &caps, nullptr);
  const Owned<char> address_owner (address);
  const auto caps_owner = Ref<GstCaps>::adopt (caps);
  fail_unless_equals_int (port, 5004);
  fail_unless_equals_string (address, "127.0.0.3");
  fail_unless_equals_int (buffer, 123456);
  fail_unless_equals_uint64 (timeout, 5);
  fail_unless_equals_int (takeover, 7);
  fail_unless_equals_string (
      gst_structure_get_string (gst_caps_get_structure (caps, 0),
          "encoding-name"),
      "PCMU");
}
GST_END_TEST;

GST_START_TEST (test_100_cycles_on_one_port)
{
  unsigned port;
  {
    Fixture f;
    f.to (GST_STATE_READY);
    port = f.port ();
  }
  int descriptors = 0;
  for (int i = 0; i < 100; i++) {
    {
      Fixture f;
      g_object_set (f.element (), "port", port, nullptr);
      f.play ();
      f.send (Media::video, packets::rtp ({}));
      f.video.wait_buffers (1);
    }
    if (i == 10)
      descriptors = count_descriptors ();
  }
  fail_unless_equals_int (count_descriptors (), descriptors);
}
GST_END_TEST;

GST_START_TEST (test_no_stale_backlog)
{
  Fixture f;
  f.to (GST_STATE_READY);
  f.send (Media::video, packets::rtp ({.sequence = 1}));
  f.to (GST_STATE_PAUSED);
  f.send (Media::video, packets::rtp ({.sequence = 2}));
  f.play ();
  f.send (Media::video, packets::rtp ({.sequence = 3}));
  f.video.wait_buffers (1);
  f.to (GST_STATE_PAUSED);
  f.send (Media::video, packets::rtp ({.sequence = 4}));
  f.play ();
  f.send (Media::video, packets::rtp ({.sequence = 5}));
  f.video.wait_buffers (2);
  const auto got = f.video.buffers ();
  fail_unless (bytes_of (got[0].get ()) == packets::rtp ({.sequence = 3}));
  fail_unless (bytes_of (got[1].get ()) == packets::rtp ({.sequence = 5}));
  fail_unless (GST_BUFFER_FLAG_IS_SET (got[1].get (), GST_BUFFER_FLAG_DISCONT));
  fail_unless_equals_uint64 (f.stat ("video.dropped.stale"), 3);
  f.video.expect_order ("stream-start caps segment buffer buffer");
}
GST_END_TEST;

GST_START_TEST (test_clock_changes)
{
  Fixture f;
  f.play ();
  f.send (Media::video, packets::rtp ({.sequence = 1}));
  f.video.wait_buffers (1);
  const auto clock = Ref<GstTestClock>::adopt (
      GST_TEST_CLOCK (gst_test_clock_new_with_start_time (7 * GST_SECOND)));
  gst_element_set_base_time (f.element (), GST_SECOND);
  fail_unless (gst_element_set_clock (f.element (), GST_CLOCK (clock.get ())));
  f.send (Media::video, packets::rtp ({.sequence = 2}));
  f.video.wait_buffers (2);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (f.video.buffers ()[1].get ()),
      6 * GST_SECOND);
  fail_unless (gst_element_set_clock (f.element (), nullptr));
  f.send (Media::video, packets::rtp ({.sequence = 3}));
  f.video.wait_buffers (3);
  fail_if (GST_BUFFER_PTS_IS_VALID (f.video.buffers ()[2].get ()));
}
GST_END_TEST;

GST_START_TEST (test_eos_event)
{
  Fixture f;
  fail_if (gst_element_send_event (f.element (), gst_event_new_eos ()));
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.video.wait_buffers (1);
  fail_unless (gst_element_send_event (f.element (), gst_event_new_eos ()));
  f.video.wait_event (GST_EVENT_EOS);
  f.audio.wait_event (GST_EVENT_EOS);
  f.send (Media::video, packets::rtp ({}));
  // The end lasts over a pause; a new start begins anew.
  f.to (GST_STATE_PAUSED);
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.to (GST_STATE_READY);
  fail_unless_equals_int (f.video.buffers ().size (), 1);
  f.video.clear ();
  f.play ();
  f.send (Media::video, packets::rtp ({}));
  f.video.wait_buffers (1);
  f.video.expect_order ("stream-start caps segment buffer");
}
GST_END_TEST;

GST_START_TEST (test_eos_event_in_paused)
{
  Fixture f;
  f.to (GST_STATE_PAUSED);
  fail_unless (gst_element_send_event (f.element (), gst_event_new_eos ()));
  f.play ();
  f.video.wait_event (GST_EVENT_EOS);
  f.audio.wait_event (GST_EVENT_EOS);
}
GST_END_TEST;

GST_START_TEST (test_flush)
{
  Fixture f;
  f.play ();
  f.send (Media::video, packets::rtp ({.ssrc = 1}));
  f.video.wait_buffers (1);
  fail_unless (
      gst_element_send_event (f.element (), gst_event_new_flush_start ()));
  // Lost, and with it the caps of the new sender.
  f.send (Media::video, packets::bye (1));
  f.send (Media::video, packets::rtp ({.ssrc = 2}));
  f.wait_stat ("video.packets", 2);
  fail_unless (
      gst_element_send_event (f.element (), gst_event_new_flush_stop (TRUE)));
  f.video.clear ();
  f.send (Media::video, packets::rtp ({.ssrc = 2, .sequence = 2}));
  f.video.wait_buffers (1);
  f.video.expect_order ("segment buffer");
  guint ssrc = 0;
  gst_structure_get_uint (gst_caps_get_structure (f.video.caps ().get (), 0),
      "ssrc", &ssrc);
  fail_unless_equals_int (ssrc, 2);
  fail_unless (GST_BUFFER_FLAG_IS_SET (f.video.buffers ()[0].get (),
      GST_BUFFER_FLAG_DISCONT));
  fail_if (static_cast<bool> (f.message (GST_MESSAGE_ERROR, false)));
}
GST_END_TEST;

GST_START_TEST (test_custom_event_goes_to_both)
{
  Fixture f;
  const auto custom = [] {
    return gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
        gst_structure_new_empty ("mine"));
  };
  fail_if (gst_element_send_event (f.element (), custom ()));
  f.play ();
  f.video.wait_event (GST_EVENT_STREAM_START);
  f.audio.wait_event (GST_EVENT_STREAM_START);
  fail_unless (gst_element_send_event (f.element (), custom ()));
  f.video.expect_order ("stream-start custom-downstream");
  f.audio.expect_order ("stream-start custom-downstream");
}
GST_END_TEST;

// The streaming thread hangs in a push; the pads' owner goes down first, as
// a pipeline would.
GST_START_TEST (test_stop_while_downstream_blocks)
{
  for (GstState target : {GST_STATE_NULL, GST_STATE_READY}) {
    auto pipeline = Ref<GstElement>::sink (gst_parse_launch (
        "rtprestreamsrc name=s  s.video ! appsink name=k sync=false "
        "async=false max-buffers=1 drop=false",
        nullptr));
    auto src = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline.get ()), "s"));
    fail_if (gst_element_set_state (pipeline.get (), GST_STATE_PLAYING)
        == GST_STATE_CHANGE_FAILURE);
    guint port;
    g_object_get (src.get (), "port", &port, nullptr);
    const Sender sender;
    for (std::uint16_t i = 0; i < 20; i++)
      sender.send (port, packets::rtp ({.sequence = i}));
    g_usleep (20'000); // so that it most probably hangs
    fail_unless_equals_int (gst_element_set_state (pipeline.get (), target),
        GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  }
}
GST_END_TEST;

GST_START_TEST (test_states_under_fire)
{
  Fixture f;
  f.to (GST_STATE_READY);
  const unsigned port = f.port ();
  g_object_set (f.element (), "port", port, nullptr);
  std::atomic<bool> stop{false};
  std::thread shooter ([port, &stop] {
    const Sender sender;
    for (std::uint32_t i = 0; !stop; i++) {
      sender.send (port + i % 2,
          packets::rtp ({.payload_type = 96,
              .sequence = static_cast<std::uint16_t> (i)}));
      if (i % 64 == 0) {
        sender.send (port, packets::sender_report (0x11111111));
        g_usleep (100);
      }
    }
  });
  g_random_set_seed (7);
  for (int i = 0; i < 300; i++) {
    const GstState state = static_cast<GstState> (
        g_random_int_range (GST_STATE_READY, GST_STATE_PLAYING + 1));
    fail_if (f.to (state) == GST_STATE_CHANGE_FAILURE);
    if (i % 10 == 0)
      f.video.clear (), f.audio.clear ();
  }
  f.play ();
  f.video.clear ();
  f.video.wait_buffers (1);
  stop = true;
  shooter.join ();
  fail_if (static_cast<bool> (f.message (GST_MESSAGE_ERROR, false)));
}
GST_END_TEST;

static Suite *
rtprestreamsrc_states_suite (void)
{
  Suite *suite = suite_create ("rtprestreamsrc-states");
  TCase *tc = tcase_create ("states");
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_state_returns);
  tcase_add_test (tc, test_every_order_of_states);
  tcase_add_test (tc, test_ports_are_announced);
  tcase_add_test (tc, test_ports_stay_bound_down_to_ready);
  tcase_add_test (tc, test_second_element_on_the_same_port);
  tcase_add_test (tc, test_settings_refused);
  tcase_add_test (tc, test_properties_read_back);
  tcase_add_test (tc, test_100_cycles_on_one_port);
  tcase_add_test (tc, test_no_stale_backlog);
  tcase_add_test (tc, test_clock_changes);
  tcase_add_test (tc, test_eos_event);
  tcase_add_test (tc, test_eos_event_in_paused);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_custom_event_goes_to_both);
  tcase_add_test (tc, test_stop_while_downstream_blocks);
  tcase_add_test (tc, test_states_under_fire);
  return suite;
}

GST_CHECK_MAIN (rtprestreamsrc_states);
