// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/codec/payload-format.h"
#include "tests/sink/sender.h"
#include "tests/sink/sink-fixture.h"
#include "tests/support/transport.h"

#include <chrono>

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace restream::sinktest {

namespace {

Ref<GstCaps>
caps_of (const std::string &encoding_name)
{
  const codec::CodecInfo *info = codec::find_codec (encoding_name);
  fail_unless (info != nullptr, "no codec %s", encoding_name.c_str ());
  auto caps = Ref<GstCaps>::adopt (gst_caps_new_simple ("application/x-rtp",
      "media", G_TYPE_STRING, name_of (info->media), "encoding-name",
      G_TYPE_STRING, info->encoding_name, "clock-rate", G_TYPE_INT,
      static_cast<int> (info->clock_rate), "payload", G_TYPE_INT,
      info->media == Media::video ? 102 : 111, nullptr));
  if (info->encoding_params)
    gst_caps_set_simple (caps.get (), "encoding-params", G_TYPE_STRING,
        info->encoding_params, nullptr);
  if (encoding_name == "H264")
    gst_caps_set_simple (caps.get (), "packetization-mode", G_TYPE_STRING, "1",
        "profile-level-id", G_TYPE_STRING, "42c01f", nullptr);
  return caps;
}

using packets::Bytes;

Ref<GstBuffer>
buffer_of (const Bytes &bytes)
{
  return Ref<GstBuffer>::adopt (
      gst_buffer_new_memdup (bytes.data (), bytes.size ()));
}

} // namespace

Rig::Rig (Options options) : options_ (options)
{
  pipeline_ = Ref<GstElement>::sink (gst_pipeline_new ("rig"));
  living_.emplace ([pipeline = pipeline_] {
    gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  });
  sink_ = Ref<GstElement>::sink (
      gst_element_factory_make ("rtprestreamsink", "sink"));
  fail_unless (sink_.get () != nullptr, "no rtprestreamsink");
  gst_util_set_object_arg (G_OBJECT (sink_.get ()), "transport",
      test::test_transport ());
  gst_bin_add (GST_BIN (pipeline_.get ()), sink_.get ());
  // Each handler has the log itself: a check that fails jumps out of the test's stack.
  auto connect = [this] (const char *signal, GCallback handler) {
    g_signal_connect_data (
        sink_.get (), signal, handler, new std::shared_ptr<SignalLog> (log_),
        +[] (gpointer data, GClosure *) {
          delete static_cast<std::shared_ptr<SignalLog> *> (data);
        },
        GConnectFlags (0));
  };
  using Log = std::shared_ptr<SignalLog>;
  connect ("viewer-added",
      G_CALLBACK (+[] (GstElement *, const char *id, Log *log) {
        (*log)->add ({"added", id, ""});
      }));
  connect ("viewer-state-changed",
      G_CALLBACK (
          +[] (GstElement *, const char *id, const char *state, Log *log) {
            (*log)->add ({"state", id, state});
          }));
  connect ("viewer-removed",
      G_CALLBACK (
          +[] (GstElement *, const char *id, const char *reason, Log *log) {
            (*log)->add ({"removed", id, reason});
          }));
  for (Media media : kAllMedia) {
    if (!(media == Media::video ? options.video : options.audio))
      continue;
    Ref<GstPad> &pad = pads_[index_of (media)];
    pad = Ref<GstPad>::sink (gst_pad_new (name_of (media), GST_PAD_SRC));
    auto peer = Ref<GstPad>::adopt (
        gst_element_get_static_pad (sink_.get (), name_of (media)));
    gst_pad_set_active (pad.get (), TRUE);
    fail_unless (
        gst_pad_link_full (pad.get (), peer.get (), GST_PAD_LINK_CHECK_NOTHING)
        == GST_PAD_LINK_OK);
  }
  if (options.start) {
    set_state (GST_STATE_PLAYING);
    for (Media media : kAllMedia)
      push_headers (media);
  }
  if (options.start && options.feed) {
    start_feed ();
    wait_media ();
  }
}

Rig::~Rig ()
{
  stop_feed ();
  set_state (GST_STATE_NULL);
}

void
Rig::set_state (GstState state)
{
  // In a thread, so that a deadlock fails the test here.
  std::atomic<int> result{-1};
  std::thread changer (
      [&] { result = gst_element_set_state (pipeline_.get (), state); });
  const bool done = comes_true ([&] { return result != -1; }, kDeadlineS);
  if (!done)
    changer.detach ();
  fail_unless (done, "the change to %s does not end",
      gst_element_state_get_name (state));
  changer.join ();
  fail_unless (result != GST_STATE_CHANGE_FAILURE, "no change to %s",
      gst_element_state_get_name (state));
}

void
Rig::push_headers (Media media)
{
  GstPad *pad = pads_[index_of (media)].get ();
  if (!pad)
    return;
  fail_unless (
      push_event (media, gst_event_new_stream_start (name_of (media))));
  push_caps (media,
      media == Media::video ? options_.video_codec : options_.audio_codec);
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (push_event (media, gst_event_new_segment (&segment)));
}

void
Rig::push_caps (Media media, const std::string &encoding_name)
{
  auto caps = caps_of (encoding_name);
  fail_unless (push_event (media, gst_event_new_caps (caps.get ())));
}

bool
Rig::push_event (Media media, GstEvent *event)
{
  return gst_pad_push_event (pads_[index_of (media)].get (), event);
}

void
Rig::push (Media media, const std::vector<std::uint8_t> &packet)
{
  auto buffer = buffer_of (packet);
  GST_BUFFER_PTS (buffer.get ()) =
      gst_element_get_current_running_time (pipeline_.get ());
  gst_pad_push (pads_[index_of (media)].get (), buffer.release ());
}

// Sends in real time, from a thread that shares nothing with the stack of the test: a check that fails jumps out of it.
class Feed
{
public:
  Feed (Ref<GstElement> pipeline, const Ref<GstPad> (&pads)[kMediaCount],
      const std::string &video_codec, const std::string &audio_codec)
      : pipeline_ (std::move (pipeline)),
        lines_{{pads[index_of (Media::video)],
                   Sender (Media::video, video_codec),
                   std::chrono::microseconds (33333)},
            {pads[index_of (Media::audio)], Sender (Media::audio, audio_codec),
                std::chrono::milliseconds (20)}}
  {
  }
  void run ();

  std::atomic<bool> on{true};
  std::atomic<unsigned> restarts{0};

private:
  struct Line
  {
    Ref<GstPad> pad;
    Sender sender;
    std::chrono::steady_clock::duration every;
    std::chrono::steady_clock::time_point due =
        std::chrono::steady_clock::now ();
  };
  void push_next (Line &line);

  const Ref<GstElement> pipeline_;
  Line lines_[kMediaCount];
};

void
Feed::push_next (Line &line)
{
  line.due += line.every;
  if (const unsigned n = restarts; n != line.sender.run ())
    line.sender.restart (n);
  GstBufferList *list = gst_buffer_list_new ();
  for (const Bytes &packet : line.sender.next ()) {
    auto buffer = buffer_of (packet);
    GST_BUFFER_PTS (buffer.get ()) =
        gst_element_get_current_running_time (pipeline_.get ());
    gst_buffer_list_add (list, buffer.release ());
  }
  gst_pad_push_list (line.pad.get (),
      list); // the sink may be stopped: no matter
}

void
Feed::run ()
{
  for (Line &line : lines_)
    if (!line.pad)
      line.due = std::chrono::steady_clock::time_point::max ();
  while (on) {
    for (Line &line : lines_)
      if (std::chrono::steady_clock::now () >= line.due)
        push_next (line);
    std::this_thread::sleep_until (std::min (lines_[0].due, lines_[1].due));
  }
}

void
Rig::start_feed ()
{
  feed_ = std::make_shared<Feed> (pipeline_, pads_, options_.video_codec,
      options_.audio_codec);
  feed_living_.emplace ([feed = feed_] { feed->on = false; });
  feeder_ = std::thread ([feed = feed_] { feed->run (); });
}

void
Rig::stop_feed ()
{
  if (!feed_)
    return;
  feed_->on = false;
  feeder_.join ();
  feed_living_.reset ();
  feed_.reset ();
}

void
Rig::restart_source ()
{
  feed_->restarts++;
}

void
Rig::wait_media ()
{
  for (Media media : kAllMedia)
    if (pads_[index_of (media)])
      wait_until ("the sink has media",
          [&] { return stat (name_of (media), "packets") > 0; });
}

Reply
Rig::add_viewer (const std::string &offer)
{
  Reply reply;
  Owned<GstStructure> options (
      gst_structure_new ("options", "loopback", G_TYPE_BOOLEAN, TRUE, nullptr));
  g_signal_emit_by_name (sink_.get (), "add-viewer", offer.c_str (),
      options.get (), reply.promise ());
  return reply;
}

Reply
Rig::invite_viewer ()
{
  Reply reply;
  Owned<GstStructure> options (
      gst_structure_new ("options", "loopback", G_TYPE_BOOLEAN, TRUE, nullptr));
  g_signal_emit_by_name (sink_.get (), "invite-viewer", options.get (),
      reply.promise ());
  return reply;
}

Reply
Rig::answer_viewer (const std::string &id, const std::string &answer)
{
  Reply reply;
  g_signal_emit_by_name (sink_.get (), "answer-viewer", id.c_str (),
      answer.c_str (), reply.promise ());
  return reply;
}

Reply
Rig::remove_viewer (const std::string &id)
{
  Reply reply;
  g_signal_emit_by_name (sink_.get (), "remove-viewer", id.c_str (),
      reply.promise ());
  return reply;
}

Reply
Rig::drain (GstClockTime timeout)
{
  Reply reply;
  g_signal_emit_by_name (sink_.get (), "drain", static_cast<guint64> (timeout),
      reply.promise ());
  return reply;
}

Owned<GstStructure>
Rig::stats () const
{
  GstStructure *stats = nullptr;
  g_object_get (sink_.get (), "stats", &stats, nullptr);
  return Owned<GstStructure> (stats);
}

std::uint64_t
Rig::stat (const char *medium, const char *field) const
{
  Owned<GstStructure> all = stats (), one;
  fail_unless (all != nullptr, "no statistics");
  GstStructure *raw = nullptr;
  fail_unless (gst_structure_get (all.get (), medium, GST_TYPE_STRUCTURE, &raw,
      nullptr));
  one.reset (raw);
  guint64 value = 0;
  fail_unless (gst_structure_get_uint64 (one.get (), field, &value),
      "no %s of %s in the statistics", field, medium);
  return value;
}

std::vector<SignalRecord>
Rig::records () const
{
  const std::lock_guard lock (log_->mutex);
  return log_->records;
}

bool
Rig::saw (const std::string &name, const std::string &id) const
{
  for (const SignalRecord &r : records ())
    if (r.name == name && r.viewer_id == id)
      return true;
  return false;
}

std::string
Rig::reason_of_removal (const std::string &id) const
{
  for (const SignalRecord &r : records ())
    if (r.name == "removed" && r.viewer_id == id)
      return r.detail;
  return "";
}

Ref<GstMessage>
Rig::wait_message (GstMessageType types)
{
  auto bus = Ref<GstBus>::adopt (gst_element_get_bus (pipeline_.get ()));
  Ref<GstMessage> message;
  wait_until ("a message", [&] {
    message = Ref<GstMessage>::adopt (gst_bus_pop_filtered (bus.get (), types));
    return static_cast<bool> (message);
  });
  return message;
}

Owned<GstStructure>
stats_of (const Rig &rig, const std::string &id)
{
  Owned<GstStructure> all = rig.stats ();
  const GValue *list = gst_structure_get_value (all.get (), "per-viewer");
  fail_unless (list && GST_VALUE_HOLDS_ARRAY (list));
  for (guint i = 0; i < gst_value_array_get_size (list); i++) {
    const GstStructure *s =
        gst_value_get_structure (gst_value_array_get_value (list, i));
    if (id == gst_structure_get_string (s, "id"))
      return Owned<GstStructure> (gst_structure_copy (s));
  }
  return nullptr;
}

std::uint64_t
number (const Owned<GstStructure> &s, const char *field)
{
  guint64 value = 0;
  fail_unless (s != nullptr);
  fail_unless (gst_structure_get_uint64 (s.get (), field, &value),
      "no %s in the statistics", field);
  return value;
}

} // namespace restream::sinktest
