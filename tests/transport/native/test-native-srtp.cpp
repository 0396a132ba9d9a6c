// SPDX-License-Identifier: LGPL-2.1-or-later
// What an outsider may do to packets, and the ends of every range.
#include "tests/transport/native/srtp-samples.h"

#include <set>

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr std::uint32_t kSsrc = 0x5501a0b2;

SrtpProfile
profile_of (gconstpointer data)
{
  return *static_cast<const SrtpProfile *> (data);
}

void
test_key_sizes (gconstpointer data)
{
  const SrtpProfile profile = profile_of (data);
  const std::size_t key = srtp_master_key_size (profile);
  const std::size_t salt = srtp_master_salt_size (profile);
  for (std::size_t i = 0; i < 40; i++) {
    const Bytes bytes (i);
    g_assert_true (SrtpKeys::from (profile, bytes, Bytes (salt)).has_value ()
        == (i == key));
    g_assert_true (SrtpKeys::from (profile, Bytes (key), bytes).has_value ()
        == (i == salt));
  }
  g_assert_false (
      SrtpKeys::from (static_cast<SrtpProfile> (2), Bytes (16), Bytes (14))
          .has_value ());
  SrtpKeys odd;
  odd.profile = static_cast<SrtpProfile> (2);
  g_assert_false (SrtpSender::create (odd).has_value ());
  g_assert_false (SrtpReceiver::create (odd).has_value ());

  g_assert_true (
      srtp_profile_from (static_cast<unsigned> (profile)) == profile);
  g_assert_false (srtp_profile_from (0).has_value ());
  g_assert_false (srtp_profile_from (2).has_value ());
  g_assert_false (srtp_profile_from (0x10007).has_value ());

  // Client key, server key, client salt, server salt.
  const Bytes material = random_bytes (2 * key + 2 * salt);
  g_assert_cmpuint (srtp_keying_size (profile), ==, material.size ());
  const auto pair = split_dtls_keys (profile, material);
  g_assert_true (pair.has_value ());
  const std::span<const std::uint8_t> all = material;
  assert_same (std::span (pair->client.key).first (key), all.first (key));
  assert_same (std::span (pair->server.key).first (key),
      all.subspan (key, key));
  assert_same (std::span (pair->client.salt).first (salt),
      all.subspan (2 * key, salt));
  assert_same (std::span (pair->server.salt).first (salt), all.last (salt));
  g_assert_false (
      split_dtls_keys (profile, all.first (all.size () - 1)).has_value ());
}

// What is too small or too large to be a packet is not sent.
void
test_odd_calls (gconstpointer data)
{
  SrtpSender sender = sender_of (random_keys (profile_of (data)));
  Bytes room = rtp_header (kSsrc, 1);
  room.resize (70000);
  const Bytes payload (66000);
  for (std::size_t header = 0; header < 12; header++)
    g_assert_cmpuint (sender.protect_rtp (room.data (), header, {}, 0), ==, 0);
  g_assert_cmpuint (sender.protect_rtp (room.data (), 12, payload, 0), ==, 0);
  for (std::size_t bytes = 0; bytes < 8; bytes++)
    g_assert_cmpuint (sender.protect_rtcp (room.data (), bytes), ==, 0);
  g_assert_cmpuint (sender.protect_rtcp (room.data (), 66000), ==, 0);
}

void
test_rtcp_index_space (gconstpointer data)
{
  const SrtpKeys keys = random_keys (profile_of (data));
  SrtpSender sender = sender_of (keys, 0x7ffffffe);
  SrtpReceiver receiver = receiver_of (keys);
  const Bytes plain = rtcp_packet (kSsrc, 6);
  for (int i = 0; i < 2; i++) {
    Bytes sealed = protect_rtcp (sender, plain);
    assert_verdict (receiver.unprotect_rtcp (sealed).verdict, SrtpVerdict::ok);
  }
  Bytes room (plain.size () + kMaxRtcpOverhead);
  for (int i = 0; i < 2; i++) {
    std::copy (plain.begin (), plain.end (), room.begin ());
    g_assert_cmpuint (sender.protect_rtcp (room.data (), plain.size ()), ==, 0);
  }
}

struct Sample
{
  Bytes plain, sealed;
  bool rtcp;
};

