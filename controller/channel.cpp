// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/channel.h"

#include "controller/log.h"

#include <utility>

namespace restream {

namespace {

// The sink keeps its own bound; these are for a sink or a pipeline that does not.
constexpr unsigned kDrainGraceMs = 2000;
constexpr unsigned kNullTimeoutMs = 10000;
// In PLAYING within this, or the start is refused. A live pipeline takes no time.
constexpr GstClockTime kPlayTimeout = 5 * GST_SECOND;

std::string
join (const std::vector<std::string> &list)
{
  std::string text;
  for (const std::string &item : list)
    text += (text.empty () ? "" : ",") + item;
  return text;
}

Result<Ref<GstElement>>
make_element (const char *factory)
{
  GstElement *element = gst_element_factory_make (factory, nullptr);
  if (!element)
    return Error{Code::unprocessable,
        std::string ("the GStreamer element ") + factory + " is not installed"};
  return Ref<GstElement>::sink (element);
}

// The elements know the rest of the codec.
Ref<GstCaps>
rtp_caps (const std::string &encoding, unsigned payload_type)
{
  return Ref<GstCaps>::adopt (gst_caps_new_simple ("application/x-rtp",
      "encoding-name", G_TYPE_STRING, encoding.c_str (), "payload", G_TYPE_INT,
      int (payload_type), nullptr));
}

// What a promise of the sink calls, once, on main: with the reply, or with null if
// the sink dropped it.
using ReplyFunction = std::function<void (const GstStructure *)>;

Ref<GstPromise>
make_promise (ReplyFunction function)
{
  struct Waiting
  {
    ReplyFunction function;
    bool called = false;
    void call (const GstStructure *reply)
    {
      called = true;
      std::shared_ptr<GstStructure> copy (
          reply ? gst_structure_copy (reply) : nullptr, [] (GstStructure *s) {
            if (s)
              gst_structure_free (s);
          });
      post (nullptr, [f = std::move (function), copy] { f (copy.get ()); });
    }
  };
  return Ref<GstPromise>::adopt (gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        bool replied = gst_promise_wait (promise) == GST_PROMISE_RESULT_REPLIED;
        static_cast<Waiting *> (data)->call (
            replied ? gst_promise_get_reply (promise) : nullptr);
      },
      new Waiting{std::move (function)},
      +[] (gpointer data) {
        auto *waiting = static_cast<Waiting *> (data);
        if (!waiting->called)
          waiting->call (nullptr);
        delete waiting;
      }));
}

Code
code_of (unsigned status)
{
  for (int i = static_cast<int> (Code::bad_request);
       i <= static_cast<int> (Code::timeout); i++)
    if (http_status (static_cast<Code> (i)) == status)
      return static_cast<Code> (i);
  return Code::internal;
}

// The reply, if it has this name.
Result<const GstStructure *>
parse_reply (const GstStructure *reply, const char *name)
{
  if (!reply)
    return Error{Code::unavailable, "the stream has ended", 1};
  if (gst_structure_has_name (reply, name))
    return reply;
  Error error{Code::internal, "the stream did not answer"};
  guint status = 0;
  if (gst_structure_get_uint (reply, "status", &status))
    error.code = code_of (status);
  if (const char *message = gst_structure_get_string (reply, "message"))
    error.what = message;
  gst_structure_get_uint (reply, "retry-after", &error.retry_after_s);
  // Two codes share a status.
  gboolean invite = FALSE;
  if (gst_structure_get_boolean (reply, "invite", &invite) && invite)
    error.code = Code::no_receiver;
  return error;
}

std::string
text_of (const GstStructure *reply, const char *field)
{
  const char *text = gst_structure_get_string (reply, field);
  return text ? text : "";
}

Result<ChannelViewer>
parse_viewer (const GstStructure *reply)
{
  bool invited =
      reply && gst_structure_has_name (reply, "rtprestream-invitation");
  auto parsed = parse_reply (reply,
      invited ? "rtprestream-invitation" : "rtprestream-viewer");
  if (!parsed)
    return parsed.error ();
  return ChannelViewer{text_of (reply, "viewer-id"),
      text_of (reply, invited ? "offer" : "answer")};
}

Owned<GstStructure>
viewer_options (bool loopback)
{
  return Owned<GstStructure> (gst_structure_new ("options", "loopback",
      G_TYPE_BOOLEAN, gboolean (loopback), nullptr));
}

} // namespace

