// SPDX-License-Identifier: LGPL-2.1-or-later
// The copy of what the hub pushed, and the ring that viewers read it from.
#include "plugin/transport/native/packet-ring.h"
#include "tests/transport/native/bursts.h"

#include <algorithm>

using namespace restream;
using namespace restream::transport;
using namespace restream::transport::native;

namespace {

constexpr std::uint64_t kFirstTurn = 0x10000;

std::vector<std::uint64_t>
sequences_of (const Burst &burst)
{
  std::vector<std::uint64_t> all;
  for (const Burst::Packet &packet : burst.packets ())
    all.push_back (packet.sequence);
  return all;
}

using Sequences = std::vector<std::uint64_t>;

// There is this very packet: number and content.
void
check_there (const PacketRing::Entry &entry, std::uint64_t sequence)
{
  g_assert_nonnull (entry.packet);
  g_assert_cmpuint (entry.packet->sequence, ==, sequence);
  std::span<const std::uint8_t> payload = entry.burst->payload (*entry.packet);
  g_assert_cmpuint (payload.size (), >, 0);
  g_assert_cmpuint (payload.front (), ==, sequence & 0xff);
  g_assert_cmpuint (payload.back (), ==, sequence & 0xff);
}

void
append (PacketRing &ring, std::shared_ptr<const Burst> burst)
{
  ring.append (std::move (burst));
  ring.drop_old ();
}

void
burst_is_a_copy ()
{
  BurstMaker maker (Media::video);
  const std::vector<Bytes> in = {maker.packet (7, 1), maker.packet (8, 1388),
      maker.packet (9, 0)};
  auto burst = maker.copy (in, 1, 4711);
  g_assert_true (sequences_of (*burst)
      == Sequences ({kFirstTurn + 7, kFirstTurn + 8, kFirstTurn + 9}));
  g_assert_cmpuint (*burst->join (), ==, kFirstTurn + 8);
  g_assert_cmpint (burst->arrival_us (), ==, 4711);
  for (std::size_t i = 0; i < in.size (); i++) {
    const Burst::Packet &packet = burst->packets ()[i];
    auto header = burst->header (packet), payload = burst->payload (packet);
    Bytes whole (header.begin (), header.end ());
    whole.insert (whole.end (), payload.begin (), payload.end ());
    g_assert_cmpmem (whole.data (), whole.size (), in[i].data (),
        in[i].size ());
    g_assert_cmpuint (packet.bytes, ==, in[i].size ());
  }
}

// Buffers of several memories, as a source may push them.
void
burst_of_pieces ()
{
  BurstMaker maker (Media::video);
  const Bytes packet = maker.packet (1, 50);
  GstBuffer *buffer = gst_buffer_new ();
  for (std::size_t at = 0; at < packet.size (); at += 5)
    gst_buffer_append_memory (buffer,
        gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY,
            const_cast<std::uint8_t *> (packet.data ()), packet.size (), at,
            std::min<std::size_t> (5, packet.size () - at), nullptr, nullptr));
  auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
  gst_buffer_list_add (list.get (), buffer);
  std::optional<std::uint64_t> last;
  auto burst = Burst::copy (Media::video, 1, list.get (), {}, last,
      SenderClock (90000), 0);
  g_assert_cmpuint (burst->packets ().size (), ==, 1);
  auto payload = burst->payload (burst->packets ()[0]);
  g_assert_cmpmem (payload.data (), payload.size (), packet.data () + 12,
      packet.size () - 12);
}

void
burst_strips_extensions ()
{
  BurstMaker maker (Media::video);
  for (unsigned csrcs : {0u, 2u, 15u}) {
    for (unsigned words : {0u, 1u, 8u}) {
      Bytes plain = maker.packet (3, 20);
      plain[0] = static_cast<std::uint8_t> (0x80 | csrcs);
      plain.insert (plain.begin () + 12, 4 * csrcs, 0xc5);
      Bytes extended = plain;
      extended[0] |= 0x10;
      Bytes extension = {0xbe, 0xde, 0, static_cast<std::uint8_t> (words)};
      extension.resize (4 + 4 * words, 0xee);
      extended.insert (extended.begin () + 12
              + static_cast<std::ptrdiff_t> (4 * csrcs),
          extension.begin (), extension.end ());
      auto burst = maker.copy ({extended});
      g_assert_cmpuint (burst->packets ().size (), ==, 1);
      const Burst::Packet &packet = burst->packets ()[0];
      g_assert_cmpuint (packet.header, ==, 12 + 4 * csrcs);
      auto header = burst->header (packet);
      g_assert_cmpmem (header.data (), packet.bytes, plain.data (),
          plain.size ());
    }
  }
}

