// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/access/access-rules.h"

#include <string>

using namespace restream;

namespace {

constexpr const char *kFine = ""; // in place of a complaint

AccessRules
rules (AccessSettings settings = {})
{
  settings.storage_dir = "/core/data";
  settings.working_dir = "/core";
  settings.other_dirs = {"/usr/share/fonts"};
  auto made = AccessRules::create (settings);
  g_assert_true (made.has_value ());
  return *std::move (made);
}

std::string
complaint (const Result<void> &ok)
{
  return ok ? "" : ok.error ().what;
}

void
expect (const std::string &what, const Result<void> &result,
    const std::string &wanted)
{
  std::string got = complaint (result);
  bool same = wanted == "*" ? !got.empty () : got == wanted;
  if (!same)
    g_printerr ("%s\n  wanted '%s'\n  got    '%s'\n", what.c_str (),
        wanted.c_str (), got.c_str ());
  g_assert_true (same);
}

void
outputs ()
{
  AccessRules r = rules ();
  const char *passwd = "/etc/passwd is not inside of /core/data";
  const struct
  {
    const char *address, *complaint;
  } kCases[] = {
      {"-", kFine},
      {"pipe:", kFine},
      {"pipe:1", kFine},
      {"rtmp://host/app/stream", kFine},
      {"srt://:6000?mode=listener", kFine},
      {"rtmp://user:p@ss@[::1]:1935/app/../x", kFine},
      {"udp://127.0.0.1:5000?pkt_size=1316", kFine},
      {"https://host/x?y=/etc", kFine},
      {"hls+https://host/x", kFine},
      {"/core/data/x.mp4", kFine},
      {"/core/data", kFine},
      {"data/x.mp4", kFine},
      {"./data/../data/x", kFine},
      {"file:/core/data/x", kFine},
      {"file:///core/data/x", kFine},
      {"crypto:/core/data/x", kFine},
      {"/dev/null", kFine},
      {"file:/dev/snd/x", kFine},
      {"[f=mpegts]rtmp://host/x|[f=hls:hls_time=2]/core/data/x.m3u8", kFine},
      {"/etc/passwd", passwd},
      {"file:/etc/passwd", passwd},
      {"file:///etc/passwd", "*"},
      {"/core/data/../../etc/passwd", passwd},
      {"/core/../etc/passwd", passwd},
      {"//etc//passwd", passwd},
      {"/dev/../etc/passwd", passwd},
      {"../etc/passwd", passwd},
      {"x.mp4", "/core/x.mp4 is not inside of /core/data"},
      {"/core/data2/x", "/core/data2/x is not inside of /core/data"},
      {"crypto:/etc/passwd", passwd},
      {"crypto+file:/etc/passwd", passwd},
      {"async:cache:file:/etc/passwd", passwd},
      {"md5:/etc/passwd", passwd},
      {"unix:/etc/passwd", passwd},
      {"subfile,,start,0,end,9,,:/etc/passwd", passwd},
      {"concat:/core/data/a|/etc/passwd", passwd},
      {"tee:/etc/passwd", passwd},
      {"whatever:/etc/passwd", "*"},
      {"x/y:/etc/passwd", "*"},
      {"a|/etc/passwd", "/core/a is not inside of /core/data"},
      {"-|/etc/passwd", passwd},
      {"[f=null]-|[f=x]/etc/passwd", passwd},
      {"[f=null]-|'/etc/passwd'", passwd},
      {"[f=null]-|\\/etc\\/passwd", passwd},
      {"[f=hls:hls_segment_filename=/etc/passwd]-", passwd},
      {"[f=hls:hls_segment_filename=data/../../etc/passwd]-", "*"},
      {"[f=null", "address is not allowed"},
      {"rtmp://host\n/x", "not a valid URL"},
      {"rtmp://host:port/x", "not a valid URL"},
      {"rtmp://ho st/x", "not a valid URL"},
      {"rtsp://[::1/x", "not a valid URL"},
  };
  for (const auto &c : kCases)
    expect (c.address, r.check_output (c.address), c.complaint);
  std::string deep;
  for (int i = 0; i < 100; i++)
    deep += "crypto:";
  expect (deep, r.check_output (deep + "/core/data/x"),
      "address is not allowed");
}

void
inputs ()
{
  AccessRules r = rules ();
  const char *passwd = "/etc/passwd is not inside of /core/data";
  const struct
  {
    const char *address;
    std::vector<std::string> options;
    const char *complaint;
  } kCases[] = {
      {"rtsp://user:pass@camera:554/stream", {}, kFine},
      {"http://host/x.m3u8?a=/etc/passwd", {}, kFine},
      {"/core/data/loop.mp4", {}, kFine},
      {"data/loop.mp4", {}, kFine},
      {"/dev/video0", {"-f", "v4l2"}, kFine},
      {"hw:1,0", {"-f", "alsa"}, kFine},
      {":0.0+10,20", {"-f", "x11grab"}, kFine},
      {"pipe:0", {}, kFine},
      {"testsrc2=size=1280x720:rate=30000/1001", {"-re", "-f", "lavfi"}, kFine},
      {"anullsrc=r=44100:cl=stereo,volume=1/2", {"-f", "lavfi"}, kFine},
      {"concat:/core/data/a|data/b", {}, kFine},
      {"/usr/share/fonts/x", {}, kFine},
      {"/etc/passwd", {}, passwd},
      {"file:/etc/passwd", {}, passwd},
      {"crypto:file:/etc/passwd", {}, passwd},
      {"concat:/core/data/a|/etc/passwd", {}, passwd},
      {"concat:http://host/a|/etc/passwd", {}, passwd},
      {"subfile,,start,0,end,9,,:/etc/passwd", {}, passwd},
      {"../etc/passwd", {}, passwd},
      {"concatf:/etc/passwd", {}, passwd},
      {"movie=/etc/passwd", {"-f", "lavfi"}, "*"},
      {"movie=\\/etc\\/passwd", {"-f", "lavfi"}, "*"},
      {"movie=config/db.json", {"-f", "lavfi"}, "*"},
      {"testsrc,drawtext=textfile=config/x.json", {"-f", "lavfi"}, "*"},
      {"testsrc,drawtext=text=http\\://x:textfile=/etc/passwd", {"-f", "lavfi"},
          "*"},
  };
  for (const auto &c : kCases)
    expect (c.address, r.check_input (c.address, c.options), c.complaint);
}

void
options ()
{
  AccessRules r = rules ();
  ProcessConfig config;
  config.id = "p";
  config.input.push_back ({"in", "rtsp://x/y", {}, {}});
  config.output.push_back ({"out", "-", {}, {}});
  const struct
  {
    std::vector<std::string> options;
    const char *complaint; // behind the option's name
  } kCases[] = {
      {{}, kFine},
      {{"-re", "-stream_loop", "-1", "-c:v", "copy", "-map", "0:v:0?", "-y"},
          kFine},
      {{"-vf", "scale=iw/2:ih/2,fps=30000/1001", "-aspect", "16:9"}, kFine},
      {{"-filter_complex", "[0:v]split[a][b];[b]scale=-2:720[c]"}, kFine},
      {{"-vaapi_device", "/dev/dri/renderD128"}, kFine},
      {{"-headers", "Cookie: a=b; path=/"}, kFine},
      {{"-metadata", "title=/etc/passwd"}, kFine},
      {{"-hls_segment_filename", "/core/data/x_%04d.ts"}, kFine},
      {{"-hls_segment_filename", "http://host:80/x/y"}, kFine},
      {{"-vf", "drawtext=fontfile=/usr/share/fonts/x.ttf:text=hello"}, kFine},
      {{"-i", "http://host/x"}, kFine},
      {{"-safe", "1"}, kFine},
      {{"-progress", "/etc/passwd"}, "-progress"},
      {{"-progress", "config/db.json"}, "-progress"},
      {{"-passlogfile:v:0", "../x"}, "-passlogfile:v:0"},
      {{"-hls_segment_filename", "file:/etc/passwd"}, "-hls_segment_filename"},
      {{"--attach", "/etc/passwd"}, "--attach"},
      {{"-vf", "drawtext=textfile=/etc/passwd"}, "-vf"},
      {{"-vf", "drawtext=textfile='/etc/passwd'"}, "-vf"},
      {{"-vf", "subtitles=config/x.srt"}, "-vf"},
      {{"-anything", "a=1:b=/etc/passwd"}, "-anything"},
      {{"-anything", "../../etc/passwd"}, "-anything"},
      {{"-anything", "/core/data/x:y/../../../../etc/passwd"}, "-anything"},
      {{"-i", "/etc/passwd"}, "-i"},
      {{"-c", "copy", "/etc/passwd"}, "'/etc/passwd' is an output"},
      {{"-y", "x"}, "'x' is an output"},
      {{"-nostats", "x"}, "'x' is an output"},
      {{"-report"}, "-report"},
      {{"-safe", "0"}, "-safe"},
      {{"--"}, "--"},
      {{"-/vf", "/core/data/x"}, "-/vf"},
      {{"-c"}, kFine},
  };
  for (const auto &c : kCases)
    for (int place = 0; place < 3; place++) {
      ProcessConfig one = config;
      (place == 0          ? one.options
              : place == 1 ? one.input[0].options
                           : one.output[0].options) = c.options;
      std::string got = complaint (r.check (one));
      std::string wanted = c.complaint;
      if (!wanted.empty ())
        wanted = "the options for "
            + std::string (place == 0 ? "the process 'p'"
                    : place == 1      ? "input '#p:in'"
                                      : "output '#p:out'")
            + " are invalid: " + wanted + ": ";
      bool same = wanted.empty () ? got.empty () : got.starts_with (wanted);
      if (!same)
        g_printerr ("wanted '%s'\ngot '%s'\n", wanted.c_str (), got.c_str ());
      g_assert_true (same);
    }
  config.output[0].address = "/etc/passwd";
  expect ("output", r.check (config),
      "the address for output '#p:out' is invalid: /etc/passwd is not inside "
      "of "
      "/core/data");
  config.output[0].address = "-";
  config.input[0].address = "/etc/passwd";
  expect ("input", r.check (config),
      "the address for input '#p:in' (/etc/passwd) is invalid: /etc/passwd is "
      "not inside of /core/data");
}

void
how_much_is_confined ()
{
  ProcessConfig config;
  config.id = "p";
  config.input.push_back ({"in", "/etc/passwd", {"-progress", "/x"}, {}});
  config.output.push_back ({"out", "data/x", {}, {}});
  AccessSettings settings;
  settings.confine = Confine::outputs;
  g_assert_true (rules (settings).check (config).has_value ());
  config.output[0].address = "/etc/passwd";
  g_assert_false (rules (settings).check (config).has_value ());
  settings.confine = Confine::nothing;
  g_assert_true (rules (settings).check (config).has_value ());
  // The patterns hold all the same.
  settings.output_block = {"^file:/etc/"};
  g_assert_false (rules (settings).check (config).has_value ());
}

void
patterns ()
{
  AccessSettings settings;
  settings.input_allow = {"^rtsp://", "^https?://good"};
  settings.input_block = {"evil"};
  settings.output_block = {"^rtmp:", "^file:/core/data/secret"};
  AccessRules r = rules (settings);
  g_assert_true (r.check_input ("rtsp://x/y").has_value ());
  g_assert_true (r.check_input ("https://good/y").has_value ());
  expect ("block wins", r.check_input ("rtsp://evil/y"),
      "address is not allowed");
  expect ("not allowed", r.check_input ("http://x/y"),
      "address is not allowed");
  g_assert_true (r.check_output ("srt://x").has_value ());
  expect ("blocked", r.check_output ("rtmp://x"), "address is not allowed");
  expect ("path", r.check_output ("data/secret/x"), "address is not allowed");
  expect ("tee", r.check_output ("-|rtmp://x"), "address is not allowed");

  settings = {};
  settings.output_allow = {"("};
  settings.working_dir = settings.storage_dir = "/";
  auto bad = AccessRules::create (settings);
  g_assert_false (bad.has_value ());
  g_assert_true (bad.error ().what.starts_with ("invalid expression: '(' ("));
  g_assert_true (check_pattern ("^a{1,3}$").empty ());
  g_assert_false (check_pattern ("[").empty ());

  // A pattern that would take for ever decides nothing, soon.
  auto slow = AllowBlock::create ({"^(a+)+$"}, {});
  auto blocks = AllowBlock::create ({}, {"^(a+)+$"});
  std::string text = std::string (1000, 'a') + "b";
  g_assert_false (slow->passes (text));
  g_assert_false (blocks->passes (text));
  g_assert_true (slow->passes ("aaa"));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/access/outputs", outputs);
  g_test_add_func ("/access/inputs", inputs);
  g_test_add_func ("/access/options", options);
  g_test_add_func ("/access/how-much", how_much_is_confined);
  g_test_add_func ("/access/patterns", patterns);
  return g_test_run ();
}
