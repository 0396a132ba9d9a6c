/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pipeline of one's own. The sink is its own WHEP server; the program looks on.
 *   embed-c --whep-port=8080 --rtp-port=5004 */
#include <glib-unix.h>
#include <gst/gst.h>

typedef struct
{
  GMainLoop *loop;
  GstElement *pipeline, *sink;
  gboolean stopping;
  int status; /* of the program */
} App;

/* On a thread of the sink's: be quick, and leave states alone. */
static void
viewer_added (GstElement *sink, const char *id, gpointer data)
{
  g_print ("viewer-added %s\n", id);
}

static void
viewer_removed (GstElement *sink, const char *id, const char *reason, gpointer data)
{
  g_print ("viewer-removed %s: %s\n", id, reason);
}

static gboolean
print_stats (gpointer data)
{
  App *app = data;
  GstStructure *stats = NULL, *video = NULL;
  guint viewers = 0, connected = 0;
  guint64 in = 0, sent = 0, dropped = 0;

  g_object_get (app->sink, "stats", &stats, NULL);
  if (!stats)
    return G_SOURCE_CONTINUE;
  gst_structure_get (stats, "viewers", G_TYPE_UINT, &viewers, "viewers-connected", G_TYPE_UINT, &connected,
      "sent-packets", G_TYPE_UINT64, &sent, "dropped-packets", G_TYPE_UINT64, &dropped, "video", GST_TYPE_STRUCTURE,
      &video, NULL);
  gst_structure_get_uint64 (video, "packets", &in);
  g_print ("stats viewers=%u connected=%u video-in=%" G_GUINT64_FORMAT " sent=%" G_GUINT64_FORMAT
           " dropped=%" G_GUINT64_FORMAT "\n",
      viewers, connected, in, sent, dropped);
  gst_structure_free (video);
  gst_structure_free (stats);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  App *app = data;

  if (gst_message_has_name (message, "GstRtpRestreamSrcBound")) {
    guint video = 0, audio = 0;
    gst_structure_get (gst_message_get_structure (message), "video-port", G_TYPE_UINT, &video, "audio-port",
        G_TYPE_UINT, &audio, NULL);
    g_print ("bound video-port=%u audio-port=%u\n", video, audio);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s: %s\n", GST_OBJECT_NAME (GST_MESSAGE_SRC (message)), error->message);
    g_error_free (error);
    app->status = 1;
    g_main_loop_quit (app->loop);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
    g_main_loop_quit (app->loop); /* each viewer has been told */
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer data)
{
  App *app = data;

  if (app->stopping) /* the second signal does not wait */
    g_main_loop_quit (app->loop);
  app->stopping = TRUE;
  gst_element_send_event (app->pipeline, gst_event_new_eos ()); /* makes the sink drain */
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  App app = {0};
  int rtp_port = 0, whep_port = 8080;
  const GOptionEntry entries[] = {
      {"rtp-port", 0, 0, G_OPTION_ARG_INT, &rtp_port, "UDP port of the video; audio: the next (0 = find)", "PORT"},
      {"whep-port", 0, 0, G_OPTION_ARG_INT, &whep_port, "TCP port of WHEP and the page (8080)", "PORT"},
      {0},
  };
  GError *error = NULL;
  GOptionContext *context = g_option_context_new ("- serve FFmpeg's RTP to browsers");
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  gboolean parsed = g_option_context_parse (context, &argc, &argv, &error);
  g_option_context_free (context);
  if (!parsed || argc > 1 || rtp_port < 0 || rtp_port > 65534 || whep_port < 1 || whep_port > 65535) {
    g_printerr ("%s\n", error ? error->message : "wrong options: see --help");
    g_clear_error (&error);
    return 2;
  }

  app.pipeline = gst_parse_launch ("rtprestreamsrc name=src  rtprestreamsink name=sink "
                                   "src.video ! sink.video  src.audio ! sink.audio",
      &error);
  if (!app.pipeline || error) {
    g_printerr ("no pipeline: %s\n", error->message);
    g_clear_error (&error);
    gst_clear_object (&app.pipeline);
    return 1;
  }
  GstElement *src = gst_bin_get_by_name (GST_BIN (app.pipeline), "src");
  app.sink = gst_bin_get_by_name (GST_BIN (app.pipeline), "sink");
  g_object_set (src, "port", rtp_port, NULL);
  g_object_set (app.sink, "whep-port", whep_port, NULL);
  g_signal_connect (app.sink, "viewer-added", G_CALLBACK (viewer_added), NULL);
  g_signal_connect (app.sink, "viewer-removed", G_CALLBACK (viewer_removed), NULL);

  app.loop = g_main_loop_new (NULL, FALSE);
  GstBus *bus = gst_element_get_bus (app.pipeline);
  guint sources[] = {gst_bus_add_watch (bus, on_message, &app), g_timeout_add_seconds (1, print_stats, &app),
      g_unix_signal_add (SIGINT, on_signal, &app), g_unix_signal_add (SIGTERM, on_signal, &app)};

  /* A failure to start comes as a message, too. */
  gst_element_set_state (app.pipeline, GST_STATE_PLAYING);
  g_main_loop_run (app.loop);

  gst_element_set_state (app.pipeline, GST_STATE_NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  gst_object_unref (bus);
  gst_object_unref (src);
  gst_object_unref (app.sink);
  gst_object_unref (app.pipeline);
  g_main_loop_unref (app.loop);
  gst_deinit (); /* waits for GStreamer's threads: leak checkers like it */
  return app.status;
}
