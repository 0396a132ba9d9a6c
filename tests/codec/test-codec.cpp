// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/parameter-sets.h"
#include "plugin/codec/payload-format.h"
#include "tests/codec/recorded.h"
#include "tests/src/packets.h"

#include <algorithm>
#include <memory>

using namespace restream;
using namespace restream::codec;
using recorded::Stream;
using Payload = std::vector<std::uint8_t>;

namespace {

void
same (const std::string &is, const std::string &should_be)
{
  g_assert_cmpstr (is.c_str (), ==, should_be.c_str ());
}

// Of a block of its own, so that a sanitizer sees a read behind the end.
template <typename F>
auto
exactly (const Payload &payload, std::size_t size, F f)
{
  std::unique_ptr<std::uint8_t[]> copy (new std::uint8_t[size]);
  std::copy_n (payload.begin (), size, copy.get ());
  return f (codec::Bytes (copy.get (), size));
}

struct Case
{
  Payload payload;
  Begin begin;
};

void
check (const char *codec, std::initializer_list<Case> cases)
{
  auto format = make_payload_format (codec);
  std::size_t i = 0;
  for (const Case &c : cases) {
    const Begin found = exactly (c.payload, c.payload.size (),
        [&format] (auto b) { return format->begin (b); });
    if (found != c.begin)
      g_error ("%s, case %zu: %d", codec, i, static_cast<int> (found));
    i++;
  }
}

constexpr Begin kNothing = Begin::nothing, kParameters = Begin::parameters,
                kKey = Begin::keyframe, kBoth = Begin::parameters_and_keyframe;

std::string
parameter (const PayloadFormat &format, const char *name)
{
  for (const auto &[known, value] : format.parameters ()) {
    if (known == name)
      return value;
  }
  return "";
}

} // namespace

static void
h264_begin ()
{
  check ("H264",
      {
          {{}, kNothing},
          {{0x67, 0x42}, kParameters}, // SPS
          {{0x68, 0xce}, kNothing}, // PPS alone
          {{0x65, 0x88}, kKey}, // IDR slice
          {{0x41, 0x9a}, kNothing}, // non-IDR slice
          {{0x09, 0x10}, kNothing}, // access unit delimiter
          {{0x7c, 0x85, 1}, kKey}, // FU-A, start of an IDR slice
          {{0x7c, 0x05, 1}, kNothing}, // FU-A, middle of an IDR slice
          {{0x7c, 0x45, 1}, kNothing}, // FU-A, end of an IDR slice
          {{0x5c, 0x81, 1}, kNothing}, // FU-A, start of a non-IDR slice
          {{0x7c}, kNothing}, // FU-A without its header
          {{0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42}, kParameters}, // STAP-A
          {{0x78, 0, 2, 0x67, 0xce, 0, 2, 0x65, 0x88}, kBoth},
          {{0x78, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88}, kKey},
          {{0x78, 0, 2, 0x68, 0xce}, kNothing},
          {{0x78, 0, 9, 0x67}, kNothing}, // lying length
          {{0x78, 0, 0, 0x67}, kNothing}, // empty unit
          {{0x78, 0}, kNothing},
          {{0x78}, kNothing},
      });
}

static void
h265_begin ()
{
  check ("H265",
      {
          {{}, kNothing},
          {{0x40}, kNothing},
          {{0x40, 1, 0x0c}, kParameters}, // VPS
          {{0x42, 1, 1}, kParameters}, // SPS
          {{0x44, 1, 0xc0}, kNothing}, // PPS
          {{0x26, 1, 0xaf}, kKey}, // IDR_W_RADL
          {{0x28, 1, 0xaf}, kKey}, // IDR_N_LP
          {{0x2a, 1, 0xaf}, kKey}, // CRA
          {{0x20, 1, 0xaf}, kKey}, // BLA
          {{0x02, 1, 0xd0}, kNothing}, // TRAIL_R
          {{0x4e, 1, 5}, kNothing}, // SEI
          {{0x62, 1, 0x93, 1}, kKey}, // fragment, start of an IDR
          {{0x62, 1, 0x13, 1}, kNothing}, // its middle
          {{0x62, 1, 0x53, 1}, kNothing}, // its end
          {{0x62, 1, 0x81, 1}, kNothing}, // start of another slice
          {{0x62, 1}, kNothing}, // without its header
          {{0x60, 1, 0, 3, 0x40, 1, 1, 0, 3, 0x26, 1, 1}, kBoth}, // aggregate
          {{0x60, 1, 0, 3, 0x40, 1, 1, 0, 3, 0x42, 1, 1}, kParameters},
          {{0x60, 1, 0, 1, 0x26, 0, 0}, kNothing}, // a unit of one byte
          {{0x60, 1, 0, 9, 0x26, 1}, kNothing}, // lying length
          {{0x60, 1, 0}, kNothing},
      });
}

