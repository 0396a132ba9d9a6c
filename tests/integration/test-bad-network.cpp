// SPDX-License-Identifier: LGPL-2.1-or-later
// A viewer made of webrtcbin behind a network that loses packets, or that gives it another
// address in the middle: the session goes on. And one without UDP.
#include "tests/support/ffmpeg.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"
#include "tests/support/wait.h"
#include "tests/support/whep-viewer.h"

#include <json-glib/json-glib.h>

#include <atomic>
#include <string>

namespace restream {
RESTREAM_REF_TRAITS (JsonNode, json_node_ref, json_node_unref);
}

using namespace restream;
using namespace restream::test;

namespace {

// Ten seconds.
constexpr std::uint64_t kFrames = 300;
// webrtcbin's RTCP has a small share of a small stream, so its requests wait for some time.
constexpr unsigned kLatencyMs = 1000;

void
pass_time (guint ms)
{
  bool passed = false;
  Timer timer (nullptr, ms, [&] {
    passed = true;
    return false;
  });
  wait_until ("the time to pass", [&] { return passed; });
}

unsigned
free_port ()
{
  auto listener = Ref<GSocketListener>::adopt (g_socket_listener_new ());
  Owned<GError> error;
  const unsigned port = g_socket_listener_add_any_inet_port (listener.get (),
      nullptr, out (error));
  g_assert_no_error (error.get ());
  g_socket_listener_close (listener.get ());
  return port;
}

// FFmpeg, the two elements, and their WHEP server.
class Server
{
public:
  explicit Server (unsigned io_threads) : whep_port_ (free_port ())
  {
    Owned<GError> error;
    pipeline_ = Ref<GstElement>::sink (
        gst_parse_launch ("rtprestreamsrc name=s port=0 rtprestreamsink name=k "
                          "s.video ! k.video s.audio ! k.audio",
            out (error)));
    if (!pipeline_ || error)
      g_error ("%s", error->message);
    auto src = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "s"));
    sink_ = Ref<GstElement>::adopt (
        gst_bin_get_by_name (GST_BIN (pipeline_.get ()), "k"));
    g_object_set (sink_.get (), "whep-port", whep_port_, "io-threads",
        io_threads, nullptr);
    gst_util_set_object_arg (G_OBJECT (sink_.get ()), "transport",
        test_transport ());
    count (added_, "viewer-added");
    count (removed_, "viewer-removed");
    g_assert_cmpint (
        gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING), !=,
        GST_STATE_CHANGE_FAILURE);
    gint port = 0;
    g_object_get (src.get (), "port", &port, nullptr);
    ffmpeg_ = std::make_unique<Ffmpeg> (static_cast<unsigned> (port), 30, "2M");
    // Before, viewers are told to come again.
    wait_until ("both media", [this] {
      Owned<GstStructure> s = stats ();
      return number (*s, "video", "join-points")
          && number (*s, "audio", "packets");
    });
  }
  ~Server () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }
  Server (const Server &) = delete;
  Server &operator= (const Server &) = delete;

  std::string url () const
  {
    return "http://127.0.0.1:" + std::to_string (whep_port_);
  }
  void end_stream () { ffmpeg_.reset (); }

  // Of the one viewer.
  guint64 viewer_number (const char *name) const
  {
    Owned<GstStructure> s = stats ();
    const GValue *viewers = gst_structure_get_value (s.get (), "per-viewer");
    g_assert_cmpuint (gst_value_array_get_size (viewers), ==, 1);
    const auto *viewer = static_cast<const GstStructure *> (
        g_value_get_boxed (gst_value_array_get_value (viewers, 0)));
    guint64 value = 0;
    g_assert_true (gst_structure_get_uint64 (viewer, name, &value));
    return value;
  }
  guint64 sent () const
  {
    return viewer_number ("video-packets") + viewer_number ("audio-packets");
  }
  // One viewer came, and is still there.
  void check_session () const
  {
    g_assert_cmpuint (added_.count, ==, 1);
    g_assert_cmpuint (removed_.count, ==, 0);
    Owned<GstStructure> s = stats ();
    guint connected = 0;
    g_assert_true (
        gst_structure_get_uint (s.get (), "viewers-connected", &connected));
    g_assert_cmpuint (connected, ==, 1);
  }

