// SPDX-License-Identifier: LGPL-2.1-or-later
// Writing RTCP, retransmissions and the header extension, for GStreamer's own
// readers.
#include "plugin/transport/rtcp/rtcp-writer.h"
#include "plugin/transport/rtcp/rtx.h"
#include "plugin/transport/header-extensions.h"
#include "tests/src/packets.h"

#include <gst/rtp/rtp.h>

#include <memory>
#include <string>
#include <vector>

using namespace restream;
using namespace restream::transport;
using packets::Bytes;

static constexpr std::uint32_t kVideo = 0xaabbccdd, kAudio = 0x11223344;

// What is written, for GStreamer to read.
class Written
{
public:
  explicit Written (std::span<const std::uint8_t> bytes)
      : buffer_ (gst_rtcp_buffer_new_copy_data (bytes.data (),
          static_cast<guint> (bytes.size ())))
  {
    g_assert_true (gst_rtcp_buffer_validate (buffer_));
    g_assert_true (gst_rtcp_buffer_map (buffer_, GST_MAP_READ, &rtcp_));
  }
  ~Written ()
  {
    gst_rtcp_buffer_unmap (&rtcp_);
    gst_buffer_unref (buffer_);
  }
  GstRTCPPacket *first ()
  {
    g_assert_true (gst_rtcp_buffer_get_first_packet (&rtcp_, &packet_));
    return &packet_;
  }
  GstRTCPPacket *next ()
  {
    g_assert_true (gst_rtcp_packet_move_to_next (&packet_));
    return &packet_;
  }
  bool at_end () { return !gst_rtcp_packet_move_to_next (&packet_); }

private:
  GstBuffer *buffer_;
  GstRTCPBuffer rtcp_ = GST_RTCP_BUFFER_INIT;
  GstRTCPPacket packet_;
};

static std::size_t
write_compound (std::span<std::uint8_t> out, std::string_view name)
{
  static constexpr std::uint32_t kSsrcs[] = {kVideo, kAudio};
  RtcpWriter writer (out);
  writer.sender_report ({.ntp = 0xfedcba9876543210,
      .ssrc = kVideo,
      .rtp_time = 0xf0000001,
      .packets = 17,
      .octets = 0xfffffff0});
  writer.sender_report ({.ntp = 1, .ssrc = kAudio, .rtp_time = 48000});
  writer.canonical_name (kSsrcs, name);
  writer.bye (kSsrcs, "over");
  return writer.size ();
}

