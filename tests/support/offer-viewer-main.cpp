// SPDX-License-Identifier: LGPL-2.1-or-later
// restream-test-offer-viewer FILE: writes its offer to FILE, waits for the answer
// in FILE.answer, and stays until the server closes. Tells "media" and "closed".
// Exit status 0: it saw all its media, beginning with a keyframe, and the close.
#include "tests/support/leaks.h"
#include "tests/support/webrtc-peer.h"

#include <cstdio>

using namespace restream;
using namespace restream::test;

namespace {

constexpr unsigned kTimeoutMs = 120000;

struct Program
{
  std::string path;
  Ref<GMainLoop> loop =
      Ref<GMainLoop>::adopt (g_main_loop_new (nullptr, FALSE));
  std::shared_ptr<WebrtcPeer> peer;
  Timer answer_poll, timeout;
  bool media = false, closed = false;

  void fail (const std::string &why)
  {
    std::fprintf (stderr, "restream-test-offer-viewer: %s\n", why.c_str ());
    g_main_loop_quit (loop.get ());
  }
  void offered (Result<std::string> offer)
  {
    Owned<GError> error;
    if (!offer)
      return fail (offer.error ().what);
    if (!g_file_set_contents (path.c_str (), offer->c_str (), -1, out (error)))
      return fail (error->message);
    answer_poll = Timer (nullptr, 20, [this] { return !look_for_answer (); });
  }
  bool look_for_answer ()
  {
    Owned<char> answer;
    if (!g_file_get_contents ((path + ".answer").c_str (), out (answer),
            nullptr, nullptr))
      return false;
    peer->set_answer (answer.get (), [this] (Result<void> set) {
      if (!set)
        fail (set.error ().what);
    });
    return true;
  }
  int run ()
  {
    auto made = WebrtcPeer::create (nullptr, {},
        {.connected = nullptr,
            .media =
                [this] (std::int64_t) {
                  media = true;
                  std::puts ("media");
                  std::fflush (stdout);
                },
            .closed =
                [this] (std::int64_t) {
                  closed = true;
                  std::puts ("closed");
                  g_main_loop_quit (loop.get ());
                },
            .failed = [this] (const std::string &why) { fail (why); }});
    if (!made) {
      std::fprintf (stderr, "%s\n", made.error ().what.c_str ());
      return 1;
    }
    peer = *made;
    peer->create_offer (
        [this] (Result<std::string> offer) { offered (std::move (offer)); });
    timeout = Timer (nullptr, kTimeoutMs, [this] {
      fail ("time is up");
      return false;
    });
    g_main_loop_run (loop.get ());
    const PeerStats stats = peer->stats ();
    peer->stop ();
    return media && closed
            && stats.media[index_of (Media::video)].starts_with_keyframe ()
        ? 0
        : 1;
  }
};

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  if (argc != 2) {
    std::fprintf (stderr, "usage: restream-test-offer-viewer FILE\n");
    return 2;
  }
  int status;
  {
    Program program;
    program.path = argv[1];
    status = program.run ();
  }
  excuse_dtls_agent ();
  gst_deinit ();
  return status;
}