private:
  struct Signals
  {
    SignalConn conn;
    std::atomic<unsigned> count{0};
  };

  void count (Signals &signals, const char *name)
  {
    signals.conn = SignalConn (sink_.get (), name,
        g_str_equal (name, "viewer-added")
            ? G_CALLBACK (
                +[] (GstElement *, const char *, Signals *s) { s->count++; })
            : G_CALLBACK (+[] (GstElement *, const char *, const char *reason,
                               Signals *s) {
                g_test_message ("viewer removed: %s", reason);
                s->count++;
              }),
        &signals);
  }

  Owned<GstStructure> stats () const
  {
    Owned<GstStructure> s;
    g_object_get (sink_.get (), "stats", static_cast<GstStructure **> (out (s)),
        nullptr);
    g_assert_nonnull (s.get ());
    return s;
  }
  static guint64 number (const GstStructure &s, const char *part,
      const char *name)
  {
    Owned<GstStructure> inner;
    guint64 value = 0;
    g_assert_true (gst_structure_get (&s, part, GST_TYPE_STRUCTURE,
        static_cast<GstStructure **> (out (inner)), nullptr));
    g_assert_true (gst_structure_get_uint64 (inner.get (), name, &value));
    return value;
  }

  unsigned whep_port_;
  Ref<GstElement> pipeline_, sink_;
  std::unique_ptr<Ffmpeg> ffmpeg_;
  Signals added_, removed_;
};

// tests/support/lossy-relay.py
class Relay
{
public:
  Relay (const Server &server, const char *loss)
      : child_ ({RTPRESTREAM_PYTHON, RTPRESTREAM_LOSSY_RELAY, "--server",
                    server.url (), "--loss", loss},
          static_cast<GSubprocessFlags> (
              G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE)),
        output_ (Ref<GDataInputStream>::adopt (g_data_input_stream_new (
            g_subprocess_get_stdout_pipe (child_.get ()))))
  {
    Ref<JsonNode> line = read ();
    url_ = json_object_get_string_member (json_node_get_object (line.get ()),
        "url");
  }

  const std::string &url () const { return url_; }
  void tell (const std::string &command) { counters_ = write (command); }
  // As of the last command.
  gint64 counter (const char *name) const
  {
    JsonObject *all = json_node_get_object (counters_.get ());
    g_assert_true (json_object_has_member (all, name));
    return json_object_get_int_member (all, name);
  }

private:
  Ref<JsonNode> write (const std::string &command)
  {
    const std::string line = command + "\n";
    Owned<GError> error;
    g_output_stream_write_all (g_subprocess_get_stdin_pipe (child_.get ()),
        line.data (), line.size (), nullptr, nullptr, out (error));
    g_assert_no_error (error.get ());
    return read ();
  }
  Ref<JsonNode> read ()
  {
    Owned<GError> error;
    Owned<char> line (g_data_input_stream_read_line (output_.get (), nullptr,
        nullptr, out (error)));
    g_assert_no_error (error.get ());
    if (!line)
      g_error ("the relay has ended");
    g_test_message ("relay: %s", line.get ());
    auto node =
        Ref<JsonNode>::adopt (json_from_string (line.get (), out (error)));
    g_assert_no_error (error.get ());
    g_assert_true (JSON_NODE_HOLDS_OBJECT (node.get ()));
    return node;
  }

  Child child_;
  Ref<GDataInputStream> output_;
  std::string url_;
  Ref<JsonNode> counters_;
};

// Joins, and is told to leave at the end.
class Viewer
{
public:
  Viewer (const std::string &url, bool tcp)
  {
    viewer_ = std::make_shared<WhepViewer> (nullptr, client_,
        ViewerOptions{.url = url + "/whep",
            .tcp_only = tcp,
            .latency_ms = kLatencyMs},
        [this] (WhepViewer &v, WhepViewer::Event event) {
          if (event == WhepViewer::Event::closed && !leaving_)
            g_error ("the server closed");
          if (event == WhepViewer::Event::failed
              || event == WhepViewer::Event::refused)
            g_error ("viewer: %s", v.result ().problem.c_str ());
          media_ |= event == WhepViewer::Event::media;
        });
    viewer_->join ();
    wait_until ("media", [this] { return media_; });
  }
  ~Viewer ()
  {
    leaving_ = true;
    viewer_->leave ();
    wait_until ("the viewer to leave", [this] { return viewer_->ended (); });
  }
  Viewer (const Viewer &) = delete;
  Viewer &operator= (const Viewer &) = delete;

  PeerStats stats () const { return viewer_->result ().stats; }
  std::uint64_t frames () const
  {
    return stats ().media[index_of (Media::video)].frames ();
  }
  std::uint64_t lost () const
  {
    PeerStats s = stats ();
    return s.media[0].lost () + s.media[1].lost ();
  }
  void wait_frames (std::uint64_t more)
  {
    const std::uint64_t goal = frames () + more;
    wait_until ("pictures", [&] { return frames () >= goal; });
  }

private:
  WhepClient client_;
  std::shared_ptr<WhepViewer> viewer_;
  bool media_ = false, leaving_ = false;
};