Channel::Channel (Passkey, std::string process, Observer observer)
    : process_ (std::move (process)), observer_ (std::move (observer))
{
}

Channel::~Channel ()
{
  if (bus_watch_)
    g_source_destroy (bus_watch_.get ());
  // Not closed: a failed start, or the daemon ends without waiting.
  if (pipeline_ && state_ != State::closed)
    gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
}

Result<std::shared_ptr<Channel>>
Channel::create (const std::string &process, const ChannelOptions &options,
    Observer observer)
{
  auto channel =
      std::make_shared<Channel> (Passkey{}, process, std::move (observer));
  if (auto ok = channel->build (options); !ok)
    return ok.error ();
  if (auto ok = channel->play (); !ok)
    return ok.error ();
  channel->watch_bus ();
  return channel;
}

Result<void>
Channel::build (const ChannelOptions &options)
{
  auto src = make_element ("rtprestreamsrc");
  if (!src)
    return src.error ();
  auto sink = make_element ("rtprestreamsink");
  if (!sink)
    return sink.error ();
  src_ = *src;
  sink_ = *sink;
  pipeline_ = Ref<GstElement>::sink (gst_pipeline_new (nullptr));
  gst_bin_add_many (GST_BIN (pipeline_.get ()), src_.get (), sink_.get (),
      nullptr);

  g_object_set (src_.get (), "port", 0u, nullptr);
  if (options.video_pt)
    g_object_set (src_.get (), "video-caps",
        rtp_caps (options.video_encoding, *options.video_pt).get (), nullptr);
  if (options.audio_pt)
    g_object_set (src_.get (), "audio-caps",
        rtp_caps (options.audio_encoding, *options.audio_pt).get (), nullptr);
  if (!options.transport.empty ())
    gst_util_set_object_arg (G_OBJECT (sink_.get ()), "transport",
        options.transport.c_str ());
  g_object_set (sink_.get (), "max-viewers", options.max_viewers,
      "announced-addresses", join (options.announced_addresses).c_str (),
      "interfaces", join (options.interfaces).c_str (), "min-port",
      options.min_port, "max-port", options.max_port, "udp-port",
      options.udp_port, "io-threads", options.io_threads, "gop-cache-size",
      options.gop_cache_size, "gop-cache-time", options.gop_cache_time,
      "start-bitrate", options.start_bitrate, nullptr);

  for (auto [wanted, pad] : {std::pair (options.video_pt.has_value (), "video"),
           std::pair (options.audio_pt.has_value (), "audio")})
    if (wanted && !gst_element_link_pads (src_.get (), pad, sink_.get (), pad))
      return Error{Code::internal,
          std::string ("cannot link the ") + pad + " pads"};
  connect_viewer_signals ();
  return {};
}

Result<void>
Channel::play ()
{
  if (gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING)
          == GST_STATE_CHANGE_FAILURE
      || gst_element_get_state (pipeline_.get (), nullptr, nullptr,
             kPlayTimeout)
          == GST_STATE_CHANGE_FAILURE)
    return pipeline_error ("the pipeline does not start");
  guint port = 0;
  g_object_get (src_.get (), "port", &port, nullptr);
  if (port == 0 || port > 65534)
    return pipeline_error ("no port pair");
  port_ = std::uint16_t (port);
  return {};
}

// The first error on the bus, before anybody watches it.
Error
Channel::pipeline_error (const char *fallback)
{
  auto bus = Ref<GstBus>::adopt (
      gst_pipeline_get_bus (GST_PIPELINE (pipeline_.get ())));
  auto message = Ref<GstMessage>::adopt (
      gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
  if (!message)
    return {Code::internal, fallback};
  Owned<GError> error;
  gst_message_parse_error (message.get (), out (error), nullptr);
  return Error::from (error.get ());
}

void
Channel::watch_bus ()
{
  auto bus = Ref<GstBus>::adopt (
      gst_pipeline_get_bus (GST_PIPELINE (pipeline_.get ())));
  bus_watch_ = Ref<GSource>::adopt (gst_bus_create_watch (bus.get ()));
  GstBusFunc on_bus =
      +[] (GstBus *, GstMessage *message, gpointer data) -> gboolean {
    static_cast<Channel *> (data)->on_message (message);
    return G_SOURCE_CONTINUE;
  };
  g_source_set_callback (bus_watch_.get (), G_SOURCE_FUNC (on_bus), this,
      nullptr);
  g_source_attach (bus_watch_.get (), nullptr);
}

void
Channel::on_message (GstMessage *message)
{
  Owned<GError> error;
  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, out (error), nullptr);
      log_event (G_LOG_LEVEL_WARNING, process_,
          std::string ("stream failed: ") + error->message);
      if (!std::exchange (failed_, true) && observer_.failed)
        observer_.failed (error->message);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, out (error), nullptr);
      log_event (G_LOG_LEVEL_WARNING, process_,
          std::string ("stream: ") + error->message);
      if (observer_.warned)
        observer_.warned (error->message);
      break;
    case GST_MESSAGE_ELEMENT: {
      const GstStructure *s = gst_message_get_structure (message);
      gboolean waiting = TRUE;
      if (gst_structure_has_name (s, "GstRtpRestreamSinkKeyframe")
          && gst_structure_get_boolean (s, "waiting", &waiting) && !waiting)
        log_event (G_LOG_LEVEL_INFO, process_,
            "stream: there is a keyframe now");
      break;
    }
    default:
      break;
  }
}

