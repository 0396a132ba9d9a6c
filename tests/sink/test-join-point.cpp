// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/join-point.h"

#include <glib.h>

#include <initializer_list>
#include <vector>

using namespace restream::sink;

using Bytes = std::vector<std::uint8_t>;

static void
knows_what_starts_a_keyframe ()
{
  struct
  {
    Bytes payload;
    bool key;
  } cases[] = {
      {{}, false},
      {{0x67, 0x42}, true}, // SPS
      {{0x68, 0xce}, false}, // PPS alone
      {{0x65, 0x88}, true}, // IDR slice
      {{0x41, 0x9a}, false}, // non-IDR slice
      {{0x09, 0x10}, false}, // access unit delimiter
      {{0x7c, 0x85, 1}, true}, // FU-A, start of an IDR slice
      {{0x7c, 0x05, 1}, false}, // FU-A, middle of an IDR slice
      {{0x7c, 0x45, 1}, false}, // FU-A, end of an IDR slice
      {{0x5c, 0x81, 1}, false}, // FU-A, start of a non-IDR slice
      {{0x7c}, false}, // FU-A without its header
      {{0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42}, true}, // STAP-A: AUD, SPS
      {{0x78, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88}, true}, // STAP-A: PPS, IDR
      {{0x78, 0, 2, 0x68, 0xce}, false},
      {{0x78, 0, 9, 0x67}, false}, // lying length
      {{0x78, 0, 0, 0x67}, false}, // empty unit
      {{0x78, 0}, false},
      {{0x78}, false},
  };
  for (std::size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    if (h264_starts_keyframe (cases[i].payload) != cases[i].key)
      g_error ("case %zu: expected %d", i, cases[i].key);
  }
}

static void
gives_one_point_for_a_picture_of_several_slices ()
{
  JoinPoint point ("H264");
  Bytes sps{0x67, 1}, pps{0x68, 1}, idr{0x65, 1}, slice{0x41, 1};
  g_assert_false (point.look (100, slice));
  g_assert_true (point.look (200, sps));
  g_assert_false (point.look (200, pps));
  g_assert_false (point.look (200, idr));
  g_assert_false (point.look (200, idr));
  g_assert_false (point.look (300, slice));
  g_assert_true (point.look (400, idr)); // without parameter sets
  g_assert_false (point.look (400, idr));
}

static void
joins_unknown_formats_anywhere ()
{
  JoinPoint point ("OPUS");
  Bytes any{1, 2, 3};
  g_assert_true (point.look (1, any));
  g_assert_true (point.look (1, any));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/join-point/h264", knows_what_starts_a_keyframe);
  g_test_add_func ("/sink/join-point/slices",
      gives_one_point_for_a_picture_of_several_slices);
  g_test_add_func ("/sink/join-point/other", joins_unknown_formats_anywhere);
  return g_test_run ();
}
