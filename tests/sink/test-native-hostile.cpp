// SPDX-License-Identifier: LGPL-2.1-or-later
// Datagrams that no well-behaved viewer sends, at a live session of the native
// transport: they are dropped and counted, nobody gets an answer who has not proved
// itself, and the viewer, like the others, loses nothing.
#include "common/random.h"
#include "tests/sink/sink-fixture.h"
#include "tests/support/leaks.h"
#include "tests/support/raw-viewer.h"

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

using namespace restream;
using namespace restream::sinktest;
using test::RawViewer;
using Bytes = RawViewer::Bytes;

namespace {

// A sink, a viewer of each kind, and what the raw one has seen.
class Scene
{
public:
  explicit Scene (RawViewer::Options options = {}) : raw (options)
  {
    good.join (rig);
    Reply reply = rig.add_viewer (raw.offer ());
    fail_unless (gst_structure_has_name (reply.wait (), "rtprestream-viewer"),
        "%s", reply.text ("message").c_str ());
    id = reply.text ("viewer-id");
    answer = reply.text ("answer");
    raw.set_answer (answer);
    wait ("media at the raw viewer", [this] {
      return raw.video ().frames () > 3 && raw.audio ().packets () > 3;
    });
    good.wait_media ();
    fail_unless_equals_uint64 (rejected (), 0);
  }

  // Pumps the raw viewer meanwhile.
  void wait (const char *what, const std::function<bool ()> &condition)
  {
    wait_until (what, [&] {
      raw.pump ();
      return condition ();
    });
  }
  std::uint64_t stat (const char *field)
  {
    return number (stats_of (rig, id), field);
  }
  std::uint64_t rejected () { return stat ("rejected"); }
  void wait_rejected (std::uint64_t count)
  {
    wait ("bad datagrams to be counted", [&] { return rejected () >= count; });
    fail_unless_equals_uint64 (rejected (), count);
  }
  // Ten more pictures and sounds, without a loss; and the others saw nothing.
  void goes_on ()
  {
    std::uint64_t frames = raw.video ().frames (),
                  sounds = raw.audio ().packets (), others = 0;
    wait_until ("more media", [&] {
      raw.pump ();
      others = good.counter (Media::video).frames ();
      return raw.video ().frames () > frames + 10
          && raw.audio ().packets () > sounds + 10;
    });
    wait ("more media at the other viewer",
        [&] { return good.counter (Media::video).frames () > others + 3; });
    for (const test::RtpCounter *counter : {&raw.video (), &raw.audio (),
             &good.counter (Media::video), &good.counter (Media::audio)}) {
      fail_unless_equals_uint64 (counter->lost (), 0);
      fail_unless_equals_uint64 (counter->ssrc_changes (), 0);
    }
    fail_unless_equals_uint64 (raw.undecipherable (), 0);
    fail_unless_equals_uint64 (raw.other_packets (), 0);
    fail_if (raw.closed ());
    fail_if (rig.saw ("removed", id));
    fail_if (rig.saw ("removed", good.id ()));
  }

  Rig rig;
  Viewer good;
  RawViewer raw;
  std::string id, answer;
};

Bytes
random_bytes (std::size_t size)
{
  Bytes bytes (size);
  for (std::uint8_t &byte : bytes)
    byte = static_cast<std::uint8_t> (random_u32 ());
  return bytes;
}

} // namespace

GST_START_TEST (test_garbage)
{
  Scene scene;
  const unsigned stranger = scene.raw.open_socket ();
  // All first bytes, all kinds of lengths, from the viewer's own address: what is not
  // DTLS or RTCP is counted. (DTLS throws away what is no record, as RFC 6347 wants.)
  std::uint64_t counted = 0;
  for (unsigned first = 0; first < 256; first++) {
    for (std::size_t size : {1, 2, 12, 20, 40, 300, 1200, 1900}) {
      Bytes bytes = random_bytes (size);
      bytes[0] = static_cast<std::uint8_t> (first);
      scene.raw.send (0, bytes);
      scene.raw.send (stranger, bytes);
      counted += first < 20 || first > 63;
    }
    scene.raw.pump ();
  }
  scene.raw.send (0, Bytes (60000, 0x80)); // longer than is ever looked at
  scene.raw.send (0, {});
  counted++; // the empty one
  scene.wait_rejected (counted);
  scene.goes_on ();
  fail_unless_equals_uint64 (scene.raw.received (stranger), 0);
}
GST_END_TEST;