static void
writes_what_gstreamer_reads ()
{
  // Names of all lengths modulo four: the items end in one to four zeros. An
  // item within the last word is not seen by GStreamer 1.22: none is so short.
  for (const std::string name : {"abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    std::uint8_t buffer[512];
    const std::size_t size = write_compound (buffer, name);
    Written written ({buffer, size});

    guint32 ssrc, rtp_time, packets, octets;
    guint64 ntp;
    GstRTCPPacket *p = written.first ();
    g_assert_cmpint (gst_rtcp_packet_get_type (p), ==, GST_RTCP_TYPE_SR);
    gst_rtcp_packet_sr_get_sender_info (p, &ssrc, &ntp, &rtp_time, &packets,
        &octets);
    g_assert_cmphex (ssrc, ==, kVideo);
    g_assert_cmphex (ntp, ==, 0xfedcba9876543210);
    g_assert_cmphex (rtp_time, ==, 0xf0000001);
    g_assert_cmpuint (packets, ==, 17);
    g_assert_cmpuint (octets, ==, 0xfffffff0);
    g_assert_cmpuint (gst_rtcp_packet_get_rb_count (p), ==, 0);
    p = written.next ();
    g_assert_cmpint (gst_rtcp_packet_get_type (p), ==, GST_RTCP_TYPE_SR);
    gst_rtcp_packet_sr_get_sender_info (p, &ssrc, &ntp, &rtp_time, &packets,
        &octets);
    g_assert_cmphex (ssrc, ==, kAudio);
    g_assert_cmpuint (rtp_time, ==, 48000);

    p = written.next ();
    g_assert_cmpint (gst_rtcp_packet_get_type (p), ==, GST_RTCP_TYPE_SDES);
    g_assert_cmpuint (gst_rtcp_packet_sdes_get_item_count (p), ==, 2);
    g_assert_true (gst_rtcp_packet_sdes_first_item (p));
    for (const std::uint32_t expected : {kVideo, kAudio}) {
      g_assert_cmphex (gst_rtcp_packet_sdes_get_ssrc (p), ==, expected);
      g_assert_true (gst_rtcp_packet_sdes_first_entry (p));
      GstRTCPSDESType type;
      guint8 length;
      guint8 *text;
      g_assert_true (gst_rtcp_packet_sdes_get_entry (p, &type, &length, &text));
      g_assert_cmpint (type, ==, GST_RTCP_SDES_CNAME);
      g_assert_cmpmem (text, length, name.data (), name.size ());
      g_assert_false (gst_rtcp_packet_sdes_next_entry (p));
      g_assert_cmpint (gst_rtcp_packet_sdes_next_item (p), ==,
          expected == kVideo);
    }

    p = written.next ();
    g_assert_cmpint (gst_rtcp_packet_get_type (p), ==, GST_RTCP_TYPE_BYE);
    g_assert_cmpuint (gst_rtcp_packet_bye_get_ssrc_count (p), ==, 2);
    g_assert_cmphex (gst_rtcp_packet_bye_get_nth_ssrc (p, 0), ==, kVideo);
    g_assert_cmphex (gst_rtcp_packet_bye_get_nth_ssrc (p, 1), ==, kAudio);
    char *reason = gst_rtcp_packet_bye_get_reason (p);
    g_assert_cmpstr (reason, ==, "over");
    g_free (reason);
    g_assert_true (written.at_end ());
  }
}

static void
receiver_reports ()
{
  const ReportBlock blocks[] = {
      {.ssrc = kVideo,
          .fraction_lost = 200,
          .cumulative_lost = -3,
          .highest_sequence = 0xfffe0102,
          .jitter = 77,
          .last_sr = 0x89abcdef,
          .delay_since_last_sr = 65537},
      {.ssrc = kAudio, .cumulative_lost = 0x7fffff},
  };
  std::uint8_t buffer[256];
  RtcpWriter writer (buffer);
  writer.receiver_report (0x55667788, blocks);
  g_assert_cmpuint (writer.size (), ==, 4 + 4 + 2 * 24);
  Written written ({buffer, writer.size ()});
  GstRTCPPacket *p = written.first ();
  g_assert_cmpint (gst_rtcp_packet_get_type (p), ==, GST_RTCP_TYPE_RR);
  g_assert_cmphex (gst_rtcp_packet_rr_get_ssrc (p), ==, 0x55667788);
  g_assert_cmpuint (gst_rtcp_packet_get_rb_count (p), ==, 2);
  guint32 ssrc, highest, jitter, last_sr, delay;
  guint8 fraction;
  gint32 lost;
  gst_rtcp_packet_get_rb (p, 0, &ssrc, &fraction, &lost, &highest, &jitter,
      &last_sr, &delay);
  g_assert_cmphex (ssrc, ==, kVideo);
  g_assert_cmpuint (fraction, ==, 200);
  g_assert_cmpint (lost, ==, -3);
  g_assert_cmphex (highest, ==, 0xfffe0102);
  g_assert_cmpuint (jitter, ==, 77);
  g_assert_cmphex (last_sr, ==, 0x89abcdef);
  g_assert_cmpuint (delay, ==, 65537);
  gst_rtcp_packet_get_rb (p, 1, &ssrc, &fraction, &lost, &highest, &jitter,
      &last_sr, &delay);
  g_assert_cmphex (ssrc, ==, kAudio);
  g_assert_cmpint (lost, ==, 0x7fffff);

  // Bounds: no block at all, more than there may be, no room.
  RtcpWriter none (buffer);
  none.receiver_report (1, {});
  g_assert_cmpuint (none.size (), ==, 8);
  std::uint8_t large[2048];
  const std::vector<ReportBlock> many (32);
  RtcpWriter most (large), more (large), tight ({large, 55});
  most.receiver_report (1, std::span (many).first (31));
  g_assert_cmpuint (most.size (), ==, 8 + 31 * 24);
  more.receiver_report (1, many);
  g_assert_cmpuint (more.size (), ==, 0);
  tight.receiver_report (1, blocks);
  g_assert_cmpuint (tight.size (), ==, 0);
}

static void
writes_within_bounds ()
{
  std::uint8_t large[512];
  const std::size_t whole = write_compound (large, "name");
  g_assert_cmpuint (whole, ==, 28 + 28 + 4 + 2 * 12 + 4 + 8 + 8);
  for (std::size_t n = 0; n < whole; n++) {
    auto small = std::make_unique<std::uint8_t[]> (n);
    g_assert_cmpuint (write_compound ({small.get (), n}, "name"), ==, 0);
  }
  auto exact = std::make_unique<std::uint8_t[]> (whole);
  g_assert_cmpuint (write_compound ({exact.get (), whole}, "name"), ==, whole);
  g_assert_cmpmem (exact.get (), whole, large, whole);

  // Chunks by hand: the name ends its word, and leaves no room for the zero.
  const std::uint32_t two[] = {1, 2};
  RtcpWriter short_names (large);
  short_names.canonical_name (two, "a");
  short_names.canonical_name ({two, 1}, "ab");
  g_assert_cmpmem (large, short_names.size (),
      "\x82\xca\0\4\0\0\0\1\1\1a\0\0\0\0\2\1\1a\0"
      "\x81\xca\0\3\0\0\0\1\1\2ab\0\0\0\0",
      36);

  // What did not fit is not made up for by something smaller.
  RtcpWriter writer ({large, 20});
  writer.sender_report ({});
  const std::uint32_t ssrcs[32] = {};
  writer.bye ({ssrcs, 1});
  g_assert_cmpuint (writer.size (), ==, 0);

  g_assert_cmpuint (RtcpWriter (large).size (), ==, 0);
  const auto size_of = [&] (auto write) {
    static std::uint8_t out[16 * 1024];
    RtcpWriter w (out);
    write (w);
    return w.size ();
  };
  const std::string text (256, 'x');
  const auto longest = std::string_view (text).substr (1);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.canonical_name ({ssrcs, 31}, longest);
  }),
      ==, 4 + 31 * 264);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.bye ({ssrcs, 31}, longest);
  }),
      ==, 4 + 31 * 4 + 256);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.canonical_name ({ssrcs, 32}, "");
  }),
      ==, 0);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.canonical_name ({ssrcs, 0}, "");
  }),
      ==, 0);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.canonical_name ({ssrcs, 1}, text);
  }),
      ==, 0);
  g_assert_cmpuint (size_of ([&] (auto &w) { w.bye ({ssrcs, 32}); }), ==, 0);
  g_assert_cmpuint (size_of ([&] (auto &w) { w.bye ({ssrcs, 0}); }), ==, 0);
  g_assert_cmpuint (size_of ([&] (auto &w) {
    w.bye ({ssrcs, 1}, text);
  }),
      ==, 0);
}

