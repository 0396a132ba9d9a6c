// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading RTCP, against the layouts of the RFCs and GStreamer's own writer.
#include "plugin/transport/rtcp/rtcp-reader.h"
#include "tests/src/packets.h"
#include "tests/transport/rtcp/rtcp-log.h"

#include <gst/rtp/rtp.h>

using namespace restream;
using namespace restream::transport;
using packets::Bytes;

static constexpr std::uint32_t kViewer = 0x01020304;
static constexpr std::uint32_t kVideo = 0xaabbccdd, kAudio = 0x11223344;

// From a copy without a spare byte, so that the sanitizers see every overrun.
static RtcpFault
read (const Bytes &bytes, std::size_t length, RtcpLog &log)
{
  auto copy = std::make_unique<std::uint8_t[]> (length);
  std::copy_n (bytes.begin (), length, copy.get ());
  return read_rtcp ({copy.get (), length}, log);
}

static RtcpLog
read_well (const Bytes &bytes)
{
  RtcpLog log;
  const RtcpFault fault = read (bytes, bytes.size (), log);
  g_assert_cmpstr (name_of (fault), ==, "none");
  return log;
}

static void
assert_fault (const Bytes &bytes, RtcpFault expected)
{
  RtcpLog log;
  const RtcpFault fault = read (bytes, bytes.size (), log);
  g_assert_cmpstr (name_of (fault), ==, name_of (expected));
}

static Bytes
feedback (unsigned type, unsigned format, std::uint32_t media, const Bytes &fci)
{
  Bytes body;
  packets::put (body, kViewer, 4);
  packets::put (body, media, 4);
  packets::append (body, fci);
  return packets::rtcp (type, format, body);
}

static Bytes
nack (const Bytes &fci)
{
  return feedback (205, 1, kVideo, fci);
}

// A buffer that GStreamer writes an RTCP compound into.
template <typename F>
static Bytes
by_gstreamer (F write)
{
  GstBuffer *buffer = gst_rtcp_buffer_new (1400);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  g_assert_true (gst_rtcp_buffer_map (buffer, GST_MAP_READWRITE, &rtcp));
  write (&rtcp);
  g_assert_true (gst_rtcp_buffer_unmap (&rtcp));
  Bytes bytes (gst_buffer_get_size (buffer));
  gst_buffer_extract (buffer, 0, bytes.data (), bytes.size ());
  gst_buffer_unref (buffer);
  return bytes;
}

static Bytes
gstreamer_compound ()
{
  return by_gstreamer ([] (GstRTCPBuffer *rtcp) {
    GstRTCPPacket p;
    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_RR, &p));
    gst_rtcp_packet_rr_set_ssrc (&p, kViewer);
    g_assert_true (gst_rtcp_packet_add_rb (&p, kVideo, 25, -3, 0x0001fffe, 90,
        0xdeadbeef, 65536));
    g_assert_true (gst_rtcp_packet_add_rb (&p, kAudio, 255, 0x7fffff,
        0xffffffff, 0x80000000, 0, 0));

    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_SDES, &p));
    gst_rtcp_packet_sdes_add_item (&p, kViewer);
    const char name[] = "viewer";
    gst_rtcp_packet_sdes_add_entry (&p, GST_RTCP_SDES_CNAME, sizeof name - 1,
        reinterpret_cast<const guint8 *> (name));

    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_RTPFB, &p));
    gst_rtcp_packet_fb_set_type (&p, GST_RTCP_RTPFB_TYPE_NACK);
    gst_rtcp_packet_fb_set_sender_ssrc (&p, kViewer);
    gst_rtcp_packet_fb_set_media_ssrc (&p, kVideo);
    g_assert_true (gst_rtcp_packet_fb_set_fci_length (&p, 1));
    GST_WRITE_UINT32_BE (gst_rtcp_packet_fb_get_fci (&p), 0xfffe8005);

    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_PSFB, &p));
    gst_rtcp_packet_fb_set_type (&p, GST_RTCP_PSFB_TYPE_PLI);
    gst_rtcp_packet_fb_set_sender_ssrc (&p, kViewer);
    gst_rtcp_packet_fb_set_media_ssrc (&p, kVideo);

    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_PSFB, &p));
    gst_rtcp_packet_fb_set_type (&p, GST_RTCP_PSFB_TYPE_FIR);
    gst_rtcp_packet_fb_set_sender_ssrc (&p, kViewer);
    gst_rtcp_packet_fb_set_media_ssrc (&p, 0);
    g_assert_true (gst_rtcp_packet_fb_set_fci_length (&p, 4));
    guint8 *fci = gst_rtcp_packet_fb_get_fci (&p);
    GST_WRITE_UINT32_BE (fci, kVideo);
    GST_WRITE_UINT32_BE (fci + 4, 0xc8000000);
    GST_WRITE_UINT32_BE (fci + 8, kAudio);
    GST_WRITE_UINT32_BE (fci + 12, 0x01000000);

    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_BYE, &p));
    const guint32 gone[] = {kViewer, kViewer + 1};
    g_assert_true (gst_rtcp_packet_bye_add_ssrcs (&p,
        const_cast<guint32 *> (gone), G_N_ELEMENTS (gone)));
  });
}

