// SPDX-License-Identifier: LGPL-2.1-or-later
// What the hub makes of a stream, without an element around it and without a clock.
#include "plugin/sink/hub.h"
#include "tests/codec/recorded.h"
#include "tests/src/packets.h"

#include <algorithm>

using namespace restream;
using namespace restream::sink;
using recorded::Bytes;
using recorded::Stream;

namespace {

// Keeps what a transport would send.
class Line final : public transport::Transport
{
public:
  const negotiation::TransportCapabilities &capabilities () const override
  {
    return capabilities_;
  }
  Result<std::shared_ptr<transport::Viewer>> make_viewer (
      transport::ViewerConfig, transport::ViewerObserver &) override
  {
    return Error{Code::internal, "nobody watches"};
  }
  std::shared_ptr<transport::Invitation> invite (
      const transport::ViewerConfig &,
      const negotiation::StreamDescription &) override
  {
    return nullptr;
  }
  std::size_t max_invitations () const override { return 0; }
  void set_viewers (std::shared_ptr<const transport::ViewerList>) override {}
  void report (Media, const transport::SourceReport &report) override
  {
    reports.push_back (report);
  }
  void wait_torn_down () override {}
  void push (transport::PacketBatch &batch) override
  {
    for (unsigned i = 0; i < batch.size (); i++) {
      GstBuffer *buffer = gst_buffer_list_get (batch.packets (), i);
      Bytes bytes (gst_buffer_get_size (buffer));
      gst_buffer_extract (buffer, 0, bytes.data (), bytes.size ());
      if (batch.join_index () == i)
        joins.push_back (packets.size ());
      packets.push_back (std::move (bytes));
    }
  }

  std::vector<Bytes> packets;
  std::vector<std::size_t> joins; // indices of packets
  std::vector<transport::SourceReport> reports;

private:
  negotiation::TransportCapabilities capabilities_;
};

class Notes final : public StreamObserver
{
public:
  void waiting_for_keyframe (bool waiting) override
  {
    list.push_back (waiting ? "waiting" : "keyframe");
  }
  void b_frames () override { list.push_back ("b-frames"); }
  void large_packets (Media, std::size_t bytes) override
  {
    list.push_back ("large " + std::to_string (bytes));
  }
  void codec_changed (Media, const std::string &what) override
  {
    list.push_back (what);
  }

  std::vector<std::string> list;
};

struct Fixture
{
  Fixture () { hub.set_observer (&notes); }

  void caps (Media media, const std::string &fields)
  {
    const auto caps =
        Ref<GstCaps>::adopt (gst_caps_from_string (("application/x-rtp, media="
            + std::string (name_of (media)) + ", " + fields)
                                                       .c_str ()));
    g_assert_true (hub.set_caps (media, caps.get ()));
  }
  void video (const std::string &encoding_name)
  {
    caps (Media::video,
        "encoding-name=" + encoding_name + ", clock-rate=90000");
  }
  void push (const Bytes &packet)
  {
    auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    GstBuffer *buffer =
        gst_buffer_new_allocate (nullptr, packet.size (), nullptr);
    gst_buffer_fill (buffer, 0, packet.data (), packet.size ());
    gst_buffer_list_add (list.get (), buffer);
    hub.push (Media::video, std::move (list), now);
  }
  // A whole recording; each picture comes a tenth of a second after the one before.
  void push (const Stream &stream, std::uint32_t ssrc)
  {
    std::optional<std::uint32_t> timestamp;
    for (Bytes packet : stream.packets) {
      if (timestamp != be32 (packet, 4))
        now += 100 * GST_MSECOND;
      timestamp = be32 (packet, 4);
      put_be32 (packet, 8, ssrc);
      push (packet);
    }
  }
  const Hub::Counters &counters () const { return hub.counters (Media::video); }

