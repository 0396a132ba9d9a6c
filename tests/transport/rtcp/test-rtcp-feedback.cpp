// SPDX-License-Identifier: LGPL-2.1-or-later
// Transport-wide feedback as GStreamer's session writes it, on packets that bear
// our header extension.
#include "plugin/transport/header-extensions.h"
#include "tests/src/packets.h"
#include "tests/transport/rtcp/rtcp-log.h"

#include <gst/check/gstharness.h>

using namespace restream::transport;
using packets::Bytes;

static constexpr std::uint8_t kId = 5;
static constexpr std::uint16_t kFirst = 65500; // wraps on the way

// Losses of all lengths: single ones, runs longer than a vector chunk.
static bool
is_lost (unsigned i)
{
  return i % 7 == 3 || (i > 40 && i < 75) || (i > 100 && i < 105);
}

static GstBuffer *
packet (unsigned i, bool marker)
{
  const Bytes plain = packets::rtp (
      {.sequence = static_cast<std::uint16_t> (i), .marker = marker});
  Bytes bytes (plain.begin (), plain.begin () + 12);
  bytes[0] |= 0x10;
  bytes.resize (12 + 8);
  g_assert_cmpuint (
      write_extensions (std::span (bytes).subspan (12),
          {.transport_sequence_id = kId,
              .transport_sequence = static_cast<std::uint16_t> (kFirst + i)}),
      ==, 8);
  bytes.insert (bytes.end (), plain.begin () + 12, plain.end ());
  return gst_buffer_new_memdup (bytes.data (), bytes.size ());
}

static void
feedback_of_gstreamer ()
{
  GstElement *session = gst_element_factory_make ("rtpsession", nullptr);
  g_assert_nonnull (session);
  gst_util_set_object_arg (G_OBJECT (session), "rtp-profile", "avpf");
  GstHarness *rtp =
      gst_harness_new_with_element (session, "recv_rtp_sink", "recv_rtp_src");
  GstHarness *rtcp =
      gst_harness_new_with_element (session, nullptr, "send_rtcp_src");
  GstCaps *caps = gst_caps_new_simple ("application/x-rtp", "media",
      G_TYPE_STRING, "video", "clock-rate", G_TYPE_INT, 90000, "payload",
      G_TYPE_INT, 96, "encoding-name", G_TYPE_STRING, "H264", "extmap-5",
      G_TYPE_STRING, kTransportSequenceUri, nullptr);
  gst_harness_set_src_caps (rtp, caps);

  // In frames of eight, that the session tells of one by one.
  constexpr unsigned kPackets = 160;
  RtcpLog log;
  unsigned told = 0;
  for (unsigned i = 0; i < kPackets; i++) {
    const bool last = i % 8 == 7;
    if (!is_lost (i) || i == kPackets - 1)
      g_assert_cmpint (gst_harness_push (rtp, packet (i, last)), ==,
          GST_FLOW_OK);
    if (last)
      g_usleep (1500); // arrival times that differ by small and large deltas
  }
  while (log.packets.empty ()
      || log.packets.back ().first
          != static_cast<std::uint16_t> (kFirst + kPackets - 1)) {
    GstBuffer *buffer = gst_harness_pull (rtcp);
    g_assert_nonnull (buffer);
    GstMapInfo map;
    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    const RtcpFault fault = read_rtcp ({map.data, map.size}, log);
    g_assert_cmpstr (name_of (fault), ==, "none");
    gst_buffer_unmap (buffer, &map);
    gst_buffer_unref (buffer);
    told++;
  }
  g_test_message ("%u compounds, %zu feedbacks", told, log.feedbacks.size ());

  // In order, what was pushed is what was received. Of the lost, GStreamer
  // leaves out those right after what it told before.
  unsigned next = 0, missing = 0;
  std::optional<std::uint32_t> before;
  for (const auto &[sequence, arrival] : log.packets) {
    const auto i = static_cast<std::uint16_t> (sequence - kFirst);
    for (; next < i; next++)
      g_assert_true (is_lost (next));
    g_assert_cmpuint (i, ==, next);
    next++;
    g_assert_cmpint (arrival.has_value (), ==,
        !is_lost (i) || i == kPackets - 1);
    if (!arrival) {
      missing++;
      continue;
    }
    if (before)
      g_assert_cmpint (static_cast<std::int32_t> (*arrival - *before), >=, 0);
    before = arrival;
  }
  g_assert_cmpuint (next, ==, kPackets);
  g_assert_cmpuint (missing, >, 34); // the long run, and single ones
  // The 20 pauses between them, in ticks: at least what was slept.
  const std::uint32_t first = *log.packets.front ().second;
  g_assert_cmpuint (*before - first, >=, 19 * 6 - 1);
  g_assert_cmpuint (log.feedbacks.size (), >=, 1);
  for (std::size_t i = 1; i < log.feedbacks.size (); i++)
    g_assert_cmpuint (static_cast<std::uint8_t> (log.feedbacks[i].feedback_count
                          - log.feedbacks[i - 1].feedback_count),
        ==, 1);

  gst_harness_teardown (rtcp);
  gst_harness_teardown (rtp);
  gst_object_unref (session);
}

int
main (int argc, char **argv)
{
  gst_init (nullptr, nullptr);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/rtcp-feedback/gstreamer", feedback_of_gstreamer);
  return g_test_run ();
}
