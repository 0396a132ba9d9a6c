// SPDX-License-Identifier: LGPL-2.1-or-later
// restream-test-viewer: N WHEP viewers in one process, without a browser.
// Prints one line of JSON for each event, each viewer's end, and the sum.
#include "tests/support/leaks.h"
#include "tests/support/whep-viewer.h"

#include <glib-unix.h>
#include <json-glib/json-glib.h>

#include <cstdio>

using namespace restream;
using namespace restream::test;
using Event = WhepViewer::Event;

namespace {

struct Options
{
  Owned<char> url;
  gint viewers = 1;
  gdouble seconds = 10;
  gdouble rate = 20;
  gint latency = 200;
  gboolean audio_only = FALSE, video_only = FALSE, tcp = FALSE;
  gboolean exit_when_closed = FALSE, vanish = FALSE, json = FALSE;
};

class Program
{
public:
  explicit Program (Options options) : options_ (std::move (options)) {}
  int run ();

private:
  void join_one ();
  void leave_all ();
  void on_event (std::size_t index, WhepViewer &viewer, Event event);
  void print (JsonBuilder *builder, const char *text);
  void print_event (std::size_t index, const WhepViewer &viewer, Event event);
  void print_viewer (std::size_t index, const ViewerResult &result);
  void print_total ();

  Options options_;
  Ref<GMainLoop> loop_ =
      Ref<GMainLoop>::adopt (g_main_loop_new (nullptr, FALSE));
  WhepClient client_;
  std::vector<std::shared_ptr<WhepViewer>> viewers_;
  std::vector<ViewerResult> results_;
  Timer join_, end_;
  std::size_t left_ = 0;
  bool leaving_ = false;
};

const char *
name_of_event (Event event)
{
  switch (event) {
    case Event::answered:
      return "answered";
    case Event::refused:
      return "refused";
    case Event::connected:
      return "connected";
    case Event::media:
      return "media";
    case Event::closed:
      return "closed";
    case Event::failed:
      return "failed";
    case Event::left:
      return "left";
  }
  return "?";
}

// JsonBuilder, shorter.
void
add (JsonBuilder *b, const char *name, const char *value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_string_value (b, value);
}
void
add (JsonBuilder *b, const char *name, std::int64_t value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_int_value (b, value);
}
void
add_count (JsonBuilder *b, const char *name, std::uint64_t value)
{
  add (b, name, static_cast<std::int64_t> (value));
}
void
add_bool (JsonBuilder *b, const char *name, bool value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_boolean_value (b, value);
}
// From one moment to a later one, or null.
void
add_ms (JsonBuilder *b, const char *name, std::int64_t from_us,
    std::int64_t to_us)
{
  json_builder_set_member_name (b, name);
  if (from_us && to_us)
    json_builder_add_double_value (b,
        static_cast<double> (to_us - from_us) / 1000);
  else
    json_builder_add_null_value (b);
}

Ref<JsonBuilder>
begin (const char *event)
{
  auto b = Ref<JsonBuilder>::adopt (json_builder_new ());
  json_builder_begin_object (b.get ());
  add (b.get (), "event", event);
  return b;
}

void
add_media (JsonBuilder *b, const char *name, const RtpCounter &c,
    std::int64_t posted_us)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_object (b);
  add_count (b, "packets", c.packets ());
  add_count (b, "bytes", c.bytes ());
  add_count (b, "lost", c.lost ());
  add_count (b, "duplicates", c.duplicates ());
  add_count (b, "reordered", c.reordered ());
  add_count (b, "frames", c.frames ());
  add_count (b, "keyframes", c.keyframes ());
  add_bool (b, "starts_with_keyframe", c.starts_with_keyframe ());
  add_count (b, "ssrc_changes", c.ssrc_changes ());
  add_count (b, "timestamp_steps_back", c.timestamp_steps_back ());
  add (b, "ssrc", std::int64_t{c.ssrc ()});
  add (b, "first_us", c.first_us ());
  add (b, "last_us", c.last_us ());
  add_ms (b, "first_packet_ms", posted_us, c.first_us ());
  add_ms (b, "first_keyframe_ms", posted_us, c.first_keyframe_us ());
  json_builder_end_object (b);
}

void
Program::print (JsonBuilder *builder, const char *text)
{
  if (options_.json) {
    json_builder_end_object (builder);
    JsonNode *root = json_builder_get_root (builder);
    Owned<char> line (json_to_string (root, FALSE));
    json_node_unref (root);
    std::puts (line.get ());
  } else {
    std::puts (text);
  }
  std::fflush (stdout);
}