  Line line;
  Hub hub{line};
  Notes notes;
  GstClockTime now = 0;
};

RtpPacket
parsed (const Bytes &bytes)
{
  const auto packet = parse_rtp (bytes);
  g_assert_true (packet.has_value ());
  return *packet;
}

// One SSRC, no gap in the sequence, time never back.
void
check_line (const std::vector<Bytes> &packets)
{
  for (std::size_t i = 1; i < packets.size (); i++) {
    const RtpPacket a = parsed (packets[i - 1]), b = parsed (packets[i]);
    g_assert_cmpuint (b.ssrc, ==, a.ssrc);
    g_assert_cmpuint (static_cast<std::uint16_t> (a.sequence + 1), ==,
        b.sequence);
    g_assert_cmpint (static_cast<std::int32_t> (b.timestamp - a.timestamp), >=,
        0);
    g_assert_cmpint (static_cast<std::int32_t> (b.timestamp - a.timestamp), <,
        2 * 90000);
  }
}

} // namespace

// Of a stream whose encoder tells its parameter sets in packets of their own: without those from
// this keyframe on.
static Stream
without_sets (Stream stream, unsigned from_keyframe)
{
  Stream result{stream.encoding_name, {}};
  unsigned keyframes = 0;
  std::uint16_t sequence = 100;
  for (Bytes &packet : stream.packets) {
    const unsigned type = parsed (packet).payload[0] & 0x1f;
    const bool set = type == 7 || type == 8;
    if (type == 7)
      keyframes++;
    if (set && keyframes > from_keyframe)
      continue;
    put_be16 (packet, 2, sequence++);
    result.packets.push_back (packet);
  }
  return result;
}

// The joins are at an SPS, a PPS behind it, the same ones each time.
static void
check_joins_have_sets (const Line &line)
{
  for (std::size_t join : line.joins) {
    g_assert_cmpuint (join + 1, <, line.packets.size ());
    for (std::size_t i : {0, 1}) {
      const Bytes &set = line.packets[join + i];
      g_assert_cmpuint (parsed (set).payload[0] & 0x1f, ==, 7 + i);
      g_assert_cmpuint (set[1] & 0x80, ==, 0);
      g_assert_true (std::ranges::equal (parsed (set).payload,
          parsed (line.packets[line.joins[0] + i]).payload));
    }
    g_assert_cmpuint (parsed (line.packets[join]).timestamp, ==,
        parsed (line.packets[join + 2]).timestamp);
  }
}

static void
parameter_sets_told_once ()
{
  const Stream stream = recorded::load ("h264-mode0");
  Fixture f;
  f.video ("H264");
  f.push (without_sets (stream, 1), 1);
  check_line (f.line.packets);
  g_assert_cmpuint (f.line.joins.size (), ==, 3);
  g_assert_cmpuint (f.line.packets.size (), ==, stream.packets.size ());
  check_joins_have_sets (f.line);
  g_assert_cmpuint (f.counters ().packets, ==, stream.packets.size ());
  g_assert_cmpuint (f.counters ().inserted, ==, 4);
}

// As x265 sends it: an IDR picture with its sets in one aggregate, then CRA pictures without.
static void
parameter_sets_of_h265 ()
{
  const Stream stream = recorded::load ("h265-gst");
  Fixture f;
  f.video ("H265");
  f.push (stream, 1);
  check_line (f.line.packets);
  g_assert_cmpuint (f.line.joins.size (), ==, 3);
  g_assert_cmpuint (f.line.packets.size (), ==, stream.packets.size () + 6);
  for (std::size_t join : {f.line.joins[1], f.line.joins[2]})
    for (unsigned i = 0; i < 3; i++) // VPS, SPS, PPS
      g_assert_cmpuint (parsed (f.line.packets[join + i]).payload[0] >> 1, ==,
          32 + i);
}

