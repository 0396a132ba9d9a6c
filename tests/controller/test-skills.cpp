// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/skills/skills-reader.h"
#include "process-fixture.h"

namespace restream {

static void
test_version ()
{
  Skills skills;
  g_assert_true (read_version (
      "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg "
      "developers\n"
      "built with gcc 12 (Debian 12.2.0-14+deb12u1)\n"
      "configuration: --prefix=/usr --enable-gpl\n"
      "libavutil      57. 28.100 / 57. 28.100\n"
      "libavcodec     59. 37.100 / 59. 38.100\n",
      skills));
  g_assert_cmpstr (skills.version.c_str (), ==, "5.1.9");
  g_assert_cmpstr (skills.compiler.c_str (), ==,
      "gcc 12 (Debian 12.2.0-14+deb12u1)");
  g_assert_cmpstr (skills.configuration.c_str (), ==,
      "--prefix=/usr --enable-gpl");
  g_assert_cmpuint (skills.libraries.size (), ==, 2);
  g_assert_cmpstr (skills.libraries[1].name.c_str (), ==, "libavcodec");
  g_assert_cmpstr (skills.libraries[1].linked.c_str (), ==, "59. 38.100");

  struct
  {
    const char *text, *version;
  } const cases[] = {
      {"ffmpeg version 7.1 Copyright", "7.1.0"},
      {"ffmpeg version n6.0-4-gabc Copyright", "6.0.0"},
      {"ffmpeg version N-110223-g2bd8df2b4c Copyright", "N-110223-g2bd8df2b4c"},
  };
  for (const auto &c : cases) {
    Skills other;
    g_assert_true (read_version (c.text, other));
    g_assert_cmpstr (other.version.c_str (), ==, c.version);
  }
  Skills none;
  g_assert_false (read_version ("fake ffmpeg\n\n\xff", none));
}

static void
test_codecs ()
{
  Skills skills;
  read_codecs (
      "Codecs:\n D..... = Decoding supported\n ..V... = Video codec\n"
      " -------\n"
      " D.VI.S 012v                 Uncompressed 4:2:2 10-bit\n"
      " DEV.LS h264                 H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 "
      "(decoders: h264 h264_v4l2m2m h264_qsv ) (encoders: libx264 libx264rgb "
      ")\n"
      " DEAIL. opus                 Opus (Opus Interactive Audio Codec) "
      "(decoders: opus libopus ) (encoders: opus libopus )\n"
      " DES... ass                  ASS (Advanced SSA) subtitle (decoders: "
      "ssa ass ) (encoders: ssa ass )\n"
      " ..D... bin_data             binary data\n",
      skills);
  g_assert_cmpuint (skills.codecs.video.size (), ==, 2);
  g_assert_cmpstr (skills.codecs.video[0].decoders.at (0).c_str (), ==, "012v");
  g_assert_true (skills.codecs.video[0].encoders.empty ());
  const SkillsCodec &h264 = skills.codecs.video[1];
  g_assert_cmpstr (h264.name.c_str (), ==,
      "H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10");
  g_assert_cmpuint (h264.decoders.size (), ==, 3);
  g_assert_true (
      h264.encoders == std::vector<std::string> ({"libx264", "libx264rgb"}));
  g_assert_cmpstr (skills.codecs.audio.at (0).name.c_str (), ==,
      "Opus (Opus Interactive Audio Codec)");
  g_assert_cmpstr (skills.codecs.subtitle.at (0).name.c_str (), ==,
      "ASS (Advanced SSA) subtitle");
}

static void
test_formats ()
{
  // FFmpeg 5 and FFmpeg 7.
  for (const char *text :
      {"File formats:\n D. = Demuxing supported\n .E = Muxing supported\n --\n"
       " D  3dostr          3DO STR\n  E 3g2             3GP2\n"
       " DE alsa            ALSA audio output\n"
       " D  matroska,webm   Matroska / WebM\n",
          "Formats:\n D.. = Demuxing supported\n .E. = Muxing supported\n"
          " ..d = Is a device\n ---\n"
          " D   3dostr          3DO STR\n  E  3g2             3GP2\n"
          " DEd alsa            ALSA audio output\n"
          " D   matroska,webm   Matroska / WebM\n"}) {
    Skills skills;
    read_formats (text, skills);
    g_assert_cmpuint (skills.formats.demuxers.size (), ==, 3);
    g_assert_cmpuint (skills.formats.muxers.size (), ==, 2);
    g_assert_cmpstr (skills.formats.demuxers[2].id.c_str (), ==, "matroska");
    g_assert_cmpstr (skills.formats.demuxers[2].name.c_str (), ==,
        "Matroska / WebM");
    g_assert_cmpstr (skills.formats.muxers[1].id.c_str (), ==, "alsa");
  }
}

static void
test_other_lists ()
{
  Skills skills;
  read_filters ("Filters:\n  T.. = Timeline support\n  A = Audio input/output\n"
                " ... abench            A->A       Benchmark part.\n"
                " TSC overlay           VV->V      Overlay a video.\n"
                " T. new                N->N       FFmpeg 8.\n",
      skills);
  g_assert_cmpuint (skills.filters.size (), ==, 3);
  g_assert_cmpstr (skills.filters[1].id.c_str (), ==, "overlay");
  g_assert_cmpstr (skills.filters[1].name.c_str (), ==, "Overlay a video.");
  read_hwaccels ("Hardware acceleration methods:\nvdpau\ncuda\n\n", skills);
  g_assert_cmpuint (skills.hwaccels.size (), ==, 2);
  read_protocols ("Supported file protocols:\nInput:\n  file\n  http\n"
                  "Output:\n  rtp\n",
      skills);
  g_assert_cmpuint (skills.protocols.input.size (), ==, 2);
  g_assert_cmpstr (skills.protocols.output.at (0).id.c_str (), ==, "rtp");
  read_devices ("Devices:\n D. = Demuxing supported\n --\n DE fbdev   Linux "
                "framebuffer\n D  lavfi   Libavfilter virtual input device\n",
      skills);
  g_assert_cmpuint (skills.devices.demuxers.size (), ==, 2);
  g_assert_cmpuint (skills.devices.muxers.size (), ==, 1);

  auto cards = read_alsa (" 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n"
                          "                      HDA Intel PCH at 0xa1 irq 1\n"
                          " 1 [Cam            ]: USB-Audio - Cam\n",
      "  2: [ 0- 0]: digital audio playback\n"
      "  3: [ 1- 0]: digital audio capture\n"
      "  4: [ 7- 0]: digital audio capture\n 33:        : timer\n");
  g_assert_cmpuint (cards.size (), ==, 1);
  g_assert_cmpstr (cards[0].id.c_str (), ==, "hw:1,0");
  g_assert_cmpstr (cards[0].name.c_str (), ==, "USB-Audio - Cam");
}

static void
test_garbage ()
{
  std::string text;
  for (int i = 0; i < 20000; i++)
    text += char (i * 31 % 256);
  for (const char *odd : {"", " ", "\n", " D", " DE", " DE ", " DEd", "[", "[-",
           "]: digital audio capture[-", " ... a", " DEV... ", "()"}) {
    Skills skills;
    for (const std::string &input : {std::string (odd), odd + text}) {
      (void) read_version (input, skills);
      read_filters (input, skills);
      read_hwaccels (input, skills);
      read_codecs (input, skills);
      read_formats (input, skills);
      read_devices (input, skills);
      read_protocols (input, skills);
      read_alsa (input, input);
    }
  }
}

static void
test_real_ffmpeg ()
{
  SkillsReader reader ("ffmpeg");
  unsigned answers = 0;
  auto check = [&answers] (const Result<Skills> &skills) {
    answers++;
    g_assert_true (skills.has_value ());
    g_assert_cmpuint (skills->codecs.video.size (), >, 50);
    g_assert_cmpuint (skills->filters.size (), >, 50);
    g_assert_cmpuint (skills->formats.muxers.size (), >, 50);
    g_assert_cmpuint (skills->protocols.input.size (), >, 5);
    g_assert_false (skills->devices.demuxers.empty ());
    g_assert_false (skills->libraries.empty ());
  };
  reader.get (check);
  reader.get (check); // the same answer
  g_assert_cmpuint (answers, ==, 0);
  wait_until ([&] { return answers == 2; });
  reader.get (check); // known
  g_assert_cmpuint (answers, ==, 3);
  reader.reload (check);
  wait_until ([&] { return answers == 4; });
}

static void
test_no_ffmpeg ()
{
  // None, one that fails, one that tells no version, and one that does not end its output.
  for (const char *binary : {"/does/not/exist", "false", "true"}) {
    SkillsReader reader (binary);
    std::string what;
    reader.get ([&what] (const Result<Skills> &skills) {
      g_assert_false (skills.has_value ());
      what = skills.error ().what;
    });
    wait_until ([&what] { return !what.empty (); });
    g_assert_nonnull (strstr (what.c_str (), binary));
  }
  std::string what;
  auto run = ToolRun::start ({"yes"}, [&what] (Result<std::string> text) {
    g_assert_false (text.has_value ());
    what = text.error ().what;
  });
  wait_until ([&what] { return !what.empty (); });
  g_assert_cmpstr (what.c_str (), ==, "yes does not stop printing");
}

static void
test_dropped ()
{
  // Who goes while FFmpeg is being asked hears no more of it.
  auto reader = std::make_unique<SkillsReader> ("ffmpeg");
  bool called = false;
  reader->get ([&called] (const Result<Skills> &) { called = true; });
  reader.reset ();
  auto run = ToolRun::start ({"sleep", "60"},
      [&called] (Result<std::string>) { called = true; });
  run.reset ();
  bool later = false;
  Timer timer (nullptr, 100, [&later] {
    later = true;
    return false;
  });
  wait_until ([&later] { return later; });
  g_assert_false (called);
}

} // namespace restream

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/skills/version", restream::test_version);
  g_test_add_func ("/skills/codecs", restream::test_codecs);
  g_test_add_func ("/skills/formats", restream::test_formats);
  g_test_add_func ("/skills/other-lists", restream::test_other_lists);
  g_test_add_func ("/skills/garbage", restream::test_garbage);
  g_test_add_func ("/skills/real-ffmpeg", restream::test_real_ffmpeg);
  g_test_add_func ("/skills/no-ffmpeg", restream::test_no_ffmpeg);
  g_test_add_func ("/skills/dropped", restream::test_dropped);
  return g_test_run ();
}
