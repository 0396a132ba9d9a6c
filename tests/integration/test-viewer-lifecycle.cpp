// SPDX-License-Identifier: LGPL-2.1-or-later
// rtprestreamsrc and rtprestreamsink in one process with viewers made of
// webrtcbin and a real FFmpeg: starts and stops leave nothing behind, and a
// viewer that vanishes is noticed.
#include "tests/support/ffmpeg.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"
#include "tests/support/wait.h"
#include "tests/support/webrtc-peer.h"

#include <malloc.h>

#include <atomic>
#include <string>
#include <vector>

using namespace restream;
using namespace restream::test;

namespace {

constexpr unsigned kViewers = 5;
// Caches of libraries fill in the first rounds.
constexpr unsigned kWarmUpCycles = 5;

struct Usage
{
  unsigned threads = 0, descriptors = 0;
  std::size_t rss_kb = 0, heap_kb = 0;
};

unsigned
count_entries (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, nullptr);
  g_assert_nonnull (dir);
  unsigned count = 0;
  while (g_dir_read_name (dir))
    count++;
  g_dir_close (dir);
  return count;
}

// For the message of a failure: threads' names and descriptors' targets.
std::string
list_what_is_open ()
{
  std::string text;
  for (const char *folder : {"/proc/self/task", "/proc/self/fd"}) {
    GDir *dir = g_dir_open (folder, 0, nullptr);
    while (const char *name = g_dir_read_name (dir)) {
      Owned<char> path (g_build_filename (folder, name, "comm", nullptr));
      Owned<char> comm;
      Owned<char> link_path (g_build_filename (folder, name, nullptr));
      Owned<char> link (g_file_read_link (link_path.get (), nullptr));
      if (g_file_get_contents (path.get (), out (comm), nullptr, nullptr))
        text += std::string (" thread ") + g_strchomp (comm.get ());
      else if (link)
        text += std::string (" ") + name + "=" + link.get ();
    }
    g_dir_close (dir);
  }
  return text;
}

Usage
usage ()
{
  g_thread_pool_stop_unused_threads ();
  malloc_trim (0);
  Owned<char> status;
  g_assert_true (g_file_get_contents ("/proc/self/status", out (status),
      nullptr, nullptr));
  const char *rss = strstr (status.get (), "VmRSS:");
  g_assert_nonnull (rss);
  struct mallinfo2 heap = mallinfo2 ();
  return {count_entries ("/proc/self/task"), count_entries ("/proc/self/fd"),
      static_cast<std::size_t> (
          g_ascii_strtoull (rss + strlen ("VmRSS:"), nullptr, 10)),
      (heap.uordblks + heap.hblkhd) / 1024};
}

// Threads that were told to end need some time for it.
Usage
settled_usage ()
{
  // Longer than the half second for which a pool keeps a thread without work.
  Usage last = usage ();
  unsigned same = 0;
  wait_until (
      "threads to settle",
      [&] {
        Usage now = usage ();
        same =
            now.threads == last.threads && now.descriptors == last.descriptors
            ? same + 1
            : 0;
        last = now;
        return same >= 75;
      },
      list_what_is_open);
  return last;
}