void
Program::print_event (std::size_t index, const WhepViewer &viewer, Event event)
{
  const ViewerResult result = viewer.result ();
  auto b = begin (name_of_event (event));
  add_count (b.get (), "viewer", index);
  add (b.get (), "now_us", g_get_monotonic_time ());
  if (result.status)
    add (b.get (), "status", std::int64_t{result.status});
  if (!result.problem.empty ())
    add (b.get (), "problem", result.problem.c_str ());
  if (event == Event::closed)
    add (b.get (), "closed_us", result.closed_us);
  const std::string text = "viewer " + std::to_string (index) + ": "
      + name_of_event (event)
      + (result.problem.empty () ? "" : ": " + result.problem);
  print (b.get (), text.c_str ());
}

void
Program::print_viewer (std::size_t index, const ViewerResult &r)
{
  const RtpCounter &video = r.stats.media[index_of (Media::video)];
  const RtpCounter &audio = r.stats.media[index_of (Media::audio)];
  auto b = begin ("viewer");
  add_count (b.get (), "viewer", index);
  add (b.get (), "status", std::int64_t{r.status});
  add (b.get (), "problem", r.problem.c_str ());
  add_bool (b.get (), "connected", r.connected_us != 0);
  add_bool (b.get (), "closed_by_server", r.closed_us != 0);
  add (b.get (), "closed_us", r.closed_us);
  add (b.get (), "bye_us", r.stats.bye_us);
  add (b.get (), "delete_status", std::int64_t{r.delete_status});
  add_ms (b.get (), "answer_ms", r.posted_us, r.answered_us);
  add_ms (b.get (), "connected_ms", r.posted_us, r.connected_us);
  add_ms (b.get (), "first_packet_ms", r.posted_us, r.media_us);
  add_count (b.get (), "packets", video.packets () + audio.packets ());
  add_count (b.get (), "lost", video.lost () + audio.lost ());
  add_count (b.get (), "delivered", r.stats.delivered);
  add_count (b.get (), "retransmissions", r.stats.retransmissions);
  add_count (b.get (), "other_packets", r.stats.other_packets);
  add_media (b.get (), "video", video, r.posted_us);
  add_media (b.get (), "audio", audio, r.posted_us);
  Owned<char> text (g_strdup_printf (
      "viewer %zu: status %u, %s, video %" G_GUINT64_FORMAT
      " packets %" G_GUINT64_FORMAT " lost, audio %" G_GUINT64_FORMAT
      " packets %" G_GUINT64_FORMAT " lost%s%s",
      index, r.status, r.connected_us ? "connected" : "never connected",
      video.packets (), video.lost (), audio.packets (), audio.lost (),
      r.closed_us ? ", closed by the server" : "",
      r.problem.empty () ? "" : (": " + r.problem).c_str ()));
  print (b.get (), text.get ());
}

void
Program::print_total ()
{
  std::uint64_t connected = 0, refused = 0, failed = 0, with_media = 0,
                closed = 0;
  std::uint64_t packets = 0, lost = 0;
  for (const ViewerResult &r : results_) {
    connected += r.connected_us != 0;
    with_media += r.media_us != 0;
    closed += r.closed_us != 0;
    refused += r.status != 0 && r.status != 201;
    failed += !r.problem.empty () && (r.status == 0 || r.status == 201);
    for (const RtpCounter &c : r.stats.media) {
      packets += c.packets ();
      lost += c.lost ();
    }
  }
  auto b = begin ("total");
  add_count (b.get (), "viewers", results_.size ());
  add_count (b.get (), "connected", connected);
  add_count (b.get (), "with_media", with_media);
  add_count (b.get (), "closed_by_server", closed);
  add_count (b.get (), "refused", refused);
  add_count (b.get (), "failed", failed);
  add_count (b.get (), "packets", packets);
  add_count (b.get (), "lost", lost);
  Owned<char> text (g_strdup_printf (
      "%zu viewers: %" G_GUINT64_FORMAT " connected, %" G_GUINT64_FORMAT
      " closed by the server, %" G_GUINT64_FORMAT " refused, %" G_GUINT64_FORMAT
      " failed, %" G_GUINT64_FORMAT " packets, %" G_GUINT64_FORMAT " lost",
      results_.size (), connected, closed, refused, failed, packets, lost));
  print (b.get (), text.get ());
}

void
Program::on_event (std::size_t index, WhepViewer &viewer, Event event)
{
  if (event == Event::left) {
    results_[index] = viewer.result ();
    print_viewer (index, results_[index]);
    if (++left_ == static_cast<std::size_t> (options_.viewers)
        || (leaving_ && left_ == viewers_.size ()))
      g_main_loop_quit (loop_.get ());
    return;
  }
  print_event (index, viewer, event);
  if (event == Event::refused || event == Event::failed
      || (event == Event::closed && options_.exit_when_closed))
    viewer.leave ();
}

