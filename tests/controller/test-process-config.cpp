// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/process-config.h"
#include "controller/process/rtp-legs.h"

using namespace restream;

// Not g_assert_cmpstr: its operands would outlive a temporary string.
#define assert_text(a, b) g_assert_true (texts_equal (a, b))

static bool
texts_equal (const std::string &a, const std::string &b)
{
  if (a != b)
    g_test_message ("'%s' is not '%s'", a.c_str (), b.c_str ());
  return a == b;
}

namespace {

Result<void>
merge (ProcessConfig &config, const std::string &text)
{
  auto root = parse_json (text);
  if (!root)
    return root.error ();
  g_assert_true (JSON_NODE_HOLDS_OBJECT (root->get ()));
  return config.merge (json_node_get_object (root->get ()));
}

ProcessConfig
parsed (const char *text)
{
  ProcessConfig config;
  auto ok = merge (config, text);
  if (!ok)
    g_test_message ("%s", ok.error ().what.c_str ());
  g_assert_true (ok.has_value ());
  return config;
}

std::string
written (const ProcessConfig &config)
{
  JsonWriter json;
  config.write (json);
  return json.take ();
}

constexpr const char *kFull = R"({"id":"t1","type":"ffmpeg","reference":"refA",
 "input":[{"id":"in0","address":"rtsp://x/<&>","options":["-re"]}],
 "output":[{"id":"o","address":"-","options":["-f","null"],
   "cleanup":[{"pattern":"memfs:/x_*.ts","max_files":5,"max_file_age_seconds":0,"purge_on_delete":true}]}],
 "options":["-y"],"reconnect":true,"reconnect_delay_seconds":3,"autostart":false,"stale_timeout_seconds":10,
 "limits":{"cpu_usage":12.5,"memory_mbytes":7,"waitfor_seconds":2},
 "webrtc":{"enabled":true,"video_pt":96,"audio_pt":97,"video_map":"0:v:1","audio_map":"none","force_transcode":true,"transport":"native","video_codec":"vp8","audio_codec":"g722"}})";

void
reads_and_writes_all_fields ()
{
  ProcessConfig config = parsed (kFull);
  // What is written is read back as the same.
  ProcessConfig again = parsed (written (config).c_str ());
  g_assert_true (config == again);
  assert_text (written (config),
      R"({"id":"t1","type":"ffmpeg","reference":"refA",)"
      R"("input":[{"id":"in0","address":"rtsp://x/\u003c\u0026\u003e","options":["-re"]}],)"
      R"("output":[{"id":"o","address":"-","options":["-f","null"],)"
      R"("cleanup":[{"pattern":"memfs:/x_*.ts","max_files":5,"max_file_age_seconds":0,"purge_on_delete":true}]}],)"
      R"("options":["-y"],"reconnect":true,"reconnect_delay_seconds":3,"autostart":false,)"
      R"("stale_timeout_seconds":10,"limits":{"cpu_usage":12.5,"memory_mbytes":7,"waitfor_seconds":2},)"
      R"("webrtc":{"enabled":true,"video_pt":96,"audio_pt":97,"video_map":"0:v:1","audio_map":"none","force_transcode":true,"transport":"native","video_codec":"vp8","audio_codec":"g722"}})");
}

void
defaults_and_lists_never_null ()
{
  ProcessConfig config = parsed (
      R"({"id":"x","input":[{"address":"a","options":null}],"output":[{"address":"b","cleanup":null}],
          "limits":null,"options":null,"webrtc":null,"scheduler":null,"metadata":{},"domain":""})");
  g_assert_true (config.autostart);
  g_assert_false (config.webrtc.enabled);
  g_assert_cmpstr (config.type.c_str (), ==, "ffmpeg");
  config.fill_ids ();
  g_assert_cmpuint (config.input[0].id.size (), ==, 22);
  g_assert_true (config.validate ().has_value ());
  g_assert_true (written (config).find ("null") == std::string::npos);
}