// The extension block and the retransmission, as GStreamer's RTP reads them.
static void
rtx_and_extension ()
{
  std::uint8_t extension[kMaxExtensionBytes];
  const auto write = [&] (const HeaderExtensions &what, std::size_t room) {
    return write_extensions (std::span (extension).first (room), what);
  };
  g_assert_cmpuint (write ({}, 16), ==, 0);
  g_assert_cmpuint (
      write ({.capture_time_id = 14, .capture_time = 0x0123456789abcdef}, 16),
      ==, 16);
  g_assert_cmpmem (extension, 16,
      "\xbe\xde\0\3\xe7\x01\x23\x45\x67\x89\xab\xcd\xef\0\0\0", 16);
  const HeaderExtensions both{.transport_sequence_id = 1,
      .transport_sequence = 2,
      .capture_time_id = 3,
      .capture_time = 4};
  g_assert_cmpuint (write (both, 15), ==, 0);
  g_assert_cmpuint (write (both, 16), ==, 16);
  g_assert_cmpmem (extension, 16, "\xbe\xde\0\3\x11\0\2\x37\0\0\0\0\0\0\0\4",
      16);
  g_assert_cmpuint (write ({.transport_sequence_id = 15}, 16), ==, 0);
  const HeaderExtensions delay{.playout_delay_id = 12, .least_delay_ms = 50};
  g_assert_cmpuint (write (delay, 16), ==, 8);
  g_assert_cmpmem (extension, 8, "\xbe\xde\0\1\xc2\0\x5f\xff", 8);
  const HeaderExtensions sequence{.transport_sequence_id = 3,
      .transport_sequence = 0xabcd};
  g_assert_cmpuint (write (sequence, 7), ==, 0);
  g_assert_cmpuint (write (sequence, 8), ==, 8);
  g_assert_cmpmem (extension, 8, "\xbe\xde\0\1\x31\xab\xcd\0", 8);

  // The original: padding, an extension of its own, two CSRCs.
  Bytes original = packets::rtp ({.ssrc = kVideo,
      .payload_type = 96,
      .sequence = 0xfffe,
      .timestamp = 0xcafe0001,
      .marker = true,
      .payload = {}});
  original[0] |= 0x30 | 2;
  for (std::uint32_t word : {1u, 2u, 0xbede0001u, 0x10aa0000u})
    packets::put (original, word, 4);
  packets::append (original, {5, 6, 7, 0, 0, 3});

  const RtxStamp stamp{.ssrc = kAudio, .sequence = 9, .payload_type = 97};
  for (const bool extended : {false, true}) {
    const auto block =
        std::span<const std::uint8_t> (extension).first (extended ? 8 : 0);
    std::uint8_t header[64];
    const auto rtx = write_rtx_header (original, stamp, block, header);
    g_assert_true (rtx.has_value ());
    g_assert_cmpuint (rtx->bytes, ==, 12 + 8 + block.size () + 2);
    Bytes packet (header, header + rtx->bytes);
    packet.insert (packet.end (), rtx->payload.begin (), rtx->payload.end ());

    GstBuffer *buffer =
        gst_rtp_buffer_new_copy_data (packet.data (), packet.size ());
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    g_assert_true (gst_rtp_buffer_map (buffer, GST_MAP_READ, &rtp));
    g_assert_cmphex (gst_rtp_buffer_get_ssrc (&rtp), ==, kAudio);
    g_assert_cmpuint (gst_rtp_buffer_get_seq (&rtp), ==, 9);
    g_assert_cmpuint (gst_rtp_buffer_get_payload_type (&rtp), ==, 97);
    g_assert_cmphex (gst_rtp_buffer_get_timestamp (&rtp), ==, 0xcafe0001);
    g_assert_true (gst_rtp_buffer_get_marker (&rtp));
    g_assert_false (gst_rtp_buffer_get_padding (&rtp));
    g_assert_cmpuint (gst_rtp_buffer_get_csrc_count (&rtp), ==, 2);
    g_assert_cmpuint (gst_rtp_buffer_get_csrc (&rtp, 1), ==, 2);
    g_assert_cmpmem (gst_rtp_buffer_get_payload (&rtp),
        gst_rtp_buffer_get_payload_len (&rtp), "\xff\xfe\5\6\7", 5);
    gpointer data = nullptr;
    guint size = 0;
    g_assert_cmpint (
        gst_rtp_buffer_get_extension_onebyte_header (&rtp, 3, 0, &data, &size),
        ==, extended);
    if (extended)
      g_assert_cmpmem (data, size, "\xab\xcd", 2);
    g_assert_false (
        gst_rtp_buffer_get_extension_onebyte_header (&rtp, 1, 0, &data, &size));
    gst_rtp_buffer_unmap (&rtp);
    gst_buffer_unref (buffer);

    for (std::size_t n = 0; n < rtx->bytes; n++) {
      auto small = std::make_unique<std::uint8_t[]> (n);
      g_assert_false (
          write_rtx_header (original, stamp, block, {small.get (), n})
              .has_value ());
    }
  }
  std::uint8_t header[64];
  for (std::size_t n = 0; n < 12; n++)
    g_assert_false (write_rtx_header ({original.data (), n}, stamp, {}, header)
                        .has_value ());
}

int
main (int argc, char **argv)
{
  gst_init (nullptr, nullptr);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/rtcp-writer/gstreamer", writes_what_gstreamer_reads);
  g_test_add_func ("/rtcp-writer/receiver-reports", receiver_reports);
  g_test_add_func ("/rtcp-writer/bounds", writes_within_bounds);
  g_test_add_func ("/rtcp-writer/rtx", rtx_and_extension);
  return g_test_run ();
}
