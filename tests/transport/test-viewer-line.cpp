// SPDX-License-Identifier: LGPL-2.1-or-later
// A viewer's own sequence numbers and timestamps.
#include "plugin/transport/viewer-line.h"

#include <glib.h>

#include <map>
#include <set>

using namespace restream::transport;

namespace {

void
same_as_the_stream ()
{
  ViewerLine line;
  line.begin (70000, 0, true, {});
  g_assert_cmpuint (line.first (), ==, 70000);
  for (std::uint64_t n = 70000; n < 200'000; n++) {
    auto timestamp = static_cast<std::uint32_t> (n * 40'000); // it wraps
    ViewerLine::Stamp stamp = line.next (n, timestamp);
    g_assert_cmpuint (stamp.sequence, ==, n);
    g_assert_cmpuint (stamp.timestamp, ==, timestamp);
  }
}

void
fast_forward ()
{
  // Ten seconds within two.
  const std::uint32_t from = 0xfffff000, span = 900'000, shown = 180'000;
  ViewerLine line;
  line.begin (100, 0, true, {.from = from, .span = span, .shown = shown});
  std::uint32_t before = from + span - shown;
  for (std::uint32_t i = 0; i <= 400; i++) {
    std::uint32_t in = from + i * 3000;
    std::uint32_t out = line.next (100 + i, in).timestamp;
    if (i == 0)
      g_assert_cmpuint (out, ==, before);
    else if (i <= 300)
      g_assert_cmpuint (out - before, ==, 600);
    if (i >= 300)
      g_assert_cmpuint (out, ==, in);
    before = out;
  }
  // What is shown before the keyframe, and comes after it.
  ViewerLine open;
  open.begin (1, 0, true, {.from = 1000, .span = 1000, .shown = 100});
  g_assert_cmpuint (open.next (1, 1000).timestamp, ==, 1900);
  g_assert_cmpuint (open.next (2, 900).timestamp, ==, 1890);
  // Hours later a timestamp is half way round, and still the stream's.
  g_assert_cmpuint (open.next (3, 2000).timestamp, ==, 2000);
  g_assert_cmpuint (open.next (4, 0x90000000).timestamp, ==, 0x90000000);
}

// However often it begins anew: no number serves twice, and each is found again
// with all that it was sent with.
void
begins_anew ()
{
  for (unsigned round = 0; round < 200; round++) {
    ViewerLine line;
    std::uint64_t stream = 65000, sent_to = 0;
    std::set<std::uint64_t> used;
    struct Sent
    {
      std::uint64_t in;
      std::uint32_t in_time;
      ViewerLine::Stamp out;
    };
    std::map<std::uint64_t, Sent> last_two; // by the viewer's numbers
    std::uint64_t part_began = 0, part_before = 0, left_out = 0;
    for (unsigned part = 0; part < 5; part++) {
      std::uint64_t first =
          stream - static_cast<std::uint64_t> (g_random_int_range (0, 2000));
      FastForward forward;
      if (g_random_boolean ())
        forward = {.from = static_cast<std::uint32_t> (first * 900),
            .span =
                static_cast<std::uint32_t> (g_random_int_range (1000, 900'000)),
            .shown = 1000};
      const bool torn = g_random_boolean ();
      left_out += part > 0 && torn;
      line.begin (first, sent_to, torn, forward);
      const auto count =
          static_cast<std::uint64_t> (g_random_int_range (1, 3000));
      part_before = part_began;
      for (std::uint64_t n = first; n < first + count; n++) {
        auto time = static_cast<std::uint32_t> (n * 900);
        ViewerLine::Stamp out = line.next (n, time);
        g_assert_true (used.insert (out.sequence).second);
        if (n == first)
          part_began = out.sequence;
        last_two[out.sequence] = {n, time, out};
      }
      if (part == 0)
        g_assert_cmpuint (line.first (), ==, *used.begin ());
      sent_to = first + count;
      stream = std::max (stream, sent_to);
    }
    // One is left out where a picture is torn.
    g_assert_cmpuint (*used.rbegin () - *used.begin () + 1 - used.size (), ==,
        left_out);
    for (std::uint64_t n = *used.rbegin () + 10; n >= part_before - 10; n--) {
      auto found = line.find (static_cast<std::uint16_t> (n), sent_to);
      auto sent = last_two.find (n);
      if (sent == last_two.end () || n < part_before) {
        g_assert_false (found.has_value ());
        continue;
      }
      g_assert_true (found.has_value ());
      g_assert_cmpuint (found->sequence, ==, sent->second.in);
      ViewerLine::Stamp again = line.again (*found, sent->second.in_time);
      g_assert_cmpuint (again.sequence, ==, n);
      g_assert_cmpuint (again.timestamp, ==, sent->second.out.timestamp);
    }
  }
}

// What the stream had before the beginning has no number; behind it the line is the stream's own once it is as
// late, and never again after a second beginning.
void
whose_numbers ()
{
  ViewerLine line;
  line.begin (100, 0, true, {.from = 1000, .span = 1000, .shown = 100});
  g_assert_true (line.is_before (99));
  g_assert_false (line.is_before (100));
  line.next (100, 1000);
  g_assert_false (line.is_streams_own (101));
  line.next (101, 2000);
  g_assert_true (line.is_streams_own (101));
  g_assert_false (line.is_streams_own (100));
  line.begin (100, 102, false, {});
  g_assert_cmpuint (line.next (100, 1000).sequence, ==, 102);
  g_assert_true (line.is_before (99));
  g_assert_false (line.is_before (100));
  g_assert_false (line.is_streams_own (5000));
}

void
nothing_sent ()
{
  ViewerLine line;
  g_assert_false (line.find (0, 0).has_value ());
  line.begin (10, 0, true, {});
  g_assert_false (line.find (9, 10).has_value ());
  g_assert_false (line.find (10, 10).has_value ());
  line.next (10, 0);
  g_assert_true (line.find (10, 11).has_value ());
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/viewer-line/same", same_as_the_stream);
  g_test_add_func ("/viewer-line/fast-forward", fast_forward);
  g_test_add_func ("/viewer-line/anew", begins_anew);
  g_test_add_func ("/viewer-line/whose-numbers", whose_numbers);
  g_test_add_func ("/viewer-line/nothing", nothing_sent);
  return g_test_run ();
}