std::vector<Sample>
samples (const SrtpKeys &keys)
{
  SrtpSender sender = sender_of (keys);
  std::vector<Sample> all;
  const RtpShape shapes[] = {{0, -1}, {0, 2}, {2, 0}, {15, 3}};
  std::uint16_t sequence = 100;
  for (const auto &shape : shapes)
    for (const std::size_t size : {0, 1, 16, 37}) {
      const Bytes header = rtp_header (kSsrc, sequence++, shape);
      const Bytes payload = random_bytes (size);
      all.push_back ({joined (header, payload),
          protect_rtp (sender, header, payload, 0), false});
    }
  for (const std::size_t words : {0, 1, 6, 13}) {
    const Bytes plain = rtcp_packet (kSsrc, words);
    all.push_back ({plain, protect_rtcp (sender, plain), true});
  }
  return all;
}

SrtpReceiver::Plain
open (SrtpReceiver &receiver, bool rtcp, std::span<std::uint8_t> packet)
{
  return rtcp ? receiver.unprotect_rtcp (packet)
              : receiver.unprotect_rtp (packet);
}

// Whatever the reason. Nothing is left for the next to ask OpenSSL for errors,
// which is DTLS.
void
assert_refused (const SrtpReceiver::Plain &answer)
{
  g_assert_true (answer.packet.empty ());
  if (answer.verdict != SrtpVerdict::forged
      && answer.verdict != SrtpVerdict::malformed
      && answer.verdict != SrtpVerdict::replayed) // the sequence was changed
    g_error ("unexpected: %s", name_of (answer.verdict));
  g_assert_cmpuint (ERR_peek_error (), ==, 0);
}

// Cut at every length, with every single bit turned over, as the other kind,
// and with something behind it: refused. The true packet passes after that, so
// none of them left a trace.
void
test_changed_packets (gconstpointer data)
{
  const SrtpKeys keys = random_keys (profile_of (data));
  SrtpReceiver receiver = receiver_of (keys);
  for (const auto &sample : samples (keys)) {
    for (std::size_t size = 0; size < sample.sealed.size (); size++) {
      Bytes cut (sample.sealed.begin (), sample.sealed.begin () + size);
      assert_refused (open (receiver, sample.rtcp, cut));
    }
    for (std::size_t bit = 0; bit < 8 * sample.sealed.size (); bit++) {
      Bytes changed = sample.sealed;
      changed[bit / 8] ^= 1 << bit % 8;
      assert_refused (open (receiver, sample.rtcp, changed));
    }
    Bytes other = sample.sealed;
    assert_refused (open (receiver, !sample.rtcp, other));
    Bytes longer = sample.sealed;
    longer.push_back (0);
    assert_refused (open (receiver, sample.rtcp, longer));

    Bytes intact = sample.sealed;
    const auto opened = open (receiver, sample.rtcp, intact);
    assert_verdict (opened.verdict, SrtpVerdict::ok);
    assert_same (opened.packet, sample.plain);
    Bytes again = sample.sealed;
    assert_verdict (open (receiver, sample.rtcp, again).verdict,
        SrtpVerdict::replayed);
  }
  // And with another viewer's keys none is.
  SrtpReceiver stranger = receiver_of (random_keys (profile_of (data)));
  for (const auto &sample : samples (keys)) {
    Bytes packet = sample.sealed;
    assert_verdict (open (stranger, sample.rtcp, packet).verdict,
        SrtpVerdict::forged);
  }
}

// Authentic, but not encrypted.
void
test_rtcp_in_the_clear (gconstpointer data)
{
  const SrtpProfile profile = profile_of (data);
  const SrtpKeys keys = random_keys (profile);
  const auto session = derive_session_keys (keys, SrtpUse::rtcp);
  g_assert_true (session.has_value ());
  SrtpCipher cipher =
      cipher_of (profile, *session, SrtpUse::rtcp, SrtpCipher::Direction::seal);
  Bytes packet = rtcp_packet (kSsrc, 4);
  const std::size_t plain = packet.size (), tag = cipher.tag_bytes ();
  packet.resize (plain + tag + 4);
  const bool aead = srtp_is_aead (profile);
  const SrtpCipher::Packet all = {packet.data (), plain, 0, kSsrc, 0, 0};
  g_assert_true (cipher.seal (all, nullptr, &packet[aead ? plain : plain + 4]));
  assert_verdict (receiver_of (keys).unprotect_rtcp (packet).verdict,
      SrtpVerdict::malformed);
}