GST_START_TEST (test_forged_checks)
{
  Scene scene;
  RawViewer &raw = scene.raw;
  const unsigned stranger = raw.open_socket ();
  const RawViewer::CheckOptions wrong_password{
      .password = "0123456789abcdef0123456789abcdef"};
  const RawViewer::CheckOptions wrong_name{.ufrag = "nobody"};
  std::uint64_t counted = 0;
  for (unsigned socket : {0u, stranger}) {
    for (int i = 0; i < 20; i++) {
      raw.send (socket, raw.make_check (wrong_password));
      counted++;
      raw.send (socket, raw.make_check (wrong_name)); // nobody's: no count
    }
  }
  scene.wait_rejected (counted);

  // A real one, cut off at every length, and with each bit turned: never an answer.
  const Bytes check = raw.make_check ({});
  for (std::size_t size = 0; size < check.size (); size++)
    raw.send (stranger, {check.begin (), check.begin () + size});
  for (std::size_t bit = 0; bit < 8 * check.size (); bit++) {
    Bytes forged = check;
    forged[bit / 8] ^= static_cast<std::uint8_t> (1 << bit % 8);
    raw.send (stranger, forged);
  }
  scene.goes_on ();
  fail_unless_equals_uint64 (raw.received (stranger), 0);

  // Who says that we are to control is told who does not (487), and nothing changes.
  raw.send (0, raw.make_check ({.controlling = false}));
  scene.wait ("the answer to a role conflict",
      [&] { return raw.check_errors (487) == 1; });
  scene.goes_on ();
}
GST_END_TEST;

GST_START_TEST (test_forged_and_replayed_reports)
{
  Scene scene;
  RawViewer &raw = scene.raw;
  const unsigned stranger = raw.open_socket ();
  std::uint64_t counted = 0;
  const Bytes report = raw.make_receiver_report ();
  raw.send (0, report);
  for (int i = 0; i < 20; i++, counted++)
    raw.send (0, report); // replayed
  for (std::size_t bit = 0; bit < 8 * report.size (); bit++) {
    Bytes forged = raw.make_receiver_report ();
    forged[bit / 8] ^= static_cast<std::uint8_t> (1 << bit % 8);
    // Turned bits of the first byte may make it DTLS, which is not counted.
    counted += forged[0] < 20 || forged[0] > 63;
    raw.send (0, forged);
  }
  for (std::size_t size = 1; size < report.size (); size++, counted++) {
    const Bytes whole = raw.make_receiver_report ();
    raw.send (0, {whole.begin (), whole.begin () + size});
  }
  // Authentic, but not RTCP inside.
  raw.send (0, raw.make_rtcp ({0x81, 201, 0, 1, 0, 0, 0, 1}));
  counted++;
  scene.wait_rejected (counted);

  raw.send (0, raw.make_pli (raw.video ().ssrc ()));
  scene.wait ("the request for a keyframe",
      [&] { return scene.stat ("keyframe-requests") == 1; });

  // With the right keys, but from where no check has come: the stranger is asked a few
  // times who it is, but media stays where it is.
  for (int i = 0; i < 20; i++)
    raw.send (stranger, raw.make_pli (raw.video ().ssrc ()));
  scene.wait ("the requests from elsewhere",
      [&] { return scene.stat ("keyframe-requests") == 21; });
  scene.goes_on ();
  scene.goes_on ();
  fail_unless (raw.received (stranger) >= 1);
  fail_unless (raw.received (stranger) <= 4, "%" G_GUINT64_FORMAT,
      raw.received (stranger));
  fail_unless_equals_uint64 (scene.rejected (), counted);
  raw.send (stranger, report); // replayed
  raw.send (stranger, random_bytes (100)); // nobody's
  scene.wait_rejected (counted + 1);
}
GST_END_TEST;