// What never came out at the viewer. The stream is ended for it: at last, everything
// that is to come has come.
std::uint64_t
missing_at_the_end (Server &server, const Viewer &viewer)
{
  server.end_stream ();
  std::uint64_t sent = 0, delivered = 0;
  unsigned same = 0;
  wait_until ("the rest", [&] {
    const std::uint64_t now_sent = server.sent ();
    const std::uint64_t now_delivered = viewer.stats ().delivered;
    same = now_sent == sent && now_delivered == delivered ? same + 1 : 0;
    sent = now_sent;
    delivered = now_delivered;
    return same >= 75;
  });
  const PeerStats s = viewer.stats ();
  g_test_message ("sent %" G_GUINT64_FORMAT
                  " packets, delivered %" G_GUINT64_FORMAT
                  ", %" G_GUINT64_FORMAT " lost on the way, %" G_GUINT64_FORMAT
                  " came again; server: %" G_GUINT64_FORMAT
                  " asked for, %" G_GUINT64_FORMAT " sent again",
      sent, delivered, viewer.lost (), s.retransmissions,
      server.viewer_number ("nacks"),
      server.viewer_number ("video-retransmitted")
          + server.viewer_number ("audio-retransmitted"));
  // webrtcbin counts what it sends elsewhere than what it sends again.
  return sent > delivered ? sent - delivered : 0;
}

bool
may_lose ()
{
  return g_getenv ("RTPRESTREAM_SANITIZER") != nullptr;
}

// 5 % of everything, either way, the handshake included.
void
losses_are_made_good ()
{
  Server server (0);
  Relay relay (server, "0.05");
  Viewer viewer (relay.url (), false);
  viewer.wait_frames (kFrames);
  relay.tell ("loss 0");
  g_assert_cmpint (relay.counter ("down"), >, 500);
  g_assert_cmpint (relay.counter ("down_dropped"), >,
      relay.counter ("down") / 50);
  g_assert_cmpint (relay.counter ("up"), >, 0);
  g_assert_cmpint (relay.counter ("mappings"), ==, 1);
  // What follows tells the viewer of a loss just before.
  viewer.wait_frames (15);
  server.check_session ();
  const std::uint64_t missing = missing_at_the_end (server, viewer);
  // Of a twentieth; what is lost over and over comes too late on a busy machine.
  if (!may_lose ())
    g_assert_cmpuint (missing * 50, <=, server.sent ());
  g_assert_cmpuint (viewer.stats ().retransmissions, >, 0);
  g_assert_cmpuint (server.viewer_number ("nacks"), >, 0);
  g_assert_cmpuint (server.viewer_number ("video-retransmitted"), >, 0);
}

void
address_changes (unsigned io_threads, const char *loss, unsigned times)
{
  Server server (io_threads);
  Relay relay (server, loss);
  Viewer viewer (relay.url (), false);
  viewer.wait_frames (30);
  for (unsigned i = 0; i < times; i++) {
    relay.tell ("rebind");
    const gint64 start = g_get_monotonic_time ();
    // Nothing that was on its way before.
    pass_time (200);
    viewer.wait_frames (30);
    g_test_message ("30 pictures %.1f s after address %u changed",
        static_cast<double> (g_get_monotonic_time () - start) / G_USEC_PER_SEC,
        i + 1);
  }
  relay.tell ("stats");
  g_assert_cmpint (relay.counter ("stale"), >, 0);
  g_assert_cmpint (relay.counter ("rebinds"), ==, times);
  server.check_session ();
}

void
address_changes_with_one_thread ()
{
  address_changes (1, "0", 2);
}

// The kernel takes the new address to the one or the other thread.
void
address_changes_with_two_threads ()
{
  address_changes (2, "0", 4);
}

void
address_changes_with_losses ()
{
  address_changes (2, "0.05", 3);
}

void
plays_by_tcp_alone ()
{
  Server server (2);
  Viewer viewer (server.url (), true);
  viewer.wait_frames (kFrames);
  server.check_session ();
  const std::uint64_t missing = missing_at_the_end (server, viewer);
  if (may_lose ())
    return;
  g_assert_cmpuint (viewer.lost (), ==, 0);
  g_assert_cmpuint (missing, ==, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  if (!Owned<char> (g_find_program_in_path ("ffmpeg"))) {
    g_printerr ("no ffmpeg\n");
    return 77;
  }
  g_test_add_func ("/bad-network/losses", losses_are_made_good);
  if (transport_is_native ()) {
    // The other one waits for libnice's checks, of which this viewer makes none.
    g_test_add_func ("/bad-network/address-changes/one-thread",
        address_changes_with_one_thread);
    g_test_add_func ("/bad-network/address-changes/two-threads",
        address_changes_with_two_threads);
    g_test_add_func ("/bad-network/address-changes/with-losses",
        address_changes_with_losses);
    g_test_add_func ("/bad-network/tcp", plays_by_tcp_alone);
  }
  const int status = g_test_run ();
  excuse_dtls_agent ();
  gst_deinit ();
  return status;
}