void
burst_leaves_out ()
{
  BurstMaker maker (Media::video);
  Bytes no_csrcs = maker.packet (3, 8), long_extension = maker.packet (4, 8);
  no_csrcs[0] = 0x8f;
  long_extension[0] = 0x90;
  long_extension[12] = long_extension[13] = 0;
  long_extension[14] = 0xff;
  auto burst = maker.copy ({Bytes (11, 0x80), {}, no_csrcs, long_extension,
                               maker.packet (10, 1489), maker.packet (11, 1488),
                               maker.packet (12, 60000), maker.packet (13)},
      4);
  g_assert_true (
      sequences_of (*burst) == Sequences ({kFirstTurn + 11, kFirstTurn + 13}));
  // The place to join was an oversized packet: the next one has to do.
  g_assert_cmpuint (*burst->join (), ==, kFirstTurn + 11);

  auto nothing = maker.copy ({Bytes (3, 0)}, 0);
  g_assert_true (nothing->packets ().empty ());
  g_assert_false (nothing->join ().has_value ());
  g_assert_cmpuint (*maker.last (), ==, kFirstTurn + 13);
}

void
sequence_is_extended ()
{
  BurstMaker maker (Media::video);
  auto burst = maker.make ({65534, 65535, 0, 1, 65533, 2, 32769});
  g_assert_true (sequences_of (*burst)
      == Sequences (
          {0x1fffe, 0x1ffff, 0x20000, 0x20001, 0x1fffd, 0x20002, 0x28001}));
  g_assert_cmpuint (*maker.last (), ==, 0x28001);
  // Half a turn back and a bit is forward.
  g_assert_true (sequences_of (*maker.make ({0, 0xffff, 0x8000}))
      == Sequences ({0x30000, 0x2ffff, 0x28000}));

  // The first packet of all may be preceded by what was reordered.
  BurstMaker zero (Media::video);
  g_assert_true (sequences_of (*zero.make ({0, 65535, 1}))
      == Sequences ({0x10000, 0xffff, 0x10001}));

  // Many turns.
  BurstMaker turns (Media::audio);
  std::uint64_t expected = kFirstTurn;
  for (std::uint16_t sequence = 0; expected < 6 * 0x10000;
       sequence = static_cast<std::uint16_t> (sequence + 10000),
                     expected += 10000)
    g_assert_cmpuint (turns.make ({sequence})->packets ()[0].sequence, ==,
        expected);
}

void
ring_finds ()
{
  BurstMaker maker (Media::video);
  PacketRing ring (16);
  g_assert_true (ring.empty ());
  g_assert_null (ring.find (kFirstTurn).packet);
  g_assert_null (ring.find_recent (0).packet);
  append (ring, maker.make ({}));
  g_assert_true (ring.empty ());

  // 4 comes late, 6 never; the wrap is between 65535 and 0.
  const std::uint16_t base = 65530;
  auto number = [&] (unsigned i) {
    return static_cast<std::uint16_t> (base + i);
  };
  append (ring, maker.make ({number (0), number (1), number (2)}, 1));
  append (ring, maker.make ({number (3), number (5), number (7)}));
  append (ring, maker.make ({number (4), number (8)}));
  const std::uint64_t first = kFirstTurn + base;
  g_assert_cmpuint (ring.kept_from (), ==, first);
  g_assert_cmpuint (ring.newest (), ==, first + 8);
  g_assert_cmpuint (*ring.newest_join (), ==, first + 1);
  for (unsigned i = 0; i <= 8; i++) {
    if (i == 6) {
      g_assert_null (ring.find (first + i).packet);
      g_assert_null (ring.find_recent (number (i)).packet);
    } else {
      check_there (ring.find (first + i), first + i);
      check_there (ring.find_recent (number (i)), first + i);
    }
  }
  for (unsigned i : {9, 100, 30000, 65535 - 20})
    g_assert_null (ring.find_recent (number (i)).packet);
  g_assert_null (ring.find (first - 1).packet);
  g_assert_null (ring.find (first + 9).packet);
  g_assert_null (ring.find (first + 16).packet); // the same slot
  g_assert_null (ring.find (first + 65536).packet);

  ring.clear ();
  g_assert_true (ring.empty ());
  g_assert_false (ring.newest_join ().has_value ());
  g_assert_null (ring.find (first).packet);
}