static void
reads_what_gstreamer_writes ()
{
  const RtcpLog log = read_well (gstreamer_compound ());
  g_assert_cmpuint (log.reports.size (), ==, 2);
  const ReportBlock &r = log.reports[0];
  g_assert_cmphex (r.ssrc, ==, kVideo);
  g_assert_cmpuint (r.fraction_lost, ==, 25);
  g_assert_cmpint (r.cumulative_lost, ==, -3);
  g_assert_cmphex (r.highest_sequence, ==, 0x0001fffe);
  g_assert_cmpuint (r.jitter, ==, 90);
  g_assert_cmphex (r.last_sr, ==, 0xdeadbeef);
  g_assert_cmpuint (r.delay_since_last_sr, ==, 65536);
  g_assert_cmphex (log.reports[1].ssrc, ==, kAudio);
  g_assert_cmpint (log.reports[1].cumulative_lost, ==, 0x7fffff);
  g_assert_cmphex (log.reports[1].highest_sequence, ==, 0xffffffff);
  g_assert_cmphex (log.reports[1].jitter, ==, 0x80000000);

  // 65534, and by the bits 0, 2 and 15 the 1st, 3rd and 16th after it.
  const std::vector<std::pair<std::uint32_t, std::uint16_t>> lost{
      {kVideo, 65534}, {kVideo, 65535}, {kVideo, 1}, {kVideo, 14}};
  g_assert_true (log.nacks == lost);
  g_assert_true (log.plis == std::vector{kVideo});
  const std::vector<std::pair<std::uint32_t, std::uint8_t>> firs{{kVideo, 0xc8},
      {kAudio, 1}};
  g_assert_true (log.firs == firs);
  g_assert_true (log.byes == (std::vector{kViewer, kViewer + 1}));
}

static void
reads_blocks_of_sender_reports ()
{
  const Bytes bytes = by_gstreamer ([] (GstRTCPBuffer *rtcp) {
    GstRTCPPacket p;
    g_assert_true (gst_rtcp_buffer_add_packet (rtcp, GST_RTCP_TYPE_SR, &p));
    gst_rtcp_packet_sr_set_sender_info (&p, kViewer, 1, 2, 3, 4);
    g_assert_true (
        gst_rtcp_packet_add_rb (&p, kVideo, 1, -0x800000, 2, 3, 4, 5));
  });
  const RtcpLog log = read_well (bytes);
  g_assert_cmpuint (log.reports.size (), ==, 1);
  g_assert_cmphex (log.reports[0].ssrc, ==, kVideo);
  g_assert_cmpint (log.reports[0].cumulative_lost, ==, -0x800000);
}