void
Program::join_one ()
{
  const std::size_t index = viewers_.size ();
  ViewerOptions options{.url = options_.url.get (),
      .name = "viewer-" + std::to_string (index),
      .video = !options_.audio_only,
      .audio = !options_.video_only,
      .vanish = static_cast<bool> (options_.vanish),
      .tcp_only = static_cast<bool> (options_.tcp),
      .latency_ms = static_cast<unsigned> (options_.latency)};
  results_.emplace_back ();
  viewers_.push_back (std::make_shared<WhepViewer> (nullptr, client_,
      std::move (options), [this, index] (WhepViewer &v, Event event) {
        on_event (index, v, event);
      }));
  viewers_.back ()->join ();
}

void
Program::leave_all ()
{
  if (std::exchange (leaving_, true))
    return;
  join_.cancel ();
  if (left_ == viewers_.size ())
    g_main_loop_quit (loop_.get ());
  for (auto &viewer : viewers_)
    viewer->leave ();
}

int
Program::run ()
{
  auto interrupted = +[] (gpointer data) -> gboolean {
    static_cast<Program *> (data)->leave_all ();
    return G_SOURCE_CONTINUE;
  };
  const guint signals[] = {g_unix_signal_add (SIGINT, interrupted, this),
      g_unix_signal_add (SIGTERM, interrupted, this)};

  join_one ();
  join_ = Timer (nullptr, static_cast<guint> (MAX (1.0, 1000 / options_.rate)),
      [this] {
        if (viewers_.size () < static_cast<std::size_t> (options_.viewers))
          join_one ();
        return viewers_.size () < static_cast<std::size_t> (options_.viewers);
      });
  end_ = Timer (nullptr, static_cast<guint> (options_.seconds * 1000), [this] {
    leave_all ();
    return false;
  });
  g_main_loop_run (loop_.get ());
  for (guint id : signals)
    g_source_remove (id);

  print_total ();
  bool good = results_.size () == static_cast<std::size_t> (options_.viewers);
  for (const ViewerResult &r : results_)
    good &= r.problem.empty () && r.media_us != 0;
  return good ? 0 : 1;
}

} // namespace

int
main (int argc, char **argv)
{
  Options o;
  char *url = nullptr;
  const GOptionEntry entries[] = {
      {"url", 0, 0, G_OPTION_ARG_STRING, &url, "WHEP endpoint", "URL"},
      {"viewers", 0, 0, G_OPTION_ARG_INT, &o.viewers, "how many viewers (1)",
          "N"},
      {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &o.seconds, "all leave after (10)",
          "S"},
      {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &o.rate, "joins a second (20)", "R"},
      {"latency", 0, 0, G_OPTION_ARG_INT, &o.latency,
          "of the jitter buffer (200)", "MS"},
      {"audio-only", 0, 0, G_OPTION_ARG_NONE, &o.audio_only, "offer no video",
          nullptr},
      {"video-only", 0, 0, G_OPTION_ARG_NONE, &o.video_only, "offer no audio",
          nullptr},
      {"tcp", 0, 0, G_OPTION_ARG_NONE, &o.tcp, "media by TCP only", nullptr},
      {"exit-when-closed", 0, 0, G_OPTION_ARG_NONE, &o.exit_when_closed,
          "leave when the server closes", nullptr},
      {"vanish", 0, 0, G_OPTION_ARG_NONE, &o.vanish, "leave without a DELETE",
          nullptr},
      {"json", 0, 0, G_OPTION_ARG_NONE, &o.json, "lines of JSON", nullptr},
      {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr},
  };
  GOptionContext *context = g_option_context_new (nullptr);
  g_option_context_add_main_entries (context, entries, nullptr);
  g_option_context_add_group (context, gst_init_get_option_group ());
  Owned<GError> error;
  const bool parsed =
      g_option_context_parse (context, &argc, &argv, out (error));
  g_option_context_free (context);
  o.url.reset (url);
  if (!parsed || !o.url || o.viewers < 1 || o.viewers > 1000 || o.seconds <= 0
      || o.seconds > 1e6 || o.rate <= 0 || o.latency < 0 || o.latency > 60000
      || (o.audio_only && o.video_only)) {
    std::fprintf (stderr, "restream-test-viewer: %s\n",
        error ? error->message : "wrong options, see --help");
    return 2;
  }
  const int status = Program (std::move (o)).run ();
  excuse_dtls_agent ();
  gst_deinit ();
  return status;
}
