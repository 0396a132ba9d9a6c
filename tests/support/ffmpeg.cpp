// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/ffmpeg.h"

#include <signal.h>
#include <sys/prctl.h>

namespace restream::test {

namespace {

std::string
udp_url (unsigned port)
{
  return "udp://127.0.0.1:" + std::to_string (port) + "?pkt_size=1200";
}

} // namespace

Child::Child (const std::vector<std::string> &argv, GSubprocessFlags flags)
{
  std::vector<const char *> words;
  for (const std::string &word : argv)
    words.push_back (word.c_str ());
  words.push_back (nullptr);
  auto launcher =
      Ref<GSubprocessLauncher>::adopt (g_subprocess_launcher_new (flags));
  g_subprocess_launcher_set_child_setup (
      launcher.get (), +[] (gpointer) { prctl (PR_SET_PDEATHSIG, SIGKILL); },
      nullptr, nullptr);
  Owned<GError> error;
  process_ = Ref<GSubprocess>::adopt (g_subprocess_launcher_spawnv (
      launcher.get (), words.data (), out (error)));
  if (!process_)
    g_error ("%s", error->message);
}

Child::~Child ()
{
  g_subprocess_force_exit (process_.get ());
  g_subprocess_wait (process_.get (), nullptr, nullptr);
}

Ffmpeg::Ffmpeg (unsigned port, unsigned group_of_pictures, const char *bit_rate)
    : child_ ({"ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i",
                  "testsrc2=size=320x180:rate=30", "-re", "-f", "lavfi", "-i",
                  "sine=frequency=440:sample_rate=48000", "-map", "0:v", "-c:v",
                  "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
                  "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g",
                  std::to_string (group_of_pictures), "-b:v", bit_rate,
                  "-payload_type", "102", "-f", "rtp", udp_url (port), "-map",
                  "1:a", "-c:a", "libopus", "-b:a", "32k", "-payload_type",
                  "111", "-f", "rtp", udp_url (port + 1)},
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE)
{
}

} // namespace restream::test