// Whatever is cut off, what came whole before is told, and no more.
static void
every_length ()
{
  const Bytes bytes = gstreamer_compound ();
  std::vector<std::size_t> ends{0};
  for (std::size_t at = 0; at < bytes.size ();) {
    at += 4 * (std::size_t{be16 (bytes, at + 2)} + 1);
    ends.push_back (at);
  }
  g_assert_cmpuint (ends.size (), ==, 7);
  for (std::size_t n = 0; n < bytes.size (); n++) {
    RtcpLog log;
    const RtcpFault fault = read (bytes, n, log);
    const bool whole = std::find (ends.begin (), ends.end (), n) != ends.end ();
    g_assert_cmpstr (name_of (fault), ==,
        n == 0      ? "empty"
            : whole ? "none"
                    : "header");
    g_assert_cmpuint (log.reports.size (), ==, n >= ends[1] ? 2 : 0);
    g_assert_cmpuint (log.nacks.size (), ==, n >= ends[3] ? 4 : 0);
    g_assert_cmpuint (log.plis.size (), ==, n >= ends[4] ? 1 : 0);
    g_assert_cmpuint (log.firs.size (), ==, n >= ends[5] ? 2 : 0);
    g_assert_cmpuint (log.byes.size (), ==, 0);
  }
}

static void
bodies_too_short ()
{
  // Counts that the packet has no room for.
  for (unsigned count = 1; count <= 31; count++) {
    assert_fault (
        packets::rtcp (201, count, Bytes (4 + 24 * (count - 1) + 20, 1)),
        RtcpFault::report);
    assert_fault (
        packets::rtcp (200, count, Bytes (24 + 24 * (count - 1) + 20, 1)),
        RtcpFault::report);
    assert_fault (packets::rtcp (203, count, Bytes (4 * (count - 1), 1)),
        RtcpFault::bye);
  }
  assert_fault (packets::rtcp (200, 0, Bytes (20, 1)), RtcpFault::report);
  assert_fault (packets::rtcp (201, 0, {}), RtcpFault::report);
  assert_fault (packets::rtcp (205, 1, Bytes (8, 1)), RtcpFault::nack);
  assert_fault (packets::rtcp (205, 1, {}), RtcpFault::nack);
  assert_fault (packets::rtcp (206, 1, Bytes (4, 1)), RtcpFault::key_request);
  assert_fault (packets::rtcp (206, 4, Bytes (8, 1)), RtcpFault::key_request);
  assert_fault (packets::rtcp (206, 4, Bytes (12, 1)), RtcpFault::key_request);
  assert_fault (packets::rtcp (206, 4, Bytes (20, 1)), RtcpFault::key_request);
  assert_fault (packets::rtcp (205, 15, Bytes (4, 1)),
      RtcpFault::transport_feedback);
}

static void
skips_the_rest ()
{
  RtcpLog log = read_well (packets::join ({
      packets::rtcp (207, 0, {0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}),
      packets::rtcp (204, 3, {0, 0, 0, 1, 'n', 'a', 'm', 'e'}),
      packets::rtcp (192, 31, {}),
      packets::rtcp (223, 0, {9, 9, 9, 9}),
      packets::rtcp (202, 31, {}),
      packets::rtcp (205, 3, {}),
      packets::rtcp (206, 2, {}),
      feedback (206, 15, 0, {'B', 'E', 'M', 'R'}),
      feedback (206, 1, kVideo, {}),
  }));
  g_assert_true (log.plis == std::vector{kVideo});
  g_assert_cmpuint (log.rembs.size (), ==, 0);

  // A BYE's reason, whatever length it claims.
  log = read_well (packets::rtcp (203, 1, {1, 2, 3, 4, 255, 'b', 'y', 'e'}));
  g_assert_true (log.byes == std::vector{kViewer});

  // Padding belongs to the last one alone.
  Bytes pli = feedback (206, 1, kVideo, {0, 0, 0, 4});
  pli[0] |= 0x20;
  log = read_well (packets::join ({packets::rtcp (203, 0, {}), pli}));
  g_assert_cmpuint (log.plis.size (), ==, 1);
  assert_fault (packets::join ({pli, packets::rtcp (203, 0, {})}),
      RtcpFault::header);
  for (std::uint8_t padding : {0, 1, 3, 16, 255}) {
    pli.back () = padding;
    assert_fault (pli, RtcpFault::header);
  }
  pli.back () = 8; // eats into the SSRC
  assert_fault (pli, RtcpFault::key_request);
}

