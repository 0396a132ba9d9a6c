// SPDX-License-Identifier: LGPL-2.1-or-later
// The pure parsers: RTP, RTCP.
#include "common/rtp-packet.h"
#include "plugin/src/rtcp-compound.h"
#include "tests/src/packets.h"

#include <glib.h>

#include <algorithm>
#include <memory>
#include <string>

using namespace restream;
using namespace restream::src;
using packets::Bytes;

// A copy without a spare byte, so that the sanitizers see every overrun.
template <typename F>
static auto
exactly (const Bytes &bytes, std::size_t length, F f)
{
  auto copy = std::make_unique<std::uint8_t[]> (length);
  std::copy_n (bytes.begin (), length, copy.get ());
  return f (std::span<const std::uint8_t> (copy.get (), length));
}

static bool
is_rtp (const Bytes &bytes)
{
  return exactly (bytes, bytes.size (),
      [] (auto b) { return parse_rtp (b).has_value (); });
}

static void
rtp_fields ()
{
  const Bytes bytes = packets::rtp ({.ssrc = 0xdeadbeef,
      .payload_type = 111,
      .sequence = 65534,
      .timestamp = 0xfffffff0,
      .marker = true,
      .payload = {7, 8, 9}});
  const auto p = parse_rtp (bytes);
  g_assert_true (p.has_value ());
  g_assert_cmphex (p->ssrc, ==, 0xdeadbeef);
  g_assert_cmpuint (p->payload_type, ==, 111);
  g_assert_cmpuint (p->sequence, ==, 65534);
  g_assert_cmphex (p->timestamp, ==, 0xfffffff0);
  g_assert_true (p->marker);
  g_assert_cmpmem (p->payload.data (), p->payload.size (), "\x07\x08\x09", 3);
}

static void
rtp_header_parts_and_padding ()
{
  Bytes bytes = packets::rtp ({.payload = {}});
  bytes[0] |= 0x30 | 2; // padding, extension, 2 CSRCs
  for (std::uint32_t word : {1u, 2u, 0xbede0001u, 0xaabbccddu})
    packets::put (bytes, word, 4);
  packets::append (bytes, {0x65, 0x66, 0, 0, 3});
  const auto p = parse_rtp (bytes);
  g_assert_true (p.has_value ());
  g_assert_cmpmem (p->payload.data (), p->payload.size (), "\x65\x66", 2);

  // Every cut before the payload ends must be seen; within it the last byte
  // is taken for a padding length.
  for (std::size_t n = 0; n < bytes.size () - 5; n++)
    g_assert_false (
        exactly (bytes, n, [] (auto b) { return parse_rtp (b).has_value (); }));

  bytes.back () = 0;
  g_assert_false (is_rtp (bytes));
  bytes.back () = 5; // all payload is padding
  g_assert_true (is_rtp (bytes));
  bytes.back () = 6;
  g_assert_false (is_rtp (bytes));
}

static void
rtp_refuses ()
{
  Bytes bytes = packets::rtp ({});
  for (unsigned version : {0u, 1u, 3u}) {
    bytes[0] = static_cast<std::uint8_t> (version << 6);
    g_assert_false (is_rtp (bytes));
  }
  bytes[0] = 0x80;
  g_assert_true (is_rtp (bytes));
  bytes[0] = 0x8f; // 15 CSRCs that are not there
  g_assert_false (is_rtp (bytes));
  g_assert_false (is_rtp ({}));
  g_assert_false (is_rtp (Bytes (11, 0x80)));
}

static void
rtcp_is_told_from_rtp ()
{
  for (unsigned type = 0; type < 256; type++) {
    const Bytes b{0x80, static_cast<std::uint8_t> (type), 0, 0};
    g_assert_cmpint (is_rtcp (b), ==, type >= 192 && type <= 223);
  }
  g_assert_false (is_rtcp (Bytes{0x80}));
}