static void
parameter_sets_in_caps ()
{
  const Stream stream = recorded::load ("h264-mode0");
  std::string sprop;
  for (const Bytes &packet : stream.packets) {
    const RtpPacket rtp = parsed (packet);
    const unsigned type = rtp.payload[0] & 0x1f;
    if (type != 7 && type != 8)
      break;
    const Owned<char> text (
        g_base64_encode (rtp.payload.data (), rtp.payload.size ()));
    sprop += (sprop.empty () ? "" : ",") + std::string (text.get ());
  }
  Fixture f;
  f.caps (Media::video,
      "encoding-name=H264, clock-rate=90000, sprop-parameter-sets=(string)\""
          + sprop + "\"");
  f.push (without_sets (stream, 0), 1);
  check_line (f.line.packets);
  g_assert_cmpuint (f.line.joins.size (), ==, 3);
  g_assert_cmpuint (f.line.packets.size (), ==, stream.packets.size ());
  check_joins_have_sets (f.line);
}

// Each codec: one line over two senders, three join points of each, payloads untouched.
static void
recorded_streams ()
{
  for (const char *name : {"h264-slices", "h264-mode0", "h265-ffmpeg",
           "vp8-ffmpeg", "vp8-gst", "vp9-ffmpeg", "vp9-gst", "av1-libaom"}) {
    const Stream stream = recorded::load (name);
    Fixture f;
    f.video (stream.encoding_name);
    f.push (stream, 1);
    f.push (stream, 2);
    const std::size_t count = stream.packets.size ();
    g_assert_cmpuint (f.line.packets.size (), ==, 2 * count);
    check_line (f.line.packets);
    for (std::size_t i = 0; i < 2 * count; i++) {
      const RtpPacket in = parsed (stream.packets[i % count]),
                      out = parsed (f.line.packets[i]);
      // But for a bit that FFmpeg forgets in the first byte of VP9.
      g_assert_true (
          std::ranges::equal (out.payload.subspan (1), in.payload.subspan (1)));
      g_assert_true (out.payload[0] == in.payload[0]
          || std::string_view (name) == "vp9-ffmpeg");
    }
    g_assert_cmpuint (f.line.joins.size (), ==, 6);
    g_assert_cmpuint (f.counters ().join_points, ==, 6);
    g_assert_cmpuint (f.counters ().restarts, ==, 1);
    g_assert_cmpuint (f.counters ().lost + f.counters ().stray, ==, 0);
    g_assert_true (f.notes.list.empty ());
  }
}

static void
repeated_and_late_packets ()
{
  const Stream stream = recorded::load ("h264-slices");
  Fixture f;
  f.video ("H264");
  for (std::size_t i = 0; i + 1 < stream.packets.size (); i += 2) {
    // Pairs in the wrong order, each packet twice.
    for (std::size_t at : {i + (i > 0), i + (i == 0)}) {
      f.push (stream.packets[at]);
      f.push (stream.packets[at]);
    }
  }
  const std::size_t pairs = stream.packets.size () / 2;
  const std::size_t sets = 2; // put in where a keyframe overtook its own
  g_assert_cmpuint (f.line.packets.size (), ==, 2 * pairs + sets);
  g_assert_cmpuint (f.counters ().packets, ==, 2 * pairs + sets);
  g_assert_cmpuint (f.counters ().repeated, ==, 2 * pairs);
  g_assert_cmpuint (f.counters ().reordered, ==, pairs - 1);
  g_assert_cmpuint (f.counters ().lost, ==, 0);
  std::ranges::sort (f.line.packets, {},
      [base = parsed (f.line.packets[0]).sequence] (const Bytes &packet) {
        return static_cast<std::uint16_t> (parsed (packet).sequence - base);
      });
  check_line (f.line.packets);
}