void
merge_keeps_what_is_not_named ()
{
  ProcessConfig config = parsed (kFull);
  g_assert_true (
      merge (config, R"({"input":[{"address":"x"}],"reconnect":null})")
          .has_value ());
  g_assert_cmpstr (config.input[0].id.c_str (), ==, "in0");
  g_assert_cmpstr (config.input[0].address.c_str (), ==, "x");
  g_assert_cmpuint (config.input[0].options.size (), ==, 1);
  g_assert_true (config.reconnect);
  g_assert_true (config.webrtc == parsed (kFull).webrtc);
  g_assert_true (
      merge (config, R"({"webrtc":{"enabled":false},"options":null})")
          .has_value ());
  g_assert_false (config.webrtc.enabled);
  g_assert_cmpuint (config.webrtc.video_pt, ==, 96);
  g_assert_cmpuint (config.options.size (), ==, 0);
  // A shorter list cuts, a longer one adds.
  g_assert_true (merge (config, R"({"input":[{},{"id":"in1","address":"y"}]})")
                     .has_value ());
  g_assert_cmpuint (config.input.size (), ==, 2);
  g_assert_cmpstr (config.input[0].address.c_str (), ==, "x");
}

void
wrong_types ()
{
  for (const char *text : {R"({"id":5})", R"({"input":{}})", R"({"input":[5]})",
           R"({"input":[{"options":"-re"}]})", R"({"input":[{"options":[1]}]})",
           R"({"output":[{"cleanup":[1]}]})", R"({"reconnect":"yes"})",
           R"({"reconnect":1})", R"({"reconnect_delay_seconds":-1})",
           R"({"reconnect_delay_seconds":1.5})",
           R"({"stale_timeout_seconds":1e300})",
           R"({"reconnect_delay_seconds":9007199254740993})",
           R"({"limits":[]})", R"({"limits":{"cpu_usage":"x"}})",
           R"({"webrtc":true})", R"({"webrtc":{"video_codec":"H264"}})",
           R"({"webrtc":{"video_codec":"opus"}})",
           R"({"webrtc":{"audio_codec":"aac"}})",
           R"({"webrtc":{"audio_codec":1}})", R"({"webrtc":{"video_pt":95}})",
           R"({"webrtc":{"audio_pt":128}})"}) {
    ProcessConfig config;
    auto ok = merge (config, text);
    if (ok)
      g_test_message ("accepted: %s", text);
    g_assert_false (ok.has_value ());
    g_assert_true (ok.error ().code == Code::bad_request);
  }
}

void
bad_json ()
{
  std::string deep (200000, '[');
  std::string quoted = "/*\"*/" + deep;
  for (const std::string &text :
      {std::string (""), std::string ("{"), deep, quoted,
          std::string ("{\"a\":1}}"), std::string ("{\"a\":\"\\u0000\"}"),
          std::string ("{\"a\":\"\xff\"}"), std::string ("{\"a\":\"b"),
          std::string ("{\"a\":1\0}", 8), std::string ("// x\n{}"),
          std::string ("{\"a\":\"x\ny\"}"), std::string ("{} {}"),
          std::string ("\"a\"{\"b\":{}"), std::string ("1 2"),
          std::string ("{},"), std::string ("\"a\\q\""), std::string ("\\"),
          std::string ("tru"), std::string ("nan"), std::string ("\v1")})
    g_assert_false (parse_json (text).has_value ());
  for (const char *text : {" {} ", "[1, 2]", "-1.5e+3", "\"a b\"", " null\n",
           "\"\\u00e4\\\"\\/\"", "true", "[false,null]"})
    g_assert_true (parse_json (text).has_value ());
}

