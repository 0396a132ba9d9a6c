// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/sink/sink-fixture.h"

#include "plugin/codec/payload-format.h"
#include "tests/codec/recorded.h"
#include "tests/src/packets.h"
#include "tests/support/leaks.h"
#include "tests/support/transport.h"

#include <chrono>

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace restream::sinktest {

namespace {

constexpr unsigned kDeadlineS = 40;
constexpr unsigned kKeyframeInterval = 10;
constexpr unsigned kFps = 30;

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

// The packets of one medium, as one FFmpeg after the other would send them.
class Sender
{
public:
  Sender (Media media, const std::string &encoding_name)
      : media_ (media),
        clock_rate_ (codec::find_codec (encoding_name)->clock_rate)
  {
    if (media == Media::video && encoding_name != "H264")
      load (encoding_name);
    restart (0);
  }

  void restart (unsigned count)
  {
    run_ = count;
    rtp_.ssrc = 0x5a000000u + 0x00010001u * count
        + static_cast<unsigned> (index_of (media_));
    // Near the wrap, so that every run crosses it.
    rtp_.sequence = static_cast<std::uint16_t> (65500 - 1000 * count);
    rtp_.timestamp = 0xfffff000u - 0x10000000u * count;
    rtp_.payload_type = (media_ == Media::video ? 102 : 111) + count % 2;
    picture_ = 0;
  }
  unsigned run () const { return run_; }

  // One picture or one frame of sound.
  std::vector<Bytes> next ()
  {
    std::vector<Bytes> out;
    if (media_ == Media::audio) {
      rtp_.payload = Bytes (40, 0x78);
      add (out, false);
      rtp_.timestamp += clock_rate_ / 50;
      return out;
    }
    if (!recorded_.empty ()) {
      const std::vector<Bytes> &payloads =
          recorded_[picture_++ % recorded_.size ()];
      for (std::size_t i = 0; i < payloads.size (); i++) {
        rtp_.payload = payloads[i];
        add (out, i + 1 == payloads.size ());
      }
      rtp_.timestamp += 90000 / kFps;
      return out;
    }
    if (picture_++ % kKeyframeInterval == 0) {
      rtp_.payload = packets::kSps;
      add (out, false);
      rtp_.payload = packets::kPps;
      add (out, false);
      rtp_.payload = Bytes (1000, 0x11); // FU-A of an IDR slice: start, end
      rtp_.payload[0] = 0x7c;
      rtp_.payload[1] = 0x85;
      add (out, false);
      rtp_.payload[1] = 0x45;
      add (out, true);
    } else {
      rtp_.payload = Bytes (300, 0x22);
      rtp_.payload[0] = 0x41;
      add (out, true);
    }
    rtp_.timestamp += 90000 / kFps;
    return out;
  }

private:
  void load (const std::string &encoding_name)
  {
    const std::pair<const char *, const char *> files[] = {
        {"H265", "h265-ffmpeg"}, {"VP8", "vp8-ffmpeg"}, {"VP9", "vp9-ffmpeg"},
        {"AV1", "av1-libaom"}};
    for (const auto &[known, file] : files) {
      if (encoding_name != known)
        continue;
      std::optional<std::uint32_t> timestamp;
      for (const Bytes &bytes : recorded::load (file).packets) {
        const auto packet = parse_rtp (bytes);
        if (timestamp != packet->timestamp)
          recorded_.emplace_back ();
        timestamp = packet->timestamp;
        recorded_.back ().emplace_back (packet->payload.begin (),
            packet->payload.end ());
      }
    }
    fail_if (recorded_.empty (), "no recording of %s", encoding_name.c_str ());
  }

  void add (std::vector<Bytes> &out, bool marker)
  {
    rtp_.marker = marker;
    out.push_back (packets::rtp (rtp_));
    rtp_.sequence++;
  }

  Media media_;
  std::uint32_t clock_rate_;
  std::vector<std::vector<Bytes>> recorded_; // the payloads of each picture
  packets::Rtp rtp_;
  unsigned run_ = 0, picture_ = 0;
};

} // namespace

bool
comes_true (const std::function<bool ()> &condition, unsigned seconds)
{
  const gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  Timer tick (nullptr, 10, [] { return true; });
  while (!condition ()) {
    if (g_get_monotonic_time () > end)
      return false;
    g_main_context_iteration (nullptr, TRUE);
  }
  return true;
}

void
wait_until (const std::string &what, const std::function<bool ()> &condition)
{
  fail_unless (comes_true (condition, kDeadlineS), "waited in vain for: %s",
      what.c_str ());
}

struct Reply::State
{
  std::mutex mutex;
  bool done = false;
  Owned<GstStructure> structure;
};

Reply::Reply () : state_ (std::make_shared<State> ())
{
  using Kept = std::shared_ptr<State>;
  promise_ = Ref<GstPromise>::adopt (gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto &state = *static_cast<Kept *> (data);
        const std::lock_guard lock (state->mutex);
        if (gst_promise_wait (promise) == GST_PROMISE_RESULT_REPLIED)
          if (const GstStructure *s = gst_promise_get_reply (promise))
            state->structure.reset (gst_structure_copy (s));
        state->done = true;
      },
      new Kept (state_),
      +[] (gpointer data) { delete static_cast<Kept *> (data); }));
}