static void
vp8_begin ()
{
  check ("VP8",
      {
          {{}, kNothing},
          {{0x10, 0x50, 0x01, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x10, 0x51, 0x01, 0, 0x9d, 1, 0x2a}, kNothing}, // inter frame
          {{0x10, 0x50, 0x01, 0, 0x9d, 1, 0x2b}, kNothing}, // no start code
          {{0x10, 0x50, 0x01, 0, 0x9d, 1}, kNothing}, // cut
          {{0x00, 0x50, 0x01, 0, 0x9d, 1, 0x2a}, kNothing}, // not its start
          {{0x11, 0x50, 0x01, 0, 0x9d, 1, 0x2a}, kNothing}, // partition 1
          {{0x30, 0x50, 0x01, 0, 0x9d, 1, 0x2a}, kKey}, // non-reference bit
          // Picture id of 7 and of 15 bits, TL0PICIDX, TID and KEYIDX.
          {{0x90, 0x80, 0x7f, 0x50, 1, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x90, 0x80, 0x80, 0, 0x50, 1, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x90, 0xf0, 0x80, 0, 7, 8, 0x50, 1, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x90, 0x40, 7, 0x50, 1, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x90, 0x10, 7, 0x50, 1, 0, 0x9d, 1, 0x2a}, kKey},
          {{0x90}, kNothing},
          {{0x90, 0x80}, kNothing},
          {{0x90, 0x80, 0x80}, kNothing},
          {{0x90, 0xf0, 0x80, 0, 7, 8}, kNothing},
      });
}

static void
vp9_begin ()
{
  // A frame's beginning: marker 2, profile 0, key, shown, sync code.
  const Payload key{0x82, 0x49, 0x83, 0x42, 0};
  const Payload inter{0x86, 0x00, 0x40, 0x92, 0x9c};
  const auto with = [] (Payload descriptor, const Payload &frame) {
    packets::append (descriptor, frame);
    return descriptor;
  };
  check ("VP9",
      {
          {{}, kNothing}, {with ({0x08}, key), kKey},
          {with ({0x08}, inter), kNothing}, // FFmpeg never sets P
          {with ({0x48}, key), kNothing}, // P
          {with ({0x00}, key), kNothing}, // not its start
          {with ({0x88, 0x7f}, key), kKey}, // picture id of 7 bits
          {with ({0x88, 0x80, 1}, key), kKey}, // of 15
          {with ({0xa8, 0x80, 1, 0x00, 5}, key), kKey}, // layer 0, TL0PICIDX
          {with ({0xa8, 0x80, 1, 0x02, 5}, key), kNothing}, // SID 1
          {with ({0xb8, 0x80, 1, 0x00}, key), kKey}, // flexible mode
          // A scalability structure: two layers with sizes, a group of two pictures.
          {with ({0x8a, 1, 0x38, 0, 64, 0, 48, 0, 128, 0, 96, 2, 0x04, 1, 0x08,
                     1, 2},
               key),
              kKey},
          {{0x8a, 1, 0x38, 0, 64, 0, 48, 0, 128, 0, 96, 2, 0x04, 1, 0x08, 1},
              kNothing},
          {{0x0a, 0x08, 0xff, 0x0c}, kNothing}, // a group that is not there
          {{0x88}, kNothing}, {{0xa8, 1}, kNothing}, {{0x08}, kNothing},
          {{0x08, 0x82, 0x49, 0x83}, kNothing}, // cut
          {with ({0x08}, {0x88}), kNothing}, // shows an older frame
      });
}