static void
nack_floods_end ()
{
  Bytes fci;
  for (unsigned i = 0; i < 70; i++)
    packets::put (fci, 17 * i << 16 | 0xffff, 4);
  RtcpLog log;
  const Bytes bytes = nack (fci);
  g_assert_true (read (bytes, bytes.size (), log) == RtcpFault::flood);
  g_assert_cmpuint (log.nacks.size (), ==, kMaxNacks);
  for (unsigned i = 0; i < log.nacks.size (); i++)
    g_assert_cmpuint (log.nacks[i].second, ==, i);

  // In many small ones as well.
  Bytes many;
  for (unsigned i = 0; i <= kMaxNacks; i++)
    packets::append (many, nack ({0, 1, 0, 0}));
  log = {};
  g_assert_true (read (many, many.size (), log) == RtcpFault::flood);
  g_assert_cmpuint (log.nacks.size (), ==, kMaxNacks);
}

static Bytes
remb (std::uint8_t ssrcs, std::uint32_t exponent, std::uint32_t mantissa,
    unsigned written)
{
  Bytes fci{'R', 'E', 'M', 'B', ssrcs};
  packets::put (fci, exponent << 18 | mantissa, 3);
  for (unsigned i = 0; i < written; i++)
    packets::put (fci, kVideo + i, 4);
  return feedback (206, 15, 0, fci);
}

static void
remb_values ()
{
  using Rates = std::vector<std::uint64_t>;
  g_assert_true (read_well (remb (1, 0, 0x3ffff, 1)).rembs == Rates{262143});
  g_assert_true (read_well (remb (2, 4, 200000, 2)).rembs == Rates{3200000});
  g_assert_true (read_well (remb (0, 46, 0x3ffff, 0)).rembs
      == Rates{std::uint64_t{0x3ffff} << 46});
  assert_fault (remb (1, 47, 0x3ffff, 1), RtcpFault::remb);
  assert_fault (remb (1, 63, 2, 1), RtcpFault::remb);
  g_assert_true (
      read_well (remb (1, 63, 1, 1)).rembs == Rates{std::uint64_t{1} << 63});
  assert_fault (remb (2, 1, 1, 1), RtcpFault::remb);
  assert_fault (remb (255, 1, 1, 3), RtcpFault::remb);
  assert_fault (feedback (206, 15, 0, {'R', 'E', 'M', 'B'}), RtcpFault::remb);
}

static Bytes
transport_wide (std::uint16_t first, std::uint16_t count,
    std::uint32_t reference, std::initializer_list<std::uint16_t> chunks,
    Bytes deltas)
{
  Bytes fci;
  packets::put (fci, first, 2);
  packets::put (fci, count, 2);
  packets::put (fci, reference & 0xffffff, 3);
  packets::put (fci, 7, 1);
  for (std::uint16_t chunk : chunks)
    packets::put (fci, chunk, 2);
  packets::append (fci, deltas);
  while (fci.size () % 4 != 0)
    fci.push_back (0);
  return feedback (205, 15, kVideo, fci);
}