static void
bad_packets_are_counted_and_go_nowhere ()
{
  const Bytes good = recorded::load ("vp8-ffmpeg").packets[0];
  Fixture f;
  f.video ("VP8");
  std::uint64_t bad = 0;
  auto refused = [&] (Bytes packet) {
    f.push (packet);
    g_assert_cmpuint (f.counters ().invalid, ==, ++bad);
  };
  for (std::size_t n = 0; n < 12; n++)
    refused (Bytes (good.begin (), good.begin () + static_cast<int> (n)));
  for (std::uint8_t version : {0x00, 0x40, 0xc0}) {
    Bytes packet = good;
    packet[0] = version;
    refused (packet);
  }
  Bytes packet = good;
  packet[0] |= 0x20; // padding: none, and more than there is
  packet.back () = 0;
  refused (packet);
  Bytes small (good.begin (), good.begin () + 14);
  small[0] |= 0x20;
  small.back () = 3;
  refused (small);
  packet = good;
  packet[0] |= 0x10; // an extension beyond the packet
  put_be16 (packet, 14, 0xffff);
  refused (packet);
  packet = Bytes (14, 0);
  packet[0] = 0x8f; // fifteen sources
  refused (packet);
  Bytes garbage (65507, 0xff);
  refused (garbage);
  g_assert_true (f.line.packets.empty ());
  g_assert_cmpuint (f.counters ().packets, ==, 0);

  // A payload that means nothing is RTP all the same.
  garbage.resize (1200);
  std::copy_n (good.begin (), 12, garbage.begin ());
  f.push (garbage);
  f.push (good); // the same number: it came before
  g_assert_cmpuint (f.counters ().packets, ==, 1);
  g_assert_cmpuint (f.counters ().repeated, ==, 1);
  g_assert_cmpuint (f.counters ().join_points, ==, 0);
}

// FFmpeg's own size is warned of once, and goes on; what is larger does not.
void
large_packets ()
{
  Fixture f;
  f.video ("VP8");
  packets::Rtp rtp;
  for (std::size_t size : {1400, 1401, 1472, 1500, 1501, 9000, 1400}) {
    rtp.sequence++;
    rtp.payload.assign (size - 12, 0x10);
    f.push (packets::rtp (rtp));
  }
  g_assert_true (f.notes.list == std::vector<std::string>{"large 1401"});
  g_assert_cmpuint (f.counters ().large, ==, 5);
  g_assert_cmpuint (f.line.packets.size (), ==, 5);
  // The viewers see that something is missing.
  g_assert_cmpuint (be16 (f.line.packets[4], 2), ==,
      static_cast<std::uint16_t> (be16 (f.line.packets[0], 2) + 6));
}

static void
b_frames_are_told_once_for_each_sender ()
{
  const Stream stream = recorded::load ("h264-b-frames");
  Fixture f;
  f.video ("H264");
  f.push (stream, 1);
  g_assert_true (f.notes.list == std::vector<std::string>{"b-frames"});
  g_assert_true (f.counters ().b_frames);
  f.push (recorded::load ("h264-mode0"), 2);
  g_assert_false (f.counters ().b_frames);
  f.push (stream, 3);
  g_assert_true (
      f.notes.list == (std::vector<std::string>{"b-frames", "b-frames"}));
  g_assert_true (f.counters ().b_frames);
}

static void
a_wait_for_keyframes_is_told ()
{
  Stream stream = recorded::load ("vp8-gst");
  Bytes delta = stream.packets[stream.packets.size () - 1];
  delta[12] &= 0xef; // not a frame's start
  Fixture f;
  f.video ("VP8");
  std::uint16_t sequence = 0;
  auto seconds = [&] (unsigned s) {
    for (unsigned i = 0; i < 10 * s; i++) {
      put_be16 (delta, 2, sequence++);
      put_be32 (delta, 4, sequence * 9000u);
      f.now += 100 * GST_MSECOND;
      f.push (delta);
    }
  };
  auto keyframe = [&] {
    for (Bytes packet : {stream.packets[0], delta}) {
      put_be16 (packet, 2, sequence++);
      put_be32 (packet, 4, sequence * 9000u);
      put_be32 (packet, 8, be32 (delta, 8));
      f.push (packet);
    }
  };
  using List = std::vector<std::string>;
  seconds (3);
  g_assert_true (f.notes.list.empty ());
  seconds (1);
  g_assert_true (f.notes.list == List{"waiting"});
  g_assert_true (f.counters ().waiting_for_keyframe);
  keyframe ();
  g_assert_true (f.notes.list == (List{"waiting", "keyframe"}));
  g_assert_false (f.counters ().waiting_for_keyframe);
  // GOPs of ten seconds are long, but not wrong.
  for (int i = 0; i < 3; i++) {
    seconds (10);
    keyframe ();
  }
  g_assert_cmpuint (f.notes.list.size (), ==, 2);
  seconds (16);
  g_assert_true (f.notes.list == (List{"waiting", "keyframe", "waiting"}));
  seconds (60); // said once
  g_assert_cmpuint (f.notes.list.size (), ==, 3);
}