// FFmpeg's frames bear the bit P as GStreamer's do, and nothing else is changed.
static void
vp9_mend ()
{
  for (const char *name : {"vp9-ffmpeg", "vp9-gst", "vp8-ffmpeg"}) {
    const Stream stream = recorded::load (name);
    const bool ffmpeg_vp9 = !g_strcmp0 (name, "vp9-ffmpeg");
    auto format = make_payload_format (stream.encoding_name);
    unsigned pictures = 0, mended = 0;
    std::optional<std::uint32_t> timestamp;
    for (const Payload &bytes : stream.packets) {
      const auto packet = parse_rtp (bytes);
      pictures += timestamp != packet->timestamp;
      timestamp = packet->timestamp;
      const Payload before (packet->payload.begin (), packet->payload.end ());
      Payload after = before;
      format->mend (after);
      if (stream.encoding_name == "VP9")
        g_assert_cmpint (after[0] >> 6 & 1, ==, (pictures - 1) % 4 != 0);
      mended += after != before;
      after[0] = before[0];
      g_assert_true (after == before);
    }
    g_assert_cmpint (mended > 0, ==, ffmpeg_vp9);
  }
  // The rest of a frame whose beginning was not seen.
  auto format = make_payload_format ("VP9");
  Payload middle{0x00, 1, 2}, nothing;
  format->mend (middle);
  format->mend (nothing);
  g_assert_cmpint (middle[0], ==, 0);
}

static void
av1_begin ()
{
  check ("AV1",
      {
          {{}, kNothing}, {{0x08}, kNothing}, {{0x18, 0x08, 0x00}, kKey}, // N
          {{0x98, 0x08, 0x00}, kNothing}, // but it continues another OBU
          {{0x10, 0x08, 0x00}, kParameters}, // a sequence header alone
          {{0x20, 0x02, 0x08, 0x00, 0x30, 0x10}, kKey}, // and a key frame
          {{0x20, 0x02, 0x08, 0x00, 0x30, 0x30}, kParameters}, // inter frame
          {{0x10, 0x30, 0x30}, kNothing}, {{0x10, 0x30, 0x10}, kKey},
          {{0x10, 0x34, 0x08, 0x10}, kKey}, // with an extension
          {{0x10, 0x32, 0x01, 0x10}, kKey}, // with its size
          {{0x10, 0x30, 0x90}, kNothing}, // shows an older frame
          {{0x50, 0x30, 0x10}, kKey}, // goes on in the next packet
          {{0x00, 0x02, 0x30, 0x10}, kKey}, // not counted
          {{0x00, 0x09, 0x30, 0x10}, kNothing}, // lying length
          {{0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0x30}, kNothing},
          {{0x00, 0x80}, kNothing},
          {{0x10, 0xb0, 0x10}, kNothing}, // forbidden bit
          {{0x00, 0x00, 0x00, 0x02, 0x30, 0x10}, kKey}, // empty ones first
      });
}

// Keyframes are where the encoder was told to make them, and a payload that is cut
// anywhere is no reason to read behind its end.
static void
recorded_streams ()
{
  struct
  {
    const char *name;
    std::vector<unsigned> keyframes;
    std::vector<std::pair<const char *, const char *>> parameters;
  } cases[] = {
      {"h264-slices", {0, 4, 8}, {{"profile-level-id", "42d00b"}}},
      {"h264-mode0", {0, 4, 8}, {{"profile-level-id", "42c00a"}}},
      {"h264-b-frames", {0}, {{"profile-level-id", "64000a"}}},
      {"h265-ffmpeg", {0, 4, 8},
          {{"profile-id", "1"}, {"tier-flag", "0"}, {"level-id", "30"}}},
      {"h265-gst", {0, 4, 8}, {{"tier-flag", "0"}}},
      {"vp8-ffmpeg", {0, 4, 8}, {}},
      {"vp8-gst", {0, 4, 8}, {}},
      {"vp9-ffmpeg", {0, 4, 8}, {{"profile-id", "0"}}},
      {"vp9-gst", {0, 4, 8}, {}},
      {"av1-libaom", {0, 4, 8},
          {{"profile", "0"}, {"level-idx", "0"}, {"tier", "0"}}},
  };
  for (const auto &c : cases) {
    const Stream stream = recorded::load (c.name);
    auto format = make_payload_format (stream.encoding_name);
    std::vector<unsigned> keyframes;
    unsigned pictures = 0, learnt = 0;
    std::optional<std::uint32_t> timestamp;
    for (const Payload &bytes : stream.packets) {
      const auto packet = parse_rtp (bytes);
      g_assert_true (packet.has_value ());
      pictures += timestamp != packet->timestamp;
      timestamp = packet->timestamp;
      if (format->begin (packet->payload) >= Begin::keyframe
          && (keyframes.empty () || keyframes.back () != pictures - 1))
        keyframes.push_back (pictures - 1);
      learnt += format->learn (packet->payload);

      const Payload payload (packet->payload.begin (), packet->payload.end ());
      auto victim = make_payload_format (stream.encoding_name);
      for (std::size_t n = 0; n <= std::min<std::size_t> (64, payload.size ());
           n++)
        exactly (payload, n, [&victim] (auto b) {
          victim->begin (b);
          return victim->learn (b);
        });
    }
    g_test_message ("%s: %u pictures", c.name, pictures);
    g_assert_cmpuint (pictures, ==, 9);
    if (keyframes != c.keyframes)
      g_error ("%s: %zu keyframes", c.name, keyframes.size ());
    // Said once, however often it is repeated.
    g_assert_cmpuint (learnt, ==, stream.encoding_name != "VP8");
    for (const auto &[name, value] : c.parameters)
      same (parameter (*format, name), value);
    const Parameters before = format->parameters ();
    format->forget ();
    g_assert_true (format->parameters ().empty ());
    for (const Payload &bytes : stream.packets)
      format->learn (parse_rtp (bytes)->payload);
    g_assert_true (format->parameters () == before);
  }
}