GST_START_TEST (test_forged_and_replayed_dtls)
{
  for (bool server : {true, false}) {
    Scene scene ({.dtls_server = server});
    RawViewer &raw = scene.raw;
    const unsigned stranger = raw.open_socket ();
    const std::vector<Bytes> flight = raw.dtls_sent ();
    for (const Bytes &datagram : flight) {
      raw.send (0, datagram); // replayed
      raw.send (stranger, datagram);
      for (std::size_t size = 0; size < datagram.size (); size += 7)
        raw.send (0, {datagram.begin (), datagram.begin () + size});
      for (std::size_t bit = 0; bit < 8 * datagram.size (); bit += 13) {
        Bytes forged = datagram;
        forged[bit / 8] ^= static_cast<std::uint8_t> (1 << bit % 8);
        raw.send (0, forged);
        if (bit % 512 == 0)
          raw.pump ();
      }
    }
    // Alerts in the clear, of epoch 0 and of the one that is sealed.
    for (std::uint8_t epoch : {0, 1, 2}) {
      for (std::uint8_t level : {1, 2}) {
        for (std::uint8_t description : {0, 10, 20, 40, 80, 90})
          raw.send (0,
              {21, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 99, 0, 2, level,
                  description});
      }
    }
    scene.goes_on ();
    fail_unless_equals_uint64 (raw.received (stranger), 0);

    if (!server)
      continue;
    // The viewer's own goodbye, but from elsewhere: not yet. From here it is believed
    // once nothing more is heard.
    const Bytes goodbye = raw.make_close_notify ();
    for (int i = 0; i < 20; i++)
      raw.send (stranger, goodbye);
    scene.wait ("the counters to show that it goes on",
        [&, before = scene.stat ("video-packets")] {
          return scene.stat ("video-packets") > before + 30;
        });
    fail_if (scene.rig.saw ("removed", scene.id));
    raw.send (0, goodbye);
    wait_until ("the viewer to leave",
        [&] { return scene.rig.saw ("removed", scene.id); });
  }
}
GST_END_TEST;

// NAT rebinding: the viewer is the same, at another address, which another of the
// I/O threads may get.
GST_START_TEST (test_address_changes)
{
  Scene scene;
  RawViewer &raw = scene.raw;
  for (int i = 0; i < 12; i++) {
    const unsigned next = raw.open_socket (), before = next - 1;
    const std::uint64_t reports = scene.stat ("keyframe-requests");
    raw.move_to (next);
    scene.wait ("media at the new address",
        [&] { return raw.received (next) > 5; });
    // Its reports are heard from there, whichever thread gets them.
    raw.send (next, raw.make_pli (raw.video ().ssrc ()));
    scene.wait ("a request from the new address",
        [&] { return scene.stat ("keyframe-requests") == reports + 1; });
    scene.wait ("the old address to be left",
        [&, last = raw.received (before),
            frames = std::uint64_t{0}] () mutable {
          // Two pictures without a datagram there.
          if (raw.received (before) != last || frames == 0) {
            last = raw.received (before);
            frames = raw.video ().frames ();
          }
          return raw.video ().frames () > frames + 2;
        });
  }
  scene.goes_on ();
}
GST_END_TEST;

GST_START_TEST (test_nacks)
{
  for (bool rtx : {true, false}) {
    Scene scene ({.rtx = rtx, .transport_sequence_id = 4});
    RawViewer &raw = scene.raw;
    const std::uint32_t ssrc = raw.video ().ssrc ();
    raw.send (0, raw.make_nack (ssrc, raw.newest_video_sequence ()));
    scene.wait ("the retransmission", [&] {
      return scene.stat ("video-retransmitted") == 1
          && (!rtx || raw.retransmissions () == 1);
    });
    fail_unless_equals_uint64 (scene.stat ("nacks"), 1);
    // The very same packet under the same index is a replay, without RTX: refused by
    // SRTP where the first one came.
    if (!rtx)
      scene.wait ("the same packet again",
          [&] { return raw.undecipherable () == 1; });
    // What never was, another's, and what is to come.
    for (std::uint16_t ahead : {1000, 20000, 40000})
      raw.send (0,
          raw.make_nack (ssrc,
              static_cast<std::uint16_t> (
                  raw.newest_video_sequence () + ahead)));
    raw.send (0, raw.make_nack (ssrc + 1, raw.newest_video_sequence ()));
    scene.wait ("three more requests",
        [&] { return scene.stat ("nacks") == 4; });
    fail_unless_equals_uint64 (scene.stat ("video-retransmitted"), 1);
    if (rtx)
      scene.goes_on ();
  }
}
GST_END_TEST;

static Suite *
native_hostile_suite (void)
{
  Suite *s = suite_create ("native-hostile");
  TCase *tc = tcase_create ("hostile");
  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 150);
  add_viewer_fixtures (tc);
  tcase_add_test (tc, test_garbage);
  tcase_add_test (tc, test_forged_checks);
  tcase_add_test (tc, test_forged_and_replayed_reports);
  tcase_add_test (tc, test_forged_and_replayed_dtls);
  tcase_add_test (tc, test_address_changes);
  tcase_add_test (tc, test_nacks);
  return s;
}

GST_CHECK_MAIN (native_hostile)