static void
another_codec_is_told ()
{
  Fixture f;
  f.video ("H264");
  f.video ("H264"); // the same again, as with each new sender
  g_assert_true (f.notes.list.empty ());
  f.video ("vp8");
  g_assert_true (f.notes.list
      == std::vector<std::string>{
          "the stream's video is VP8 now, it was H264"});
  f.push (recorded::load ("vp8-gst"), 1);
  g_assert_cmpuint (f.line.joins.size (), ==, 3);
  f.caps (Media::audio, "encoding-name=OPUS, clock-rate=48000");
  f.caps (Media::audio, "encoding-name=PCMU, clock-rate=8000");
  g_assert_cmpuint (f.notes.list.size (), ==, 2);
  g_assert_true (f.hub.describe ().video->encoding_name == "VP8");
}

static void
reports_follow_the_line ()
{
  const Stream stream = recorded::load ("vp9-gst");
  Fixture f;
  f.video ("VP9");
  for (const std::uint32_t ssrc : {7u, 8u}) {
    f.push (stream, ssrc);
    const RtpPacket in = parsed (stream.packets.back ()),
                    out = parsed (f.line.packets.back ());
    f.hub.report (Media::video, ssrc, 0x1234, in.timestamp + 90);
    g_assert_cmpuint (f.line.reports.back ().rtp_time, ==, out.timestamp + 90);
  }
  f.hub.report (Media::video, 7, 0x1234, 0); // the one before
  g_assert_cmpuint (f.line.reports.size (), ==, 2);

  // The first report of a sender comes ahead of its first packet.
  const std::size_t before = f.line.packets.size ();
  const std::uint32_t first = parsed (stream.packets.front ()).timestamp;
  f.hub.report (Media::video, 9, 0x5678, first - 90);
  g_assert_cmpuint (f.line.reports.size (), ==, 2);
  f.push (stream, 9);
  g_assert_cmpuint (f.line.reports.size (), ==, 3);
  g_assert_cmpuint (f.line.reports.back ().ntp, ==, 0x5678);
  g_assert_cmpuint (f.line.reports.back ().rtp_time, ==,
      parsed (f.line.packets[before]).timestamp - 90);
  // Of nobody who came: forgotten.
  f.hub.report (Media::video, 11, 0x9abc, first);
  f.push (stream, 10);
  f.push (stream, 11);
  g_assert_cmpuint (f.line.reports.size (), ==, 3);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/sink/hub/parameter-sets-told-once",
      parameter_sets_told_once);
  g_test_add_func ("/sink/hub/parameter-sets-in-caps", parameter_sets_in_caps);
  g_test_add_func ("/sink/hub/parameter-sets-of-h265", parameter_sets_of_h265);
  g_test_add_func ("/sink/hub/recorded", recorded_streams);
  g_test_add_func ("/sink/hub/repeated-and-late", repeated_and_late_packets);
  g_test_add_func ("/sink/hub/bad", bad_packets_are_counted_and_go_nowhere);
  g_test_add_func ("/sink/hub/large-packets", large_packets);
  g_test_add_func ("/sink/hub/b-frames",
      b_frames_are_told_once_for_each_sender);
  g_test_add_func ("/sink/hub/keyframes", a_wait_for_keyframes_is_told);
  g_test_add_func ("/sink/hub/codec", another_codec_is_told);
  g_test_add_func ("/sink/hub/reports", reports_follow_the_line);
  return g_test_run ();
}