// Packets in any order within the window, over the wrap of the sequence number,
// each of them twice, and holes much wider than the window.
void
test_reorder (gconstpointer data)
{
  const SrtpKeys keys = random_keys (profile_of (data));
  SrtpSender sender = sender_of (keys);
  SrtpReceiver receiver = receiver_of (keys);
  constexpr std::uint64_t kFirst = 65536 - 2000, kLast = 3 * 65536 + 2000;
  const Bytes payload = random_bytes (20);
  auto sealed_at = [&] (std::uint64_t index) {
    return protect_rtp (sender,
        rtp_header (kSsrc, static_cast<std::uint16_t> (index)), payload,
        static_cast<std::uint32_t> (index >> 16));
  };
  Bytes first = sealed_at (kFirst);
  assert_verdict (receiver.unprotect_rtp (first).verdict, SrtpVerdict::ok);
  for (std::uint64_t block = kFirst + 1; block < kLast; block += 4500) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t index = block; index < block + 500; index++)
      order.push_back (index);
    for (std::size_t i = order.size () - 1; i > 0; i--)
      std::swap (order[i], order[g_test_rand_int_range (0, i + 1)]);
    for (const auto index : order) {
      Bytes packet = sealed_at (index);
      Bytes again = packet;
      assert_verdict (receiver.unprotect_rtp (packet).verdict, SrtpVerdict::ok);
      assert_verdict (receiver.unprotect_rtp (again).verdict,
          SrtpVerdict::replayed);
    }
  }
  // The other roll-over counters of the same packet are not authentic.
  for (const int off : {-1, 1}) {
    const std::uint64_t index = kLast + 600;
    Bytes packet = protect_rtp (sender,
        rtp_header (kSsrc, static_cast<std::uint16_t> (index)), payload,
        static_cast<std::uint32_t> (index >> 16) + off);
    assert_verdict (receiver.unprotect_rtp (packet).verdict,
        SrtpVerdict::forged);
  }
}

// Behind the window; and before the first packet of all, where the roll-over
// counter would be negative.
void
test_too_old (gconstpointer data)
{
  const SrtpKeys keys = random_keys (profile_of (data));
  SrtpSender sender = sender_of (keys);
  auto verdict = [&] (SrtpReceiver &receiver, std::uint16_t sequence) {
    Bytes packet =
        protect_rtp (sender, rtp_header (kSsrc, sequence), Bytes (9), 0);
    return receiver.unprotect_rtp (packet).verdict;
  };
  SrtpReceiver receiver = receiver_of (keys);
  constexpr std::uint16_t kTop = 5000;
  assert_verdict (verdict (receiver, kTop), SrtpVerdict::ok);
  constexpr std::uint16_t kOldest = kTop - SrtpReceiver::kRtpWindow + 1;
  assert_verdict (verdict (receiver, kOldest), SrtpVerdict::ok);
  assert_verdict (verdict (receiver, kOldest), SrtpVerdict::replayed);
  assert_verdict (verdict (receiver, kOldest - 1), SrtpVerdict::replayed);
  SrtpReceiver young = receiver_of (keys);
  assert_verdict (verdict (young, 3), SrtpVerdict::ok);
  assert_verdict (verdict (young, 65533), SrtpVerdict::replayed);
  assert_verdict (verdict (young, 4), SrtpVerdict::ok);

  SrtpReceiver reports = receiver_of (keys);
  std::vector<Bytes> sent;
  for (unsigned i = 0; i <= SrtpReceiver::kRtcpWindow; i++)
    sent.push_back (protect_rtcp (sender, rtcp_packet (kSsrc, 1)));
  for (std::size_t i = sent.size (); i-- > 0;) {
    Bytes packet = sent[i];
    assert_verdict (reports.unprotect_rtcp (packet).verdict,
        i == 0 ? SrtpVerdict::replayed : SrtpVerdict::ok);
  }
}