void
json_numbers ()
{
  for (const char *text :
      {"01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1.5.5", "1-1",
          "--1", "9223372036854775808", "-9223372036854775809",
          "123456789012345678901234567890", "1e999", "-1e999"})
    if (parse_json (text))
      g_error ("accepted: %s", text);
  struct
  {
    const char *text;
    double value;
  } const good[] = {{"0", 0}, {"-0", 0}, {"10", 10}, {"-1.50", -1.5},
      {"1E5", 1e5}, {"2e-3", 2e-3}, {"1e308", 1e308},
      {"123456789012345678901234567890.0", 123456789012345678901234567890.0}};
  for (const auto &[text, value] : good) {
    auto root = parse_json (text);
    g_assert_true (root.has_value ());
    g_assert_cmpfloat (json_node_get_double (root->get ()), ==, value);
  }
  for (const char *text : {"9223372036854775807", "-9223372036854775808"}) {
    auto root = parse_json (text);
    g_assert_true (root.has_value ());
    std::string number = std::to_string (json_node_get_int (root->get ()));
    g_assert_cmpstr (number.c_str (), ==, text);
  }
}

void
validation ()
{
  struct
  {
    const char *change, *message;
  } const cases[] = {
      {R"({"id":" "})", "an empty ID is not allowed"},
      {R"({"input":[{"id":"x","address":"a"},{"id":"x","address":"b"}]})",
          "the input ID 'x' is already in use for the process `t1`"},
      {R"({"output":[{"id":"o","address":""}]})",
          "the address for output '#t1:o' must not be empty"},
      {R"({"webrtc":{"audio_pt":96,"audio_map":""}})",
          "webrtc: video_pt and audio_pt are the same"},
      {R"({"webrtc":{"video_map":"none"}})", "webrtc: neither video nor audio"},
      {R"({"webrtc":{"video_map":"-y"}})",
          "webrtc.video_map: not a stream specifier"},
      {R"({"webrtc":{"audio_map":"0:a -y"}})",
          "webrtc.audio_map: not a stream specifier"},
  };
  for (const auto &c : cases) {
    ProcessConfig config = parsed (kFull);
    g_assert_true (config.validate ().has_value ());
    g_assert_true (merge (config, c.change).has_value ());
    auto ok = config.validate ();
    g_assert_false (ok.has_value ());
    g_assert_cmpstr (ok.error ().what.c_str (), ==, c.message);
  }
  ProcessConfig config = parsed (kFull);
  config.id = std::string (kMaxIdLength + 1, 'x');
  g_assert_false (config.validate ().has_value ());
}

std::string
joined (const std::vector<std::string> &words)
{
  std::string text;
  for (const std::string &word : words)
    text += (text.empty () ? "" : "|") + word;
  return text;
}

void
arguments ()
{
  assert_text (joined (parsed (kFull).arguments ()),
      "-y|-re|-i|rtsp://x/<&>|-f|null|-");
}

void
legs_copy ()
{
  assert_text (joined (rtp_leg_arguments ({}, 5000, 1700000000000001)),
      "-map|0:v:0|-c:v|copy|-bsf:v|h264_mp4toannexb,dump_extra=freq=keyframe"
      "|-payload_type|102|-start_time_realtime|1700000000000001|-rtpflags|send_"
      "bye|-f|rtp|udp://"
      "127.0.0.1:5000?pkt_size=1200"
      "|-map|0:a:0|-c:a|copy|-bsf:a|opus_metadata|-payload_type|111|-start_"
      "time_realtime|1700000000000001|-rtpflags|"
      "send_bye|-f|rtp|udp://"
      "127.0.0.1:5001?pkt_size=1200");
}

void
legs_options ()
{
  std::string video =
      joined (rtp_leg_arguments (parsed (kFull).webrtc, 65534, 1));
  g_assert_true (video.starts_with ("-map|0:v:1|-c:v|libvpx|"));
  g_assert_true (video.ends_with (
      "|-payload_type|96|-start_time_realtime|1|-rtpflags|send_bye|-f|rtp|"
      "udp://127.0.0.1:65534?pkt_size=1200"));
  g_assert_null (strstr (video.c_str (), "-c:a"));

  WebrtcOptions audio_only;
  audio_only.video_map = "none";
  audio_only.audio_map = "1:a:2";
  audio_only.audio_pt = 98;
  audio_only.force_transcode = true;
  std::string audio = joined (rtp_leg_arguments (audio_only, 5000, 1));
  g_assert_true (audio.starts_with ("-map|1:a:2|-c:a|libopus|"));
  g_assert_true (audio.ends_with (
      "|-payload_type|98|-start_time_realtime|1|-rtpflags|send_bye|-f|rtp|"
      "udp://127.0.0.1:5001?pkt_size=1200"));
  g_assert_null (strstr (audio.c_str (), "-c:v"));
}