static void
h264_sets_in_single_units ()
{
  auto format = make_payload_format ("h264");
  g_assert_false (format->learn (Payload{0x65, 0x88}));
  g_assert_false (format->learn (packets::kSps));
  g_assert_true (format->parameters ().empty ());
  g_assert_true (format->learn (packets::kPps));
  same (parameter (*format, "profile-level-id"), packets::kProfileLevelId);
  same (parameter (*format, "sprop-parameter-sets"), packets::kSprop);
  // The same again is nothing new.
  g_assert_false (format->learn (packets::kSps));
  g_assert_false (format->learn (packets::kPps));
}

static void
h264_sets_in_stap_a ()
{
  auto format = make_payload_format ("H264");
  g_assert_true (format->learn (
      packets::stap_a ({packets::kSps, packets::kPps, {0x65, 0x88}})));
  same (parameter (*format, "sprop-parameter-sets"), packets::kSprop);

  // Cut anywhere: the whole sets count, nothing beyond the bytes is read.
  const Payload stap = packets::stap_a ({packets::kSps, packets::kPps});
  for (std::size_t n = 0; n <= stap.size (); n++) {
    auto cut = make_payload_format ("H264");
    g_assert_cmpint (
        exactly (stap, n, [&cut] (auto b) { return cut->learn (b); }), ==,
        n == stap.size ());
  }
}

static void
h264_sets_change ()
{
  auto format = make_payload_format ("H264");
  const Payload both = packets::stap_a ({packets::kSps, packets::kPps});
  g_assert_true (format->learn (both));
  Payload other = packets::kSps;
  other[3] = 0x29; // another level
  // Not before its picture parameters are there too.
  g_assert_false (format->learn (other));
  g_assert_true (format->learn (packets::kPps));
  same (parameter (*format, "profile-level-id"), "42c029");
}

static void
h264_sets_are_bounded ()
{
  auto format = make_payload_format ("H264");
  g_assert_true (
      format->learn (packets::stap_a ({packets::kSps, packets::kPps})));
  const Parameters before = format->parameters ();
  Payload huge (ParameterSets::kMaxSetBytes + 1, 0xff);
  huge[0] = 0x67;
  g_assert_false (format->learn (huge));
  g_assert_false (format->learn (Payload{0x67, 0x42, 0xc0, 0x1e})); // no id
  g_assert_false (
      format->learn (Payload{0x67, 0x42, 0xc0, 0x1e, 0, 0, 0, 0x80}));
  g_assert_true (format->parameters () == before);
  // More picture parameter ids than are kept: ue(v) 1 to 62.
  for (unsigned id = 1; id <= 62; id++) {
    const unsigned code = id + 1, digits = 1 + g_bit_nth_msf (code, -1);
    Payload pps{0x68};
    packets::put (pps, code << (32 - 2 * digits + 1), 4);
    format->learn (pps);
  }
  const std::string all = parameter (*format, "sprop-parameter-sets");
  g_assert_cmpuint (std::ranges::count (all, ','), ==, ParameterSets::kMaxSets);
}