// All that is within reach is there, nothing beyond it, and no burst is kept for nothing.
void
ring_forgets ()
{
  constexpr unsigned kCapacity = 32;
  BurstMaker maker (Media::video);
  PacketRing ring (kCapacity);
  std::vector<std::weak_ptr<const Burst>> bursts;
  std::uint64_t next = kFirstTurn + 65000;
  for (unsigned i = 0; i < 2000; i++) {
    std::vector<std::uint16_t> sequences (1 + i * 7 % 5);
    for (std::uint16_t &sequence : sequences)
      sequence = static_cast<std::uint16_t> (next++);
    auto burst = maker.make (sequences);
    bursts.push_back (burst);
    append (ring, std::move (burst));
    g_assert_cmpuint (ring.newest (), ==, next - 1);
    const std::uint64_t oldest = ring.kept_from ();
    g_assert_cmpuint (ring.newest () - oldest, <, kCapacity);
    for (std::uint64_t n = oldest; n < next; n++) {
      check_there (ring.find (n), n);
      check_there (ring.find_recent (static_cast<std::uint16_t> (n)), n);
    }
    g_assert_null (ring.find (oldest - 1).packet);
    g_assert_null (
        ring.find_recent (static_cast<std::uint16_t> (oldest - 1)).packet);
  }
  const auto kept = std::count_if (bursts.begin (), bursts.end (),
      [] (const auto &burst) { return !burst.expired (); });
  g_assert_cmpint (kept, <=, kCapacity);
  g_assert_cmpint (kept, >=, kCapacity / 5);
}

void
ring_forgets_what_is_old ()
{
  BurstMaker maker (Media::video);
  PacketRing ring (1024);
  for (std::uint16_t i = 0; i < 100; i++)
    append (ring, maker.make ({i}, {}, i * PacketRing::kKeepUs / 10));
  g_assert_null (ring.find (kFirstTurn + 88).packet);
  check_there (ring.find (kFirstTurn + 89), kFirstTurn + 89);
  g_assert_cmpuint (ring.kept_from (), ==, kFirstTurn + 89);
  // The newest is never too old; and who has been sent the one before has lost nothing.
  append (ring, maker.make ({100}, {}, 1000 * PacketRing::kKeepUs));
  check_there (ring.find (kFirstTurn + 100), kFirstTurn + 100);
  g_assert_cmpuint (ring.kept_from (), ==, kFirstTurn + 100);
}

void
burst_larger_than_the_ring ()
{
  BurstMaker maker (Media::video);
  PacketRing ring (16, {.max_bytes = 0});
  append (ring, maker.make ({0}));
  std::vector<std::uint16_t> sequences;
  for (std::uint16_t i = 1; i <= 40; i++)
    sequences.push_back (i);
  append (ring, maker.make (sequences, 0));
  g_assert_cmpuint (ring.newest (), ==, kFirstTurn + 40);
  g_assert_cmpuint (ring.kept_from (), ==, kFirstTurn + 25);
  for (unsigned i = 0; i <= 24; i++)
    g_assert_null (ring.find (kFirstTurn + i).packet);
  for (unsigned i = 25; i <= 40; i++)
    check_there (ring.find (kFirstTurn + i), kFirstTurn + i);
  append (ring, maker.make ({41}));
  g_assert_null (ring.find (kFirstTurn + 25).packet);
  check_there (ring.find (kFirstTurn + 41), kFirstTurn + 41);
}

// A jump, as after a time in which nobody watched here: the past is gone.
void
sequence_jumps ()
{
  BurstMaker maker (Media::video);
  PacketRing ring (16);
  append (ring, maker.make ({1, 2, 3}));
  append (ring, maker.make ({20003}));
  g_assert_cmpuint (ring.newest (), ==, kFirstTurn + 20003);
  // What is in between never came: nobody has lost it.
  g_assert_cmpuint (ring.kept_from (), ==, kFirstTurn + 20003 + 1 - 16);
  for (unsigned i : {1, 2, 3, 19987})
    g_assert_null (ring.find (kFirstTurn + i).packet);
  // What comes far too late takes nobody's place.
  append (ring, maker.make ({static_cast<std::uint16_t> (20003 - 16)}));
  check_there (ring.find (kFirstTurn + 20003), kFirstTurn + 20003);
  // What is in between never came: nobody has lost it.
  g_assert_cmpuint (ring.kept_from (), ==, kFirstTurn + 20003 + 1 - 16);
  g_assert_null (ring.find (kFirstTurn + 20003 - 16).packet);
}