bool
Reply::there () const
{
  const std::lock_guard lock (state_->mutex);
  return state_->done;
}

const GstStructure *
Reply::wait () const
{
  wait_until ("the reply of an action signal", [this] { return there (); });
  fail_unless (state_->structure != nullptr, "a reply without a structure");
  return state_->structure.get ();
}

unsigned
Reply::wait_status () const
{
  const GstStructure *reply = wait ();
  fail_unless (gst_structure_has_name (reply, "rtprestream-error"),
      "the reply is no error but %s", gst_structure_get_name (reply));
  guint status = 0;
  fail_unless (gst_structure_get_uint (reply, "status", &status));
  fail_if (text ("message").empty (), "an error without a message");
  return status;
}

std::string
Reply::text (const char *field) const
{
  const char *value = gst_structure_get_string (wait (), field);
  return value ? value : "";
}

Rig::Rig (Options options) : options_ (options)
{
  pipeline_ = Ref<GstElement>::sink (gst_pipeline_new ("rig"));
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
  feeder_ = std::thread ([feed = feed_] { feed->run (); });
}

void
Rig::stop_feed ()
{
  if (!feed_)
    return;
  feed_->on = false;
  feeder_.join ();
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

Viewer::Viewer (test::PeerOptions options)
{
  auto peer = test::WebrtcPeer::create (nullptr, std::move (options),
      {.connected = [this] (std::int64_t) { connected_ = true; },
          .media = [this] (std::int64_t) { media_ = true; },
          .closed = [this] (std::int64_t us) { closed_us_ = us; },
          .failed = [this] (const std::string &why) { problem_ = why; }});
  fail_unless (peer.has_value (), "no viewer: %s",
      peer ? "" : peer.error ().what.c_str ());
  peer_ = *peer;
}

Viewer::~Viewer ()
{
  stop ();
}

const std::string &
Viewer::offer ()
{
  if (offer_.empty ()) {
    std::string problem;
    peer_->create_offer ([&] (Result<std::string> made) {
      if (made)
        offer_ = *made;
      else
        problem = made.error ().what;
    });
    wait_until ("an offer",
        [&] { return !offer_.empty () || !problem.empty (); });
    fail_unless (problem.empty (), "no offer: %s", problem.c_str ());
  }
  return offer_;
}

void
Viewer::join (Rig &rig)
{
  join_with (rig, offer ());
}

void
Viewer::join_with (Rig &rig, const std::string &given)
{
  Reply reply = rig.add_viewer (given);
  const GstStructure *s = reply.wait ();
  fail_unless (gst_structure_has_name (s, "rtprestream-viewer"),
      "no viewer but %s: %s", gst_structure_get_name (s),
      reply.text ("message").c_str ());
  id_ = reply.text ("viewer-id");
  answer_ = reply.text ("answer");
  bool set = false;
  std::string problem;
  peer_->set_answer (answer_, [&] (Result<void> done) {
    set = true;
    if (!done)
      problem = done.error ().what;
  });
  wait_until ("the answer is set", [&] { return set; });
  fail_unless (problem.empty (), "the viewer refuses the answer: %s\n%s",
      problem.c_str (), answer_.c_str ());
}

void
Viewer::stop ()
{
  if (!peer_)
    return;
  last_ = peer_->stats ();
  peer_->stop ();
  peer_.reset ();
}

test::PeerStats
Viewer::stats () const
{
  return peer_ ? peer_->stats () : last_;
}

const test::RtpCounter &
Viewer::counter (Media media)
{
  last_ = stats ();
  return last_.media[index_of (media)];
}

void
Viewer::wait_media ()
{
  wait_until ("media at a viewer",
      [this] { return media_ || !problem_.empty (); });
  fail_unless (problem_.empty (), "viewer: %s", problem_.c_str ());
}

void
Viewer::wait_closed ()
{
  wait_until ("the close at a viewer", [this] { return closed (); });
}

// Those of webrtcbin's own; those of pools stay, and keep the names of what they did last.
static unsigned
count_viewer_threads ()
{
  unsigned count = 0;
  GDir *dir = g_dir_open ("/proc/self/task", 0, nullptr);
  while (const char *id = dir ? g_dir_read_name (dir) : nullptr) {
    Owned<char> path (
        g_build_filename ("/proc/self/task", id, "comm", nullptr));
    Owned<char> name;
    if (g_file_get_contents (path.get (), out (name), nullptr, nullptr) && name
        && (g_str_has_prefix (name.get (), "webrtcbin")
            || g_str_has_prefix (name.get (), "rtpsession")))
      count++;
  }
  if (dir)
    g_dir_close (dir);
  return count;
}

// GStreamer's DTLS makes a key, which on a busy machine takes seconds; forked tests inherit it. And threads of
// pools stay idle: one that ends just when exit() cleans OpenSSL up crashes there.
static void
prepare_process ()
{
  g_thread_pool_set_max_unused_threads (-1);
  auto element =
      Ref<GstElement>::sink (gst_element_factory_make ("dtlsdec", nullptr));
  fail_unless (element.get () != nullptr, "no dtlsdec");
}

// Before exit() cleans up under them.
static void
await_viewer_threads ()
{
  comes_true ([] { return count_viewer_threads () == 0; }, 5);
}

void
add_viewer_fixtures (TCase *tc)
{
  tcase_add_unchecked_fixture (tc, prepare_process, test::excuse_dtls_agent);
  tcase_add_checked_fixture (tc, nullptr, await_viewer_threads);
}

std::string
read_source (const std::string &path)
{
  Owned<char> file (g_build_filename (g_getenv ("RTPRESTREAM_SOURCE_ROOT"),
      path.c_str (), nullptr));
  Owned<char> text;
  Owned<GError> error;
  gsize length = 0;
  g_file_get_contents (file.get (), out (text), &length, out (error));
  fail_unless (error == nullptr, "%s", error ? error->message : "");
  return std::string (text.get (), length);
}

static unsigned
count_entries (const char *path)
{
  GDir *dir = g_dir_open (path, 0, nullptr);
  fail_unless (dir != nullptr);
  unsigned count = 0;
  while (g_dir_read_name (dir))
    count++;
  g_dir_close (dir);
  return count;
}

unsigned
count_descriptors ()
{
  return count_entries ("/proc/self/fd");
}

unsigned
count_threads ()
{
  return count_entries ("/proc/self/task");
}

} // namespace restream::sinktest