static void
the_table ()
{
  struct
  {
    const char *name;
    Media media;
    unsigned rate;
  } cases[] = {{"H264", Media::video, 90000}, {"h265", Media::video, 90000},
      {"VP8", Media::video, 90000}, {"VP9", Media::video, 90000},
      {"AV1", Media::video, 90000}, {"opus", Media::audio, 48000},
      {"PCMU", Media::audio, 8000}, {"PCMA", Media::audio, 8000},
      {"G722", Media::audio, 8000}};
  for (const auto &c : cases) {
    const CodecInfo *info = find_codec (c.name);
    g_assert_nonnull (info);
    g_assert_true (info->media == c.media);
    g_assert_cmpuint (info->clock_rate, ==, c.rate);
    g_assert_cmpint (make_payload_format (c.name) != nullptr, ==,
        c.media == Media::video);
  }
  g_assert_null (find_codec ("H26"));
  g_assert_null (find_codec (""));
  g_assert_null (make_payload_format ("MP4V-ES").get ());
  same (find_codec (Media::audio, 9)->encoding_name, "G722");
  g_assert_null (find_codec (Media::video, 0));
  g_assert_null (find_codec (Media::audio, 111));
}

// What one format has learnt from a stream, another takes from its SDP, and gives the same sets.
static void
parameter_sets_by_way_of_the_sdp ()
{
  for (const char *name : {"h264-slices", "h264-mode0", "h265-ffmpeg"}) {
    const auto stream = recorded::load (name);
    auto heard = make_payload_format (stream.encoding_name);
    g_assert_true (heard->parameter_sets ().empty ());
    for (const auto &packet : stream.packets)
      heard->learn (parse_rtp (packet)->payload);
    auto told = make_payload_format (stream.encoding_name);
    told->learn_from (heard->parameters ());
    const auto a = heard->parameter_sets (), b = told->parameter_sets ();
    g_assert_cmpuint (a.size (), ==, name[2] == '6' && name[3] == '4' ? 2 : 3);
    g_assert_true (std::ranges::equal (a, b,
        [] (Bytes x, Bytes y) { return std::ranges::equal (x, y); }));
    told->forget ();
    g_assert_true (told->parameter_sets ().empty ());
  }
}

static void
bad_parameter_sets_of_an_sdp ()
{
  for (const char *text : {"", ",", ",,,,", "A", "Zw", "!!!!",
           "Z0IAH5Y1QPAET8s=", "aM48gA==", "////////", "AAAA,BBBB"}) {
    auto h264 = make_payload_format ("H264");
    h264->learn_from ({{"sprop-parameter-sets", text}});
    g_assert_true (h264->parameter_sets ().empty ());
    auto h265 = make_payload_format ("H265");
    h265->learn_from (
        {{"sprop-vps", text}, {"sprop-sps", text}, {"sprop-pps", text}});
    g_assert_true (h265->parameter_sets ().empty ());
  }
  auto vp8 = make_payload_format ("VP8");
  vp8->learn_from ({{"sprop-parameter-sets", "Z0IAH5Y1QPAET8s=,aM48gA=="}});
  g_assert_true (vp8->parameter_sets ().empty ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/codec/table", the_table);
  g_test_add_func ("/codec/h264/begin", h264_begin);
  g_test_add_func ("/codec/h265/begin", h265_begin);
  g_test_add_func ("/codec/vp8/begin", vp8_begin);
  g_test_add_func ("/codec/vp9/begin", vp9_begin);
  g_test_add_func ("/codec/vp9/mend", vp9_mend);
  g_test_add_func ("/codec/av1/begin", av1_begin);
  g_test_add_func ("/codec/recorded", recorded_streams);
  g_test_add_func ("/codec/h264/single-units", h264_sets_in_single_units);
  g_test_add_func ("/codec/h264/stap-a", h264_sets_in_stap_a);
  g_test_add_func ("/codec/h264/change", h264_sets_change);
  g_test_add_func ("/codec/h264/bounded", h264_sets_are_bounded);
  g_test_add_func ("/codec/sets-by-sdp", parameter_sets_by_way_of_the_sdp);
  g_test_add_func ("/codec/bad-sets-of-sdp", bad_parameter_sets_of_an_sdp);
  return g_test_run ();
}