// SSRCs are counted once authentic, those known keep working beyond the bound.
void
test_many_ssrcs (gconstpointer data)
{
  const SrtpKeys keys = random_keys (profile_of (data));
  SrtpSender sender = sender_of (keys);
  SrtpReceiver receiver = receiver_of (keys);
  for (const bool rtcp : {false, true}) {
    auto packet_of = [&] (std::uint32_t ssrc, std::uint16_t sequence) {
      return rtcp
          ? protect_rtcp (sender, rtcp_packet (ssrc, 2))
          : protect_rtp (sender, rtp_header (ssrc, sequence), Bytes (30), 0);
    };
    for (std::uint32_t ssrc = 1000; ssrc < 1100; ssrc++) {
      Bytes forged = packet_of (ssrc, 1);
      forged.back () ^= rtcp && srtp_is_aead (profile_of (data)) ? 0x01 : 0x10;
      assert_verdict (open (receiver, rtcp, forged).verdict,
          SrtpVerdict::forged);
    }
    for (std::uint32_t i = 0; i < 40; i++) {
      Bytes packet = packet_of (i, 1);
      assert_verdict (open (receiver, rtcp, packet).verdict,
          i < SrtpReceiver::kMaxSsrcs ? SrtpVerdict::ok
                                      : SrtpVerdict::too_many_ssrcs);
    }
    for (std::uint32_t i = 0; i < SrtpReceiver::kMaxSsrcs; i++) {
      Bytes packet = packet_of (i, 2);
      assert_verdict (open (receiver, rtcp, packet).verdict, SrtpVerdict::ok);
    }
  }
}

// Against a set that forgets nothing.
void
test_replay_window ()
{
  std::uint64_t highest = 1000;
  ReplayWindow<128> window (highest);
  std::set<std::uint64_t> seen = {highest};
  for (int i = 0; i < 200000; i++) {
    const int step = g_test_rand_int_range (0, 20) == 0 ? 400 : 140;
    const std::uint64_t index = highest + 20 - g_test_rand_int_range (0, step)
        + (g_test_rand_int_range (0, 500) == 0 ? 300 : 0);
    const bool is_new =
        index > highest || (highest - index < 128 && !seen.contains (index));
    g_assert_true (window.is_new (index) == is_new);
    if (is_new && g_test_rand_bit ()) {
      window.mark (index);
      seen.insert (index);
      highest = std::max (highest, index);
    }
    g_assert_cmpuint (window.highest (), ==, highest);
  }
}

// Packets that are made together are those that are made one by one.
void
test_batch ()
{
  const std::unique_ptr<CmBatch> batch = CmBatch::create ();
  if (!batch)
    return g_test_skip ("no library for it on this machine");
  std::vector<SrtpSender> senders;
  for (unsigned i = 0; i < 5; i++)
    senders.push_back (
        sender_of (random_keys (SrtpProfile::aes128_cm_sha1_80)));
  for (unsigned n : {1u, 2u, 7u, 16u, 17u, 128u, 129u, 300u}) {
    std::vector<Bytes> expected, packets;
    for (unsigned i = 0; i < n; i++) {
      const Bytes header = rtp_header (kSsrc, static_cast<std::uint16_t> (i),
          {0, i % 3 == 0 ? 2 : -1});
      const Bytes payload = random_bytes (g_test_rand_int_range (0, 1401));
      SrtpSender &sender = senders[i % senders.size ()];
      expected.push_back (protect_rtp (sender, header, payload, n));
      Bytes &packet = packets.emplace_back (header);
      packet.resize (header.size () + payload.size () + kMaxRtpOverhead);
      packet.resize (sender.protect_rtp (packet.data (), header.size (),
          payload, n, batch.get ()));
    }
    batch->run ();
    for (unsigned i = 0; i < n; i++)
      assert_same (packets[i], expected[i]);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/srtp/replay-window", test_replay_window);
  g_test_add_func ("/srtp/batch", test_batch);
  struct
  {
    const char *name;
    GTestDataFunc function;
  } const tests[] = {
      {"key-sizes", test_key_sizes},
      {"odd-calls", test_odd_calls},
      {"rtcp-index-space", test_rtcp_index_space},
      {"changed-packets", test_changed_packets},
      {"rtcp-in-the-clear", test_rtcp_in_the_clear},
      {"reorder", test_reorder},
      {"too-old", test_too_old},
      {"many-ssrcs", test_many_ssrcs},
  };
  for (const auto &profile : kProfiles)
    for (const auto &test : tests) {
      const Owned<char> path (
          g_strdup_printf ("/srtp/%s/%s", name_of (profile), test.name));
      g_test_add_data_func (path.get (), &profile, test.function);
    }
  return g_test_run ();
}