static void
rtcp_compound ()
{
  const Bytes bytes = packets::join ({packets::sender_report (0xabcd, 99),
      packets::sdes (0xabcd), packets::bye (0xabcd)});
  const auto c = parse_rtcp (bytes);
  g_assert_true (c.has_value ());
  g_assert_cmpuint (c->reports ().size (), ==, 1);
  g_assert_cmphex (c->reports ()[0].ssrc, ==, 0xabcd);
  g_assert_cmphex (c->reports ()[0].ntp, ==, packets::kNtp);
  g_assert_cmpuint (c->reports ()[0].rtp_time, ==, 99);
  g_assert_cmpuint (c->reports ()[0].packets, ==, 10);
  g_assert_cmpuint (c->reports ()[0].octets, ==, 1000);
  g_assert_cmpuint (c->byes ().size (), ==, 1);
  g_assert_cmphex (c->byes ()[0], ==, 0xabcd);

  // Only whole packets make a datagram.
  const std::size_t borders[] = {28, 28 + 16, bytes.size ()};
  for (std::size_t n = 0; n <= bytes.size (); n++) {
    const bool whole = std::ranges::find (borders, n) != std::end (borders);
    g_assert_cmpint (
        exactly (bytes, n, [] (auto b) { return parse_rtcp (b).has_value (); }),
        ==, whole);
  }
}

static bool
accepts_rtcp (const Bytes &bytes)
{
  return exactly (bytes, bytes.size (),
      [] (auto b) { return parse_rtcp (b).has_value (); });
}

static void
rtcp_refuses ()
{
  Bytes b = packets::sender_report (1);
  b[0] |= 1; // a report block that is not there
  g_assert_false (accepts_rtcp (b));
  b[0] = 0x40;
  g_assert_false (accepts_rtcp (b));

  // SDES: an item over the end; no end of the items; a chunk too few.
  g_assert_false (
      accepts_rtcp (packets::rtcp (202, 1, {0, 0, 0, 1, 1, 200, 'a', 0})));
  g_assert_false (
      accepts_rtcp (packets::rtcp (202, 1, {0, 0, 0, 1, 1, 2, 'a', 'b'})));
  g_assert_false (
      accepts_rtcp (packets::rtcp (202, 2, {0, 0, 0, 1, 0, 0, 0, 0})));
  g_assert_true (
      accepts_rtcp (packets::rtcp (202, 1, {0, 0, 0, 1, 0, 0, 0, 0})));

  // BYE: more sources than bytes; a reason over the end; a fitting one.
  g_assert_false (accepts_rtcp (packets::rtcp (203, 2, {0, 0, 0, 1})));
  g_assert_false (
      accepts_rtcp (packets::rtcp (203, 1, {0, 0, 0, 1, 4, 'a', 'b', 'c'})));
  g_assert_true (
      accepts_rtcp (packets::rtcp (203, 1, {0, 0, 0, 1, 3, 'a', 'b', 'c'})));

  // Padding: only at the end, whole words, within the packet.
  Bytes padded = packets::bye (1);
  packets::append (padded, {0, 0, 0, 4});
  padded[0] |= 0x20;
  padded[3]++;
  g_assert_true (accepts_rtcp (padded));
  g_assert_false (accepts_rtcp (packets::join ({padded, packets::bye (2)})));
  for (std::uint8_t wrong : {0, 3, 12}) {
    padded.back () = wrong;
    g_assert_false (accepts_rtcp (padded));
  }
}

static void
rtcp_is_bounded ()
{
  Bytes all;
  for (std::uint32_t ssrc = 0; ssrc < 2000; ssrc++) {
    packets::append (all, packets::sender_report (ssrc));
    packets::append (all, packets::bye (ssrc));
  }
  const auto c = parse_rtcp (all);
  g_assert_true (c.has_value ());
  g_assert_cmpuint (c->reports ().size (), ==, RtcpContents::kMaxReports);
  g_assert_cmpuint (c->byes ().size (), ==, RtcpContents::kMaxByes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/src/rtp/fields", rtp_fields);
  g_test_add_func ("/src/rtp/header-parts", rtp_header_parts_and_padding);
  g_test_add_func ("/src/rtp/refuses", rtp_refuses);
  g_test_add_func ("/src/rtcp/told-from-rtp", rtcp_is_told_from_rtp);
  g_test_add_func ("/src/rtcp/compound", rtcp_compound);
  g_test_add_func ("/src/rtcp/refuses", rtcp_refuses);
  g_test_add_func ("/src/rtcp/bounded", rtcp_is_bounded);
  return g_test_run ();
}