void
legs_of_every_codec ()
{
  struct
  {
    Media media;
    const char *name, *encoding, *encoder, *copy;
  } cases[] = {
      {Media::video, "h264", "H264", "libx264",
          "-c:v|copy|-bsf:v|h264_mp4toannexb,dump_extra=freq=keyframe"},
      {Media::video, "h265", "H265", "libx265",
          "-c:v|copy|-bsf:v|hevc_mp4toannexb,dump_extra=freq=keyframe"},
      {Media::video, "vp8", "VP8", "libvpx", "-c:v|copy"},
      {Media::video, "vp9", "VP9", "libvpx-vp9",
          "-c:v|copy|-bsf:v|vp9_metadata|-strict|experimental"},
      {Media::video, "av1", "AV1", "libaom-av1",
          "-c:v|copy|-bsf:v|av1_metadata|-strict|experimental"},
      {Media::audio, "opus", "OPUS", "libopus",
          "-c:a|copy|-bsf:a|opus_metadata"},
      {Media::audio, "pcmu", "PCMU", "pcm_mulaw", "-c:a|copy"},
      {Media::audio, "pcma", "PCMA", "pcm_alaw", "-c:a|copy"},
      {Media::audio, "g722", "G722", "g722", "-c:a|copy"},
  };
  for (const auto &c : cases) {
    const LegCodec *codec = find_leg_codec (c.media, c.name);
    g_assert_nonnull (codec);
    g_assert_cmpstr (codec->encoding_name, ==, c.encoding);
    const bool video = c.media == Media::video;
    WebrtcOptions options;
    (video ? options.video_codec : options.audio_codec) = c.name;
    (video ? options.audio_map : options.video_map) = "none";
    assert_text (joined (rtp_leg_arguments (options, 5000, 1)),
        std::string (video ? "-map|0:v:0|" : "-map|0:a:0|") + c.copy
            + (video ? "|-payload_type|102" : "|-payload_type|111")
            + "|-start_time_realtime|1|-rtpflags|send_bye|-f|rtp|udp://"
              "127.0.0.1:"
            + (video ? "5000" : "5001") + "?pkt_size=1200");
    options.force_transcode = true;
    const std::string encode = joined (rtp_leg_arguments (options, 5000, 1));
    const std::string start =
        std::string (video ? "-map|0:v:0|-c:v|" : "-map|0:a:0|-c:a|")
        + c.encoder + "|";
    g_assert_true (encode.starts_with (start));
    g_assert_cmpint (encode.find ("|-force_key_frames|") != std::string::npos,
        ==, video);
  }
  g_assert_null (find_leg_codec (Media::audio, "h264"));
  assert_text (leg_codec_names (Media::video), "h264, h265, vp8, vp9 or av1");
}

void
short_ids_differ ()
{
  std::string a = make_short_id (), b = make_short_id ();
  g_assert_cmpuint (a.size (), ==, 22);
  g_assert_true (a != b);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/process-config/all-fields", reads_and_writes_all_fields);
  g_test_add_func ("/process-config/defaults", defaults_and_lists_never_null);
  g_test_add_func ("/process-config/merge", merge_keeps_what_is_not_named);
  g_test_add_func ("/process-config/wrong-types", wrong_types);
  g_test_add_func ("/process-config/bad-json", bad_json);
  g_test_add_func ("/process-config/json-numbers", json_numbers);
  g_test_add_func ("/process-config/validation", validation);
  g_test_add_func ("/process-config/arguments", arguments);
  g_test_add_func ("/process-config/short-id", short_ids_differ);
  g_test_add_func ("/rtp-legs/copy", legs_copy);
  g_test_add_func ("/rtp-legs/options", legs_options);
  g_test_add_func ("/rtp-legs/codecs", legs_of_every_codec);
  return g_test_run ();
}