// The handlers run on the sink's threads, and own no more than a weak reference.
void
Channel::connect_viewer_signals ()
{
  using Weak = std::weak_ptr<Channel>;
  auto connect = [this] (const char *signal, GCallback callback) {
    g_signal_connect_data (
        sink_.get (), signal, callback, new Weak (weak_from_this ()),
        +[] (gpointer data, GClosure *) { delete static_cast<Weak *> (data); },
        GConnectFlags (0));
  };
  connect ("notify::stream-active",
      G_CALLBACK (+[] (GstElement *, GParamSpec *, Weak *weak) {
        post (nullptr, *weak, [] (Channel &c) { c.activity_changed (); });
      }));
  connect ("viewer-added",
      G_CALLBACK (+[] (GstElement *, const char *viewer, Weak *weak) {
        post (nullptr, *weak,
            [id = std::string (viewer)] (Channel &c) { c.viewer_added (id); });
      }));
  connect ("viewer-state-changed",
      G_CALLBACK (+[] (GstElement *, const char *viewer, const char *state,
                       Weak *weak) {
        post (nullptr, *weak,
            [id = std::string (viewer), now = std::string (state)] (
                Channel &c) { c.viewer_state (id, now); });
      }));
  connect ("viewer-removed",
      G_CALLBACK (+[] (GstElement *, const char *viewer, const char *reason,
                       Weak *weak) {
        post (nullptr, *weak,
            [id = std::string (viewer),
                why = std::string (reason ? reason : "")] (
                Channel &c) { c.viewer_gone (id, why); });
      }));
}

Ref<GstPromise>
Channel::viewer_promise (AnswerCallback callback)
{
  pending_++;
  return make_promise (
      [weak = weak_from_this (), callback = std::move (callback)] (
          const GstStructure *reply) {
        auto result = parse_viewer (reply);
        if (auto self = weak.lock ())
          self->answered (std::move (result), callback);
        else
          callback (Error{Code::unavailable, "the stream has ended", 1});
      });
}

void
Channel::add_viewer (const std::string &offer, bool loopback,
    AnswerCallback callback)
{
  g_signal_emit_by_name (sink_.get (), "add-viewer", offer.c_str (),
      viewer_options (loopback).get (),
      viewer_promise (std::move (callback)).get ());
}

void
Channel::invite_viewer (bool loopback, AnswerCallback callback)
{
  g_signal_emit_by_name (sink_.get (), "invite-viewer",
      viewer_options (loopback).get (),
      viewer_promise (std::move (callback)).get ());
}

void
Channel::answer_viewer (const std::string &viewer, const std::string &answer,
    DoneCallback callback)
{
  auto promise = make_promise (
      [callback = std::move (callback)] (const GstStructure *reply) {
        auto parsed = parse_reply (reply, "rtprestream-answered");
        callback (parsed ? Result<void> () : parsed.error ());
      });
  g_signal_emit_by_name (sink_.get (), "answer-viewer", viewer.c_str (),
      answer.c_str (), promise.get ());
}

void
Channel::update_ice (const std::string &viewer, const std::string &fragment,
    IceCallback callback)
{
  auto promise = make_promise (
      [callback = std::move (callback)] (const GstStructure *reply) {
        auto parsed = parse_reply (reply, "rtprestream-ice");
        if (!parsed)
          return callback (parsed.error ());
        gboolean restarted = FALSE;
        gst_structure_get_boolean (reply, "restarted", &restarted);
        callback (ChannelIce{bool (restarted), text_of (reply, "fragment")});
      });
  g_signal_emit_by_name (sink_.get (), "update-ice", viewer.c_str (),
      fragment.c_str (), promise.get ());
}