// From a keyframe on all is there, however old, in a ring that grows.
void
ring_keeps_the_group ()
{
  BurstMaker maker (Media::video);
  PacketRing ring (16);
  std::uint64_t next = kFirstTurn + 65000;
  auto push = [&] (unsigned packets, bool key, std::int64_t now_us) {
    std::vector<std::uint16_t> sequences (packets);
    for (std::uint16_t &sequence : sequences)
      sequence = static_cast<std::uint16_t> (next++);
    append (ring,
        maker.make (sequences, key ? std::optional (1u) : std::nullopt,
            now_us));
  };
  for (unsigned i = 0; i < 20; i++)
    push (3, false, i);
  g_assert_false (ring.group_start ().has_value ());
  const std::uint64_t start = next + 1; // its first packet is another picture's
  push (3, true, 100);
  for (std::int64_t i = 1; i <= 1000; i++) {
    push (2, false, 100 + i * PacketRing::kKeepUs / 200);
    g_assert_cmpuint (*ring.group_start (), ==, start);
    check_there (ring.find (start), start);
    check_there (ring.find (start + static_cast<std::uint64_t> (i)),
        start + static_cast<std::uint64_t> (i));
    check_there (ring.find (next - 1), next - 1);
  }
  g_assert_cmpuint (ring.group_bytes (), ==, 2003 * 112);
  g_assert_cmpuint (ring.kept_from (), <=, start);
  g_assert_cmpuint (ring.kept_from (), >=, start - 1);
  // The next one takes its place.
  const std::uint64_t second = next + 1;
  push (3, true, 100 + 6 * PacketRing::kKeepUs);
  g_assert_cmpuint (*ring.group_start (), ==, second);
  g_assert_null (ring.find (start).packet);
  check_there (ring.find (second), second);
  g_assert_cmpuint (ring.group_bytes (), ==, 3 * 112);
}

// Beyond any of its bounds the group is let go.
void
group_is_bounded ()
{
  const std::pair<InstantStart, std::int64_t> cases[] = {
      {{.max_bytes = 11'200}, 1}, // 100 packets
      {{.max_time = 10 * GST_SECOND}, 100'000}, // 101 steps
      {{.max_bytes = 1 << 30}, 1},
  };
  const unsigned bounds[] = {100, 101, PacketRing::kMaxCapacity};
  for (unsigned c = 0; c < 3; c++) {
    BurstMaker maker (Media::video);
    PacketRing ring (16, cases[c].first);
    unsigned kept = 0;
    std::int64_t now = 0;
    for (unsigned i = 0; i < PacketRing::kMaxCapacity + 100; i++) {
      append (ring,
          maker.make ({static_cast<std::uint16_t> (i)},
              i == 0 ? std::optional (0u) : std::nullopt, now));
      now += cases[c].second;
      if (ring.group_start ())
        kept = i + 1;
      else if (i > kept + 50)
        break;
    }
    g_assert_cmpuint (kept, ==, bounds[c]);
  }
}

// A thread that begins in the middle of a group gets what has gone by.
void
cache_has_the_group ()
{
  BurstMaker maker (Media::video), sound (Media::audio);
  GopCache cache ({.max_bytes = 2000});
  std::vector<std::shared_ptr<const Burst>> had;
  auto look = [&] {
    cache.begin ([&] (const auto &bursts) { had = bursts; });
    return had.size ();
  };
  cache.append (maker.make ({1}));
  g_assert_cmpuint (look (), ==, 0); // no keyframe yet
  cache.append (maker.make ({2, 3}, 1));
  cache.append (sound.make ({1}, 0));
  cache.append (maker.make ({4}));
  g_assert_cmpuint (look (), ==, 2);
  g_assert_cmpuint (*had[0]->join (), ==, kFirstTurn + 3);
  g_assert_cmpuint (had[1]->packets ()[0].sequence, ==, kFirstTurn + 4);
  cache.append (maker.make ({5}, 0));
  g_assert_cmpuint (look (), ==, 1);
  for (std::uint16_t i = 0; i < 30; i++)
    cache.append (maker.make ({static_cast<std::uint16_t> (6 + i)}));
  g_assert_cmpuint (look (), ==, 0); // too large
  cache.append (maker.make ({40}, 0));
  g_assert_cmpuint (look (), ==, 1);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/burst/copy", burst_is_a_copy);
  g_test_add_func ("/burst/pieces", burst_of_pieces);
  g_test_add_func ("/burst/extensions", burst_strips_extensions);
  g_test_add_func ("/burst/leaves-out", burst_leaves_out);
  g_test_add_func ("/burst/sequence", sequence_is_extended);
  g_test_add_func ("/packet-ring/find", ring_finds);
  g_test_add_func ("/packet-ring/forget", ring_forgets);
  g_test_add_func ("/packet-ring/age", ring_forgets_what_is_old);
  g_test_add_func ("/packet-ring/large-burst", burst_larger_than_the_ring);
  g_test_add_func ("/packet-ring/jump", sequence_jumps);
  g_test_add_func ("/packet-ring/group", ring_keeps_the_group);
  g_test_add_func ("/packet-ring/group-bounds", group_is_bounded);
  g_test_add_func ("/gop-cache/group", cache_has_the_group);
  int status = g_test_run ();
  gst_deinit ();
  return status;
}
