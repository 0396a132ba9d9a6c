// SPDX-License-Identifier: LGPL-2.1-or-later
// A viewer that begins in the past, with the newest keyframe there is, and catches up with the stream.
#include "tests/transport/native/media-sender-bench.h"

using namespace restream;
using namespace restream::transport;
using namespace restream::transport::native;

namespace {

constexpr std::uint32_t kFrameTicks = 3000;
constexpr std::int64_t kFrameUs = 33'333;

// A camera: thirty pictures a second, a keyframe when it is told to.
class Pictures
{
public:
  explicit Pictures (Bench &bench, std::uint16_t first = 65000)
      : bench_ (bench), next_ (first)
  {
    bench.video.timestamp = 0xffffff00; // it wraps on the way
  }
  // whole: with a marker at its end.
  void push (bool key, unsigned packets, bool whole = true)
  {
    std::vector<native::Bytes> all;
    for (unsigned i = 0; i < packets; i++)
      all.push_back (
          bench_.video.packet (static_cast<std::uint16_t> (next_ + i), 1000));
    all.back ()[1] |= whole ? 0x80 : 0;
    bench_.push (bench_.video.copy (all,
        key ? std::optional (0u) : std::nullopt, bench_.now_us));
    sent_ += packets;
    next_ = static_cast<std::uint16_t> (next_ + packets);
    bench_.video.timestamp += kFrameTicks;
    bench_.now_us += kFrameUs;
  }
  // A keyframe, and what follows.
  void push_group (unsigned pictures)
  {
    push (true, 20);
    for (unsigned i = 1; i < pictures; i++)
      push (false, 4);
  }
  std::uint16_t next () const { return next_; }
  std::uint64_t sent () const { return sent_; }
  std::uint32_t newest_timestamp () const
  {
    return bench_.video.timestamp - kFrameTicks;
  }

private:
  Bench &bench_;
  std::uint16_t next_;
  std::uint64_t sent_ = 0;
};

std::int32_t
ticks_between (std::uint32_t from, std::uint32_t to)
{
  return static_cast<std::int32_t> (to - from);
}

// Serves in real time while pictures go on, until the viewer is at the live edge; returns
// what it got, and after how long it was there.
std::pair<std::vector<Received>, std::int64_t>
catch_up (Bench &bench, Pictures &pictures)
{
  std::vector<Received> all;
  const std::int64_t began = bench.now_us;
  std::int64_t at = began;
  for (;; at += 1000) {
    g_assert_cmpint (at - began, <, 20'000'000);
    if (at >= bench.now_us)
      pictures.push (false, 4);
    const bool more = bench.sender.serve (Media::video, bench.feed, bench.queue,
        bench.path, at);
    for (Received &packet : bench.take ())
      all.push_back (std::move (packet));
    if (!more)
      break;
  }
  return {std::move (all), at - began};
}

// All of the group, each packet once, in fast-forward: the first picture is as new as
// the newest, and from the live edge on the timestamps are the stream's.
void
begins_in_the_past ()
{
  Bench bench;
  Pictures pictures (bench);
  pictures.push_group (120);
  const std::uint32_t live = pictures.newest_timestamp ();
  const std::int64_t began = bench.now_us;
  bench.sender.start (bench.feed);
  auto [got, took] = catch_up (bench, pictures);
  g_assert_cmpuint (got.size (), ==, pictures.sent ());
  // A second for four of them.
  g_assert_cmpint (took, <, 1'000'000);
  g_assert_cmpint (took, >, 100'000);
  std::uint16_t sequence = 65000;
  std::uint32_t before = live;
  unsigned faster = 0;
  for (std::size_t i = 0; i < got.size (); i++) {
    g_assert_cmpuint (got[i].sequence, ==, sequence++);
    const std::int32_t step = ticks_between (before, got[i].timestamp);
    g_assert_cmpint (step, >=, 0);
    g_assert_cmpint (step, <=, i ? kFrameTicks : kFrameTicks + 500);
    if (i > 20 && step > 0 && step < static_cast<int> (kFrameTicks) / 2)
      faster++;
    before = got[i].timestamp;
  }
  g_assert_cmpuint (faster, >=, 100);

  // To the browser there is no past: the picture is never later than its timestamp says.
  const std::int32_t shown = ticks_between (live, before);
  g_assert_cmpint (shown, >=, 0);
  g_assert_cmpint (shown, <=, (bench.now_us - began) * 9 / 100 + kFrameTicks);
  pictures.push (false, 4);
  pictures.push (false, 4);
  bench.serve ();
  const auto edge = bench.take ();
  g_assert_cmpuint (edge.back ().timestamp, ==, pictures.newest_timestamp ());
  g_assert_cmpuint (bench.counters[0].dropped, ==, 0);
}

// What is longer than the bounds is not kept: it waits.
void
waits_for_the_next ()
{
  for (InstantStart start : {InstantStart{.max_bytes = 100'000},
           InstantStart{.max_time = GST_SECOND}}) {
    Bench bench ({.start = start});
    Pictures pictures (bench);
    pictures.push_group (120);
    bench.sender.start (bench.feed);
    bench.serve ();
    g_assert_cmpuint (bench.take ().size (), ==, 0);
    pictures.push (true, 20);
    bench.serve ();
    const auto got = bench.take ();
    g_assert_cmpuint (got.size (), ==, 20);
    g_assert_cmphex (got[0].timestamp, ==, pictures.newest_timestamp ());
  }
}

// What the viewer has lost it gets again, from the keyframe on, as something new.
void
keyframe_again ()
{
  for (bool rtx : {true, false}) {
    const bool torn = rtx;
    Bench bench ({.rtx = rtx});
    Pictures pictures (bench);
    pictures.push (true, 20);
    bench.serve ();
    for (unsigned i = 0; i < 60; i++) {
      pictures.push (false, 4, i < 59 || !torn);
      bench.serve ();
    }
    auto first = bench.take_raw ();
    std::vector<native::Bytes> raw = first;
    std::vector<Received> before;
    for (native::Bytes &packet : first)
      before.push_back (bench.open (packet));
    g_assert_cmpuint (before.size (), ==, 260);

    native::Bytes pli{0x81, 206, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0};
    put_be32 (pli, 8, kVideoSsrc);
    bench.rtcp (pli);
    auto [again, took] = catch_up (bench, pictures);
    g_assert_cmpint (took, <, 1'000'000);
    g_assert_cmpuint (again.size (), ==, pictures.sent ());
    g_assert_true (again[0].payload == before[0].payload);
    // One is missing in between if the picture in hand is not whole.
    std::uint16_t sequence = before.back ().sequence;
    g_assert_cmpuint (again[0].sequence, ==,
        static_cast<std::uint16_t> (sequence + 1 + torn));
    g_assert_cmpint (
        ticks_between (before.back ().timestamp, again[0].timestamp), >, 0);
    for (std::size_t i = 1; i < again.size (); i++)
      g_assert_cmpuint (again[i].sequence, ==,
          static_cast<std::uint16_t> (again[0].sequence + i));

    // Once a second.
    bench.rtcp (pli);
    bench.serve ();
    g_assert_cmpuint (bench.take ().size (), ==, 0);
    g_assert_cmpuint (bench.link.keyframe_requests, ==, 2);

    // NACKs find what was sent under a number, before and after; not the missing one.
    auto content = [&] (const Received &packet) {
      return rtx
          ? native::Bytes (packet.payload.begin () + 2, packet.payload.end ())
          : packet.payload;
    };
    if (torn) {
      bench.rtcp (
          Bench::nack (kVideoSsrc, static_cast<std::uint16_t> (sequence + 1)));
      g_assert_cmpuint (bench.take ().size (), ==, 0);
    }
    const Received &old = before[255], &young = again[30];
    if (rtx) {
      bench.rtcp (Bench::nack (kVideoSsrc, old.sequence));
      bench.rtcp (Bench::nack (kVideoSsrc, young.sequence));
      const auto resent = bench.take ();
      g_assert_cmpuint (resent.size (), ==, 2);
      for (unsigned i = 0; i < 2; i++) {
        const Received &original = i ? young : old;
        g_assert_cmpuint (be16 (resent[i].payload, 0), ==, original.sequence);
        g_assert_cmphex (resent[i].timestamp, ==, original.timestamp);
        g_assert_true (content (resent[i]) == original.payload);
      }
    } else {
      bench.rtcp (Bench::nack (kVideoSsrc, old.sequence));
      const auto resent = bench.take_raw ();
      g_assert_cmpuint (resent.size (), ==, 1);
      g_assert_true (resent[0] == raw[255]);
    }
  }
}

// Who asks all the time for a keyframe is sent little more than the stream.
void
keyframe_flood ()
{
  Bench bench;
  Pictures pictures (bench);
  pictures.push_group (60);
  bench.sender.start (bench.feed);
  catch_up (bench, pictures);
  native::Bytes pli{0x81, 206, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0};
  put_be32 (pli, 8, kVideoSsrc);
  std::size_t got = 0;
  const std::uint64_t before = pictures.sent ();
  for (unsigned i = 0; i < 600; i++) {
    pictures.push (i % 60 == 0, i % 60 == 0 ? 20 : 4);
    bench.rtcp (pli);
    for (std::int64_t at = bench.now_us - kFrameUs; at < bench.now_us;
         at += 1000) {
      bench.sender.serve (Media::video, bench.feed, bench.queue, bench.path,
          at);
      got += bench.take_raw ().size ();
    }
  }
  g_assert_cmpuint (bench.link.keyframe_requests, ==, 600);
  g_assert_cmpuint (got, >, pictures.sent () - before);
  g_assert_cmpuint (got, <, 2 * (pictures.sent () - before));
}

// A viewer too slow to catch up waits for a keyframe like any other.
void
never_catches_up ()
{
  Bench bench ({.start = {.bit_rate = 0}});
  Pictures pictures (bench);
  pictures.push_group (120);
  bench.sender.start (bench.feed);
  g_assert_true (bench.sender.serve (Media::video, bench.feed, bench.queue,
      bench.path, bench.now_us));
  const std::size_t got = bench.take ().size ();
  g_assert_cmpuint (got, >=, 20);
  g_assert_false (bench.sender.serve (Media::video, bench.feed, bench.queue,
      bench.path, bench.now_us + 20'000'000));
  g_assert_cmpuint (bench.counters[0].dropped, ==, pictures.sent () - got);
  g_assert_false (bench.sender.is_behind (bench.feed));
  pictures.push (true, 20);
  bench.serve ();
  g_assert_cmpuint (bench.take ().size (), ==, 20);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/catch-up/past", begins_in_the_past);
  g_test_add_func ("/catch-up/no-past", waits_for_the_next);
  g_test_add_func ("/catch-up/keyframe-again", keyframe_again);
  g_test_add_func ("/catch-up/keyframe-flood", keyframe_flood);
  g_test_add_func ("/catch-up/too-slow", never_catches_up);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