static void
transport_feedback_chunks ()
{
  using P = RtcpLog::Packet;
  // A run of three small deltas, then one bit each (received, lost, received,
  // and 11 beyond the count), over the wrap of the numbers.
  RtcpLog log = read_well (transport_wide (65534, 6, 2,
      {0x2003, 0x8000 | 0x2800}, {0, 4, 255, 1, 2}));
  g_assert_cmpuint (log.feedbacks.size (), ==, 1);
  g_assert_cmpuint (log.feedbacks[0].first_sequence, ==, 65534);
  g_assert_cmpuint (log.feedbacks[0].packets, ==, 6);
  g_assert_cmpuint (log.feedbacks[0].feedback_count, ==, 7);
  g_assert_cmpint (log.open, ==, 0);
  g_assert_true (log.packets
      == (std::vector<P>{{65534, 512}, {65535, 516}, {0, 771}, {1, 772},
          {2, std::nullopt}, {3, 774}}));

  // Two bits each: lost, small, large and negative, large.
  log = read_well (transport_wide (9, 4, 1, {0xc000 | 0x0680},
      {10, 0xff, 0xfe, 0x7f, 0xff}));
  g_assert_true (log.packets
      == (std::vector<P>{{9, std::nullopt}, {10, 266}, {11, 264},
          {12, 264 + 0x7fff}}));

  // A run of large ones; the reference time is signed, and its wrap is ours.
  log = read_well (
      transport_wide (1, 2, 0xffffff, {0x4002}, {0x00, 0xff, 0x00, 0x01}));
  g_assert_true (log.packets == (std::vector<P>{{1, 0xffffffff}, {2, 0}}));

  log = read_well (transport_wide (1, 0, 0, {}, {}));
  g_assert_cmpuint (log.packets.size (), ==, 0);
}

static void
transport_feedback_faults ()
{
  const auto fault = RtcpFault::transport_feedback;
  assert_fault (transport_wide (1, 1, 0, {}, {}), fault); // no chunk
  assert_fault (transport_wide (1, 1, 0, {0x2000}, {1, 1}), fault); // empty run
  assert_fault (transport_wide (1, 1, 0, {0x6001}, {1, 1, 1, 1}),
      fault); // reserved
  assert_fault (transport_wide (1, 7, 0, {0xffff}, {1, 1}), fault);
  assert_fault (transport_wide (1, 3, 0, {0x2003}, {1, 1}), fault); // deltas
  assert_fault (transport_wide (1, 2, 0, {0x4002}, {1, 1}), fault);
  assert_fault (transport_wide (1, 65535, 0, {0x3fff}, {}), fault);

  // A few bytes that claim many packets.
  RtcpLog log = read_well (
      transport_wide (1, kMaxFeedbackPackets, 0, {kMaxFeedbackPackets}, {}));
  g_assert_cmpuint (log.packets.size (), ==, kMaxFeedbackPackets);
  assert_fault (transport_wide (1, 65535, 0,
                    {0x1fff, 0x1fff, 0x1fff, 0x1fff, 0x1fff, 0x1fff, 0x1fff,
                        0x1fff, 0x1fff},
                    {}),
      RtcpFault::flood);
  assert_fault (packets::join ({transport_wide (1, 4000, 0, {4000}, {}),
                    transport_wide (1, 97, 0, {97}, {})}),
      RtcpFault::flood);

  // Cut at every length, with the length made right: never beyond the bytes,
  // and told as a whole or not at all.
  const Bytes whole =
      transport_wide (1, 20, 5, {0x2007, 0xbfff}, Bytes (20, 1));
  const std::size_t told = read_well (whole).packets.size ();
  g_assert_cmpuint (told, ==, 20);
  for (std::size_t n = 4; n < whole.size (); n += 4) {
    Bytes cut (whole.begin (), whole.begin () + n);
    put_be16 (cut, 2, static_cast<std::uint16_t> (n / 4 - 1));
    log = {};
    g_assert_true (read (cut, n, log) == fault);
    g_assert_cmpuint (log.packets.size (), ==, 0);
    g_assert_cmpuint (log.feedbacks.size (), ==, 0);
  }
}

int
main (int argc, char **argv)
{
  gst_init (nullptr, nullptr);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/rtcp/gstreamer", reads_what_gstreamer_writes);
  g_test_add_func ("/rtcp/sender-report", reads_blocks_of_sender_reports);
  g_test_add_func ("/rtcp/every-length", every_length);
  g_test_add_func ("/rtcp/too-short", bodies_too_short);
  g_test_add_func ("/rtcp/skips", skips_the_rest);
  g_test_add_func ("/rtcp/nack-flood", nack_floods_end);
  g_test_add_func ("/rtcp/remb", remb_values);
  g_test_add_func ("/rtcp/transport", transport_feedback_chunks);
  g_test_add_func ("/rtcp/transport-faults", transport_feedback_faults);
  return g_test_run ();
}
