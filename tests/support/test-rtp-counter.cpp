// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/rtp-counter.h"

#include <glib.h>

#include <vector>

using restream::test::RtpCounter;

namespace {

std::vector<std::uint8_t>
rtp (unsigned sequence, unsigned timestamp,
    std::vector<std::uint8_t> payload = {1, 2}, unsigned ssrc = 7)
{
  std::vector<std::uint8_t> p = {0x80, 102};
  for (unsigned shift : {8, 0})
    p.push_back (static_cast<std::uint8_t> (sequence >> shift));
  for (unsigned value : {timestamp, ssrc})
    for (unsigned shift : {24, 16, 8, 0})
      p.push_back (static_cast<std::uint8_t> (value >> shift));
  p.insert (p.end (), payload.begin (), payload.end ());
  return p;
}

void
add (RtpCounter &counter, const std::vector<std::uint8_t> &packet,
    std::int64_t now = 1)
{
  g_assert_true (counter.add (packet.data (), packet.size (), now));
}

void
gaps_are_lost_until_filled ()
{
  RtpCounter c;
  for (unsigned s : {65533u, 65534u, 1u, 2u})
    add (c, rtp (s & 0xffff, 0));
  g_assert_cmpuint (c.lost (), ==, 2);
  add (c, rtp (0, 0));
  g_assert_cmpuint (c.lost (), ==, 1);
  g_assert_cmpuint (c.reordered (), ==, 1);
  add (c, rtp (0, 0));
  g_assert_cmpuint (c.duplicates (), ==, 1);
  g_assert_cmpuint (c.lost (), ==, 1); // a duplicate fills no gap
  g_assert_cmpuint (c.packets (), ==, 5);
}

void
long_gap_forgets_old_packets ()
{
  RtpCounter c;
  add (c, rtp (10, 0));
  add (c, rtp (10 + 8192, 0)); // the same slot of the window
  g_assert_cmpuint (c.duplicates (), ==, 0);
  g_assert_cmpuint (c.lost (), ==, 8191);
}

void
new_ssrc_starts_anew ()
{
  RtpCounter c;
  add (c, rtp (1, 0));
  add (c, rtp (3, 0));
  add (c, rtp (500, 0, {1, 2}, 8));
  add (c, rtp (502, 0, {1, 2}, 8));
  g_assert_cmpuint (c.ssrc_changes (), ==, 1);
  g_assert_cmpuint (c.lost (), ==, 2);
}

void
timestamps ()
{
  RtpCounter c;
  add (c, rtp (1, 0xfffffff0));
  add (c, rtp (2, 0xfffffff0));
  add (c, rtp (3, 16)); // over the wrap
  g_assert_cmpuint (c.timestamp_steps_back (), ==, 0);
  g_assert_cmpuint (c.frames (), ==, 2);
  add (c, rtp (4, 8));
  g_assert_cmpuint (c.timestamp_steps_back (), ==, 1);
}

void
keyframes_in_every_packing ()
{
  RtpCounter c (RtpCounter::Codec::h264);
  // STAP-A of SPS and PPS, then an IDR in two FU-A, then a delta.
  add (c, rtp (1, 90, {24, 0, 2, 0x67, 1, 0, 1, 0x68}), 100);
  add (c, rtp (2, 90, {0x7c, 0x85, 1}), 200);
  add (c, rtp (3, 90, {0x7c, 0x45, 1}), 300);
  add (c, rtp (4, 180, {0x41, 1}), 400);
  g_assert_cmpuint (c.keyframes (), ==, 1);
  g_assert_true (c.starts_with_keyframe ());
  g_assert_cmpint (c.first_us (), ==, 100);
  g_assert_cmpint (c.first_keyframe_us (), ==, 200);
  // Two slices of one IDR picture are one keyframe.
  add (c, rtp (5, 270, {0x65, 1}));
  add (c, rtp (6, 270, {0x65, 2}));
  g_assert_cmpuint (c.keyframes (), ==, 2);
}

void
delta_first_is_told ()
{
  RtpCounter c (RtpCounter::Codec::h264);
  add (c, rtp (1, 0, {0x41, 1}));
  add (c, rtp (2, 90, {0x67, 1}));
  add (c, rtp (3, 90, {0x65, 1}));
  g_assert_false (c.starts_with_keyframe ());
  // An IDR without parameter sets does not start a decoder either.
  RtpCounter bare (RtpCounter::Codec::h264);
  add (bare, rtp (1, 0, {0x65, 1}));
  g_assert_false (bare.starts_with_keyframe ());
}

void
no_rtp_is_refused ()
{
  RtpCounter c (RtpCounter::Codec::h264);
  auto packet = rtp (1, 0);
  g_assert_false (c.add (packet.data (), 11, 1));
  packet[0] = 0x9f; // extension and 15 CSRCs that are not there
  g_assert_false (c.add (packet.data (), packet.size (), 1));
  packet[0] = 0xa0; // padding longer than the packet
  packet.back () = 200;
  g_assert_false (c.add (packet.data (), packet.size (), 1));
  g_assert_cmpuint (c.packets (), ==, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/support/rtp-counter/gaps", gaps_are_lost_until_filled);
  g_test_add_func ("/support/rtp-counter/long-gap",
      long_gap_forgets_old_packets);
  g_test_add_func ("/support/rtp-counter/new-ssrc", new_ssrc_starts_anew);
  g_test_add_func ("/support/rtp-counter/timestamps", timestamps);
  g_test_add_func ("/support/rtp-counter/keyframes",
      keyframes_in_every_packing);
  g_test_add_func ("/support/rtp-counter/delta-first", delta_first_is_told);
  g_test_add_func ("/support/rtp-counter/no-rtp", no_rtp_is_refused);
  return g_test_run ();
}
