// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A pipeline and signalling of one's own: offers are files, an answer goes beside its offer.
//   embed-cpp --rtp-port=5004 one.sdp two.sdp     → one.sdp.answer, two.sdp.answer
#include <glib-unix.h>
#include <gst/gst.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

struct App
{
  GMainLoop *loop = nullptr;
  GstElement *sink = nullptr;
  std::vector<std::string> offers; // files without an answer yet
  bool draining = false;
  int status = 0;
};

struct Call
{
  std::function<void (const GstStructure *)> then;
  GstPromise *promise = nullptr;
};

// The sink replies on a thread of its own; what is to follow runs in the main loop.
static GstPromise *
promise_to (std::function<void (const GstStructure *)> then)
{
  auto *call = new Call{std::move (then)};
  auto replied = [] (GstPromise *, gpointer data) {
    g_idle_add_once (
        [] (gpointer idle_data) {
          auto *done = static_cast<Call *> (idle_data);
          done->then (gst_promise_get_reply (done->promise));
          gst_promise_unref (done->promise); // and with it the call
        },
        data);
  };
  return call->promise = gst_promise_new_with_change_func (replied, call,
             [] (gpointer data) { delete static_cast<Call *> (data); });
}

static void
answered (App *app, const std::string &path, const GstStructure *reply)
{
  if (gst_structure_has_name (reply, "rtprestream-viewer")) {
    const char *answer = gst_structure_get_string (reply, "answer");
    bool written = g_file_set_contents ((path + ".answer").c_str (), answer, -1, nullptr);
    g_print ("%s %s viewer-id=%s\n", written ? "answered" : "cannot write the answer of", path.c_str (),
        gst_structure_get_string (reply, "viewer-id"));
    return;
  }
  guint status = 0, retry_after = 0;
  gst_structure_get (reply, "status", G_TYPE_UINT, &status, "retry-after", G_TYPE_UINT, &retry_after, nullptr);
  if (retry_after > 0 && !app->draining)
    app->offers.push_back (path); // no stream yet, or too many viewers: try again
  else
    g_print ("refused %s: %u %s\n", path.c_str (), status, gst_structure_get_string (reply, "message"));
}

static gboolean
look_for_offers (gpointer data)
{
  auto *app = static_cast<App *> (data);
  for (const std::string &path : std::exchange (app->offers, {})) {
    g_autofree char *offer = nullptr;
    if (app->draining || !g_file_get_contents (path.c_str (), &offer, nullptr, nullptr)) {
      app->offers.push_back (path); // there is none yet
      continue;
    }
    g_autoptr (GstStructure) options = gst_structure_new ("options", "loopback", G_TYPE_BOOLEAN, TRUE, nullptr);
    g_signal_emit_by_name (app->sink, "add-viewer", offer, options,
        promise_to ([=] (const GstStructure *reply) { answered (app, path, reply); }));
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_message (GstBus *, GstMessage *message, gpointer data)
{
  auto *app = static_cast<App *> (data);
  if (gst_message_has_name (message, "GstRtpRestreamSrcBound")) {
    guint port = 0;
    gst_structure_get_uint (gst_message_get_structure (message), "video-port", &port);
    g_print ("bound video-port=%u audio-port=%u\n", port, port + 1);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    g_autoptr (GError) error = nullptr;
    gst_message_parse_error (message, &error, nullptr);
    g_printerr ("%s: %s\n", GST_OBJECT_NAME (GST_MESSAGE_SRC (message)), error->message);
    app->status = 1;
    g_main_loop_quit (app->loop);
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer data)
{
  auto *app = static_cast<App *> (data);
  app->draining = true;
  auto drained = [=] (const GstStructure *) { g_main_loop_quit (app->loop); };
  g_signal_emit_by_name (app->sink, "drain", guint64 (2 * GST_SECOND), promise_to (drained));
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  int port = 0;
  const GOptionEntry entries[] = {
      {"rtp-port", 0, 0, G_OPTION_ARG_INT, &port, "UDP port of the video (0 = find)", "PORT"}, {}};
  g_autoptr (GError) error = nullptr;
  g_autoptr (GOptionContext) context = g_option_context_new ("OFFER… - answer SDP offers in files");
  g_option_context_add_main_entries (context, entries, nullptr);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc < 2 || port < 0 || port > 65534) {
    g_printerr ("%s\n", error ? error->message : "wrong options: see --help");
    return 2;
  }
  App app;
  app.offers.assign (argv + 1, argv + argc);
  GstElement *pipeline = gst_parse_launch ("rtprestreamsrc name=src  rtprestreamsink name=sink  "
                                           "src.video ! sink.video  src.audio ! sink.audio",
      &error);
  if (error) {
    g_printerr ("no pipeline: %s\n", error->message);
    return 1;
  }
  gst_child_proxy_set (GST_CHILD_PROXY (pipeline), "src::port", port, nullptr);
  app.sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  app.loop = g_main_loop_new (nullptr, FALSE);
  GstBus *bus = gst_element_get_bus (pipeline);
  const guint sources[] = {gst_bus_add_watch (bus, on_message, &app), g_timeout_add (100, look_for_offers, &app),
      g_unix_signal_add (SIGINT, on_signal, &app), g_unix_signal_add (SIGTERM, on_signal, &app)};
  gst_element_set_state (pipeline, GST_STATE_PLAYING); // a failure comes as a message
  g_main_loop_run (app.loop);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  for (guint id : sources)
    g_source_remove (id);
  for (bool more = true; more;) // the last replies
    more = g_main_context_iteration (nullptr, FALSE);
  for (gpointer object : {gpointer (bus), gpointer (app.sink), gpointer (pipeline)})
    gst_object_unref (object);
  g_main_loop_unref (app.loop);
  gst_deinit (); // waits for GStreamer's threads: leak checkers like it
  return app.status;
}