void
Channel::activity_changed ()
{
  gboolean active = FALSE;
  g_object_get (sink_.get (), "stream-active", &active, nullptr);
  active_ = active;
  log_event (G_LOG_LEVEL_INFO, process_,
      active_ ? "media flows" : "no media comes");
  if (observer_.changed)
    observer_.changed ();
}

void
Channel::answered (Result<ChannelViewer> result, const AnswerCallback &callback)
{
  pending_--;
  if (!result)
    return callback (std::move (result));
  if (gone_early_.erase (result->id) > 0)
    return callback (
        Error{Code::unavailable, "the viewer was closed at once", 1});
  viewers_.insert (result->id);
  callback (std::move (result));
  if (observer_.changed)
    observer_.changed ();
}

void
Channel::viewer_added (const std::string &viewer)
{
  log_event (G_LOG_LEVEL_INFO, process_, "viewer " + viewer + " added");
}

void
Channel::viewer_state (const std::string &viewer, const std::string &state)
{
  log_event (G_LOG_LEVEL_DEBUG, process_, "viewer " + viewer + " is " + state);
}

void
Channel::viewer_gone (const std::string &viewer, const std::string &reason)
{
  log_event (G_LOG_LEVEL_INFO, process_,
      "viewer " + viewer + " removed: " + reason);
  if (viewers_.erase (viewer) > 0) {
    if (observer_.viewer_removed)
      observer_.viewer_removed (viewer);
    if (observer_.changed)
      observer_.changed ();
  } else if (pending_ > 0) {
    gone_early_.insert (viewer);
  }
}

void
Channel::remove_viewer (const std::string &viewer)
{
  g_signal_emit_by_name (sink_.get (), "remove-viewer", viewer.c_str (),
      nullptr);
}

void
Channel::expect_sender ()
{
  g_signal_emit_by_name (src_.get (), "expect-sender");
}

void
Channel::refuse_viewers ()
{
  if (state_ == State::open)
    state_ = State::draining;
}

void
Channel::close (unsigned drain_timeout_ms, std::function<void ()> done)
{
  if (state_ == State::closed)
    return post (nullptr, std::move (done));
  waiters_.push_back (std::move (done));
  if (state_ == State::closing)
    return;
  state_ = State::closing;
  auto proceed = [weak = weak_from_this ()] {
    if (auto self = weak.lock (); self && self->drain_timer_.active ())
      self->tear_down ();
  };
  drain_timer_ =
      Timer (nullptr, drain_timeout_ms + kDrainGraceMs, [this, proceed] {
        log_event (G_LOG_LEVEL_WARNING, process_, "the stream does not drain");
        proceed ();
        return false;
      });
  auto promise =
      make_promise ([proceed] (const GstStructure *) { proceed (); });
  g_signal_emit_by_name (sink_.get (), "drain",
      guint64 (drain_timeout_ms) * GST_MSECOND, promise.get ());
}

// To NULL off the main thread: it joins streaming threads.
void
Channel::tear_down ()
{
  drain_timer_.cancel ();
  g_source_destroy (bus_watch_.get ());
  null_timer_ = Timer (nullptr, kNullTimeoutMs, [weak = weak_from_this ()] {
    if (auto self = weak.lock ()) {
      log_event (G_LOG_LEVEL_CRITICAL, self->process_,
          "the pipeline does not stop");
      self->closed ();
    }
    return false;
  });
  using Weak = std::weak_ptr<Channel>;
  gst_element_call_async (
      pipeline_.get (),
      +[] (GstElement *pipeline, gpointer data) {
        gst_element_set_state (pipeline, GST_STATE_NULL);
        post (nullptr, *static_cast<Weak *> (data),
            [] (Channel &self) { self.closed (); });
      },
      new Weak (weak_from_this ()),
      +[] (gpointer data) { delete static_cast<Weak *> (data); });
}

void
Channel::closed ()
{
  if (state_ == State::closed)
    return;
  auto self = shared_from_this (); // a waiter may drop us
  state_ = State::closed;
  null_timer_.cancel ();
  for (const std::string &viewer : std::exchange (viewers_, {}))
    if (observer_.viewer_removed)
      observer_.viewer_removed (viewer);
  for (auto &done : std::exchange (waiters_, {}))
    done ();
}

} // namespace restream