// One pipeline from its start to its end.
class Stream
{
public:
  explicit Stream (unsigned port)
  {
    Owned<GError> error;
    pipeline_ = Ref<GstElement>::sink (
        gst_parse_launch ("rtprestreamsrc name=s rtprestreamsink name=k "
                          "s.video ! k.video s.audio ! k.audio",
            out (error)));
    if (!pipeline_ || error)
      g_error ("%s", error->message);
    src_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "s"));
    sink_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "k"));
    g_object_set (src_.get (), "port", port, nullptr);
    gst_util_set_object_arg (G_OBJECT (sink_.get ()), "transport",
        test_transport ());
    removed_ = SignalConn (sink_.get (), "viewer-removed",
        G_CALLBACK (
            +[] (GstElement *, const char *, const char *reason, Stream *self) {
              g_test_message ("viewer removed: %s", reason);
              self->removed_count_++;
            }),
        this);
    g_assert_cmpint (
        gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING), !=,
        GST_STATE_CHANGE_FAILURE);
  }
  ~Stream () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }
  Stream (const Stream &) = delete;
  Stream &operator= (const Stream &) = delete;

  unsigned port () const
  {
    gint port = 0;
    g_object_get (src_.get (), "port", &port, nullptr);
    return static_cast<unsigned> (port);
  }
  GstElement *sink () const { return sink_.get (); }
  unsigned removed () const { return removed_count_; }

  void end_by_eos ()
  {
    gst_element_send_event (pipeline_.get (), gst_event_new_eos ());
    auto bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
    Ref<GstMessage> message;
    wait_until ("end of stream", [&] {
      message = Ref<GstMessage>::adopt (gst_bus_pop_filtered (bus.get (),
          static_cast<GstMessageType> (GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
      return static_cast<bool> (message);
    });
    g_assert_cmpint (GST_MESSAGE_TYPE (message.get ()), ==, GST_MESSAGE_EOS);
  }

  void drain ()
  {
    auto promise = Ref<GstPromise>::adopt (gst_promise_new ());
    g_signal_emit_by_name (sink_.get (), "drain", guint64{5 * GST_SECOND},
        promise.get ());
    g_assert_cmpint (gst_promise_wait (promise.get ()), ==,
        GST_PROMISE_RESULT_REPLIED);
  }

private:
  Ref<GstElement> pipeline_, src_, sink_;
  SignalConn removed_;
  std::atomic<unsigned> removed_count_{0};
};

// A viewer that comes by the add-viewer signal.
class Viewer
{
public:
  explicit Viewer (Stream &stream)
      : sink_ (Ref<GstElement>::retain (stream.sink ()))
  {
    auto peer = WebrtcPeer::create (nullptr, {},
        {.connected = {},
            .media = [this] (std::int64_t) { media_ = true; },
            .closed = [this] (std::int64_t) { closed_ = true; },
            .failed =
                [] (const std::string &why) {
                  g_error ("viewer: %s", why.c_str ());
                }});
    if (!peer)
      g_error ("%s", peer.error ().what.c_str ());
    peer_ = *peer;
    peer_->create_offer ([this] (Result<std::string> offer) {
      if (!offer)
        g_error ("%s", offer.error ().what.c_str ());
      add (*offer);
    });
  }
  Viewer (const Viewer &) = delete;
  Viewer &operator= (const Viewer &) = delete;

  bool media () const { return media_; }
  bool closed () const { return closed_; }
  void vanish () { peer_->stop (); }

private:
  // A stream that sends nothing yet is 409: come again.
  void add (const std::string &offer)
  {
    offer_ = offer;
    Owned<GstStructure> options (gst_structure_new ("options", "loopback",
        G_TYPE_BOOLEAN, TRUE, nullptr));
    struct Call
    {
      std::weak_ptr<WebrtcPeer> peer; // gone: so is this viewer
      Viewer *viewer;
    };
    auto promise = Ref<GstPromise>::adopt (gst_promise_new_with_change_func (
        +[] (GstPromise *p, gpointer data) {
          g_assert_cmpint (gst_promise_wait (p), ==,
              GST_PROMISE_RESULT_REPLIED);
          const GstStructure *reply = gst_promise_get_reply (p);
          auto *call = static_cast<Call *> (data);
          if (gst_structure_has_name (reply, "rtprestream-viewer")) {
            std::string answer = gst_structure_get_string (reply, "answer");
            return post (nullptr, call->peer, [answer] (WebrtcPeer &peer) {
              peer.set_answer (answer, [answer] (Result<void> set) {
                if (!set)
                  g_error ("%s: %s", set.error ().what.c_str (),
                      answer.c_str ());
              });
            });
          }
          guint status = 0;
          gst_structure_get_uint (reply, "status", &status);
          if (status != 409)
            g_error ("add-viewer: %s",
                gst_structure_get_string (reply, "message"));
          post (nullptr, call->peer, [viewer = call->viewer] (WebrtcPeer &) {
            viewer->retry_ = Timer (nullptr, 100, [viewer] {
              viewer->add (viewer->offer_);
              return false;
            });
          });
        },
        new Call{peer_, this},
        +[] (gpointer data) { delete static_cast<Call *> (data); }));
    g_signal_emit_by_name (sink_.get (), "add-viewer", offer.c_str (),
        options.get (), promise.get ());
  }

  Ref<GstElement> sink_;
  std::shared_ptr<WebrtcPeer> peer_;
  std::string offer_;
  Timer retry_;
  bool media_ = false, closed_ = false;
};

enum class Ending
{
  eos,
  drain,
  null
};

void
cycle (Stream &stream, Ending ending)
{
  std::vector<std::unique_ptr<Viewer>> viewers;
  for (unsigned i = 0; i < kViewers; i++)
    viewers.push_back (std::make_unique<Viewer> (stream));
  wait_until ("media", [&] {
    return std::all_of (viewers.begin (), viewers.end (),
        [] (auto &v) { return v->media (); });
  });
  if (ending == Ending::eos)
    stream.end_by_eos ();
  else if (ending == Ending::drain)
    stream.drain ();
  else
    return; // viewers first, then the pipeline: nobody says good-bye
  wait_until ("the close", [&] {
    return std::all_of (viewers.begin (), viewers.end (),
        [] (auto &v) { return v->closed (); });
  });
}

void
cycles_leave_nothing ()
{
  const char *wanted = g_getenv ("RTPRESTREAM_CYCLES");
  const auto cycles = static_cast<unsigned> (
      wanted ? g_ascii_strtoull (wanted, nullptr, 10) : 100);
  unsigned port = 0;
  std::unique_ptr<Ffmpeg> ffmpeg;
  Usage before;
  const gint64 start = g_get_monotonic_time ();
  for (unsigned i = 0; i < kWarmUpCycles + cycles; i++) {
    if (i == kWarmUpCycles) {
      before = settled_usage ();
      g_test_message ("before: %u threads, %u descriptors:%s", before.threads,
          before.descriptors, list_what_is_open ().c_str ());
    }
    Stream stream (port);
    if (!port) {
      port = stream.port ();
      g_assert_cmpuint (port, !=, 0);
      ffmpeg = std::make_unique<Ffmpeg> (port);
    }
    g_assert_cmpuint (stream.port (), ==, port);
    cycle (stream, static_cast<Ending> (i % 3));
  }
  // Threads of pools end some time after their work.
  Usage after;
  wait_until (
      "threads and descriptors to end",
      [&] {
        after = usage ();
        return after.threads <= before.threads
            && after.descriptors <= before.descriptors;
      },
      list_what_is_open);
  g_test_message ("%u cycles in %.1f s: threads %u → %u, descriptors %u → %u, "
                  "RSS %zu → %zu kB, heap in use %zu → %zu kB",
      cycles,
      static_cast<double> (g_get_monotonic_time () - start) / G_USEC_PER_SEC,
      before.threads, after.threads, before.descriptors, after.descriptors,
      before.rss_kb, after.rss_kb, before.heap_kb, after.heap_kb);
  // A sanitizer keeps freed memory for a while.
  if (!g_getenv ("RTPRESTREAM_SANITIZER")) {
    // What is allocated tells of leaks: GStreamer keeps some bytes for each name
    // that it has ever seen, a forgotten viewer is 1 MB. RSS has the allocator's
    // holes in it too, which depend on the machine's load but not on the cycles.
    const std::size_t viewers = std::size_t{kViewers} * cycles;
    g_assert_cmpuint (after.heap_kb, <, before.heap_kb + 4096 + 4 * viewers);
    g_assert_cmpuint (after.rss_kb, <, before.rss_kb + 48 * 1024);
  }
}

void
vanished_viewer_is_removed ()
{
  Stream stream (0);
  Ffmpeg ffmpeg (stream.port ());
  Viewer stays (stream), goes (stream);
  wait_until ("media", [&] { return stays.media () && goes.media (); });
  const gint64 start = g_get_monotonic_time ();
  goes.vanish ();
  wait_until ("the removal", [&] { return stream.removed () > 0; });
  g_test_message ("removed %.1f s after it vanished",
      static_cast<double> (g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  g_assert_cmpuint (stream.removed (), ==, 1);
  g_assert_false (stays.closed ());
}

} // namespace

int
main (int argc, char **argv)
{
  // Many short threads: without a bound each may get an arena of its own.
  mallopt (M_ARENA_MAX, 2);
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  if (!Owned<char> (g_find_program_in_path ("ffmpeg"))) {
    g_printerr ("no ffmpeg\n");
    return 77;
  }
  g_test_add_func ("/viewer-lifecycle/vanish", vanished_viewer_is_removed);
  g_test_add_func ("/viewer-lifecycle/cycles", cycles_leave_nothing);
  const int status = g_test_run ();
  excuse_dtls_agent ();
  gst_deinit ();
  return status;
}
