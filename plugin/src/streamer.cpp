// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/streamer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN (rtprestreamsrc_debug);
#define GST_CAT_DEFAULT rtprestreamsrc_debug

namespace restream::src {

namespace {

// More than any socket buffer holds, so that a flood cannot keep us here.
constexpr int kMaxStale = 1 << 17;

// Between two pictures of one sender less time goes by, in general.
constexpr std::int64_t kPauseUs = 200'000;

// Throws away what waits in the socket; returns how many datagrams. Independent
// of the receiver, so that it may run beside the streaming thread.
std::uint64_t
discard_backlog (int fd)
{
  std::uint64_t count = 0;
  while (count < kMaxStale) {
    char nothing;
    if (recv (fd, &nothing, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
      count++;
    else if (errno != EINTR)
      break;
  }
  return count;
}

// GST_EVENT_IS_SERIALIZED mixes two enumerations, which C++20 deprecates.
bool
is_serialized (const GstEvent *event)
{
  return gst_event_type_get_flags (GST_EVENT_TYPE (event))
      & GST_EVENT_TYPE_SERIALIZED;
}

} // namespace

Streamer::Streamer (GstElement *element,
    const std::array<GstPad *, kMediaCount> &pads, const Tunables &tunables)
    : element_ (element), tunables_ (tunables),
      combiner_ (gst_flow_combiner_new ()),
      wake_ (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK))
{
  g_rec_mutex_init (&task_lock_);
  for (Media m : kAllMedia) {
    of (m).pad = pads[index_of (m)];
    gst_flow_combiner_add_pad (combiner_, of (m).pad);
  }
}

Streamer::~Streamer ()
{
  request_stop (); // nothing to do, unless the element was freed while playing
  join ();
  gst_flow_combiner_unref (combiner_);
  g_rec_mutex_clear (&task_lock_);
}

bool
Streamer::prepare (const PortPair &ports,
    std::array<StreamCaps, kMediaCount> caps)
{
  if (!wake_)
    return false;
  ports_ = &ports;
  if (!receiver_)
    receiver_ = std::make_unique<Receiver> ();
  intake_.reset ({caps[0].payload_type (), caps[1].payload_type ()});
  gst_flow_combiner_reset (combiner_);
  playing_ = restart_ = eos_requested_ = ended_ = false;
  has_started_ = false;
  {
    const std::lock_guard guard (lock_);
    for (Media m : kAllMedia) {
      of (m) = {.pad = of (m).pad, .caps = std::move (caps[index_of (m)])};
      of (m).format = codec::make_payload_format (of (m).caps.encoding_name ());
    }
  }

  task_ = Ref<GstTask>::adopt (gst_task_new (loop, this, nullptr));
  const Owned<char> name (
      g_strconcat (GST_OBJECT_NAME (element_), ":src", nullptr));
  gst_object_set_name (GST_OBJECT (task_.get ()), name.get ());
  gst_task_set_lock (task_.get (), &task_lock_);
  gst_task_set_enter_callback (
      task_.get (),
      +[] (GstTask *, GThread *, gpointer self) {
        static_cast<Streamer *> (self)->post_status (
            GST_STREAM_STATUS_TYPE_ENTER);
      },
      this, nullptr);
  gst_task_set_leave_callback (
      task_.get (),
      +[] (GstTask *, GThread *, gpointer self) {
        static_cast<Streamer *> (self)->post_status (
            GST_STREAM_STATUS_TYPE_LEAVE);
      },
      this, nullptr);
  post_status (GST_STREAM_STATUS_TYPE_CREATE);
  prepared_ = gst_task_start (task_.get ());
  if (!prepared_)
    task_.reset ();
  return prepared_;
}

// The application may set the thread's priority on these.
void
Streamer::post_status (GstStreamStatusType type)
{
  GstMessage *message =
      gst_message_new_stream_status (GST_OBJECT (element_), type, element_);
  GValue value = G_VALUE_INIT;
  g_value_init (&value, GST_TYPE_TASK);
  g_value_set_object (&value, task_.get ());
  gst_message_set_stream_status_object (message, &value);
  g_value_unset (&value);
  gst_element_post_message (element_, message);
}

void
Streamer::play ()
{
  // Here and not in the thread: what comes once this has returned is live.
  for (Media m : kAllMedia) {
    const auto n = discard_backlog (ports_->fd (m));
    stale_[index_of (m)].add (n);
    if (n)
      GST_DEBUG_OBJECT (element_, "%" G_GUINT64_FORMAT " stale %s datagrams", n,
          name_of (m));
  }
  restart_ = true;
  playing_ = true;
  wake ();
}

void
Streamer::pause ()
{
  playing_ = false;
  wake ();
}

void
Streamer::request_stop ()
{
  prepared_ = playing_ = false;
  if (task_)
    gst_task_stop (task_.get ());
  wake ();
}

void
Streamer::join ()
{
  if (task_)
    gst_task_join (task_.get ());
  task_.reset ();
  for (Media m : kAllMedia)
    g_clear_pointer (&of (m).list, gst_buffer_list_unref);
  const std::lock_guard guard (lock_);
  for (Media m : kAllMedia) {
    of (m).current.reset ();
    of (m).holder.reset ();
  }
}

void
Streamer::wake ()
{
  const std::uint64_t one = 1;
  // Fails only when as many wake-ups are pending as a counter holds.
  if (write (wake_.get (), &one, sizeof one) < 0)
    GST_DEBUG_OBJECT (element_, "wake-up: %s", g_strerror (errno));
}

bool
Streamer::send_eos ()
{
  if (!prepared_)
    return false;
  eos_requested_ = true;
  wake ();
  return true;
}

bool
Streamer::send_flush (GstEvent *event)
{
  if (!prepared_) {
    gst_event_unref (event);
    return false;
  }
  const bool stop = GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP;
  std::unique_lock guard (push_lock_, std::defer_lock);
  if (stop)
    guard.lock ();
  bool ok = true;
  for (Media m : kAllMedia)
    ok &= gst_pad_push_event (of (m).pad, gst_event_ref (event));
  gst_event_unref (event);
  if (stop) {
    gst_flow_combiner_reset (combiner_);
    for (Media m : kAllMedia) {
      // The segment was flushed; newer caps may not have got through.
      if (const auto caps = current_caps (m))
        gst_pad_push_event (of (m).pad, gst_event_new_caps (caps.get ()));
      of (m).has_segment = false;
      of (m).discont = true;
    }
    ended_ = false;
    wake ();
  }
  return ok;
}

bool
Streamer::send_downstream (GstEvent *event)
{
  std::unique_lock guard (push_lock_, std::defer_lock);
  if (is_serialized (event))
    guard.lock ();
  bool ok = false;
  if (prepared_ && (!is_serialized (event) || has_started_))
    for (Media m : kAllMedia)
      ok |= gst_pad_push_event (of (m).pad, gst_event_ref (event));
  gst_event_unref (event);
  return ok;
}

void
Streamer::loop (gpointer self)
{
  static_cast<Streamer *> (self)->iterate ();
}

void
Streamer::iterate ()
{
  const bool live = playing_ && !ended_;
  if (live) {
    const std::lock_guard guard (push_lock_);
    if (restart_.exchange (false))
      begin ();
    if (eos_requested_.exchange (false)) {
      push_eos ();
      return;
    }
  }
  std::array<bool, kMediaCount> ready{};
  if (poll_sockets (live, ready) < 0 || !live || !playing_)
    return;
  const std::lock_guard guard (push_lock_);
  // Who sends the video may be new, at the start and after a pause: FFmpeg sends its first report
  // to the audio's port, so that is read first then. Later the audio's packets can wait.
  const Medium &video = of (Media::video);
  const bool flows =
      video.ssrc && g_get_monotonic_time () - video.last_us < kPauseUs;
  const auto order = flows ? std::array{Media::video, Media::audio}
                           : std::array{Media::audio, Media::video};
  for (Media m : order)
    if (ready[index_of (m)])
      receive (m);
  // Out of memory it says so when there is something to receive.
  receiver_->refill ();
  check_silence ();
}

// Call with push_lock_.
void
Streamer::begin ()
{
  const auto now = read_clocks ();
  const guint group_id = has_started_ ? 0 : gst_util_group_id_next ();
  for (Media m : kAllMedia) {
    Medium &medium = of (m);
    medium.discont = true;
    medium.silent = false;
    medium.last_us = now.monotonic_us;
    if (has_started_)
      continue;
    const Owned<char> id (
        gst_pad_create_stream_id (medium.pad, element_, name_of (m)));
    GstEvent *event = gst_event_new_stream_start (id.get ());
    gst_event_set_group_id (event, group_id);
    gst_pad_push_event (medium.pad, event);
    // All that an offer needs is known: let downstream begin to negotiate.
    if (medium.caps.payload_type ())
      push_caps (m);
  }
  has_started_ = true;
}

// Waits for datagrams, the next timeout, or wake(). Returns < 0 if there is
// nothing to do but to look at the state again.
int
Streamer::poll_sockets (bool playing, std::array<bool, kMediaCount> &ready)
{
  std::array<pollfd, kMediaCount + 1> fds{};
  fds[kMediaCount] = {wake_.get (), POLLIN, 0};
  for (Media m : kAllMedia) // poll() passes over negative descriptors
    fds[index_of (m)] = {playing ? ports_->fd (m) : -1, POLLIN, 0};

  timespec wait{};
  bool has_deadline = false;
  const std::uint64_t timeout_ns = tunables_.timeout_ns;
  if (playing && timeout_ns) {
    const std::int64_t now_us = g_get_monotonic_time ();
    std::int64_t left_us = G_MAXINT64;
    for (Media m : kAllMedia) {
      if (of (m).silent)
        continue;
      const auto total_us = static_cast<std::int64_t> (timeout_ns / 1000 + 1);
      left_us = std::min (left_us, of (m).last_us + total_us - now_us);
      has_deadline = true;
    }
    left_us = std::clamp<std::int64_t> (left_us, 0, 3'600'000'000);
    wait.tv_sec = left_us / G_USEC_PER_SEC;
    wait.tv_nsec = left_us % G_USEC_PER_SEC * 1000;
  }

  const int n =
      ppoll (fds.data (), fds.size (), has_deadline ? &wait : nullptr, nullptr);
  if (n < 0) {
    if (errno != EINTR) // no memory; no busy loop until there is some
      g_usleep (10'000);
    return -1;
  }
  if (fds[kMediaCount].revents) {
    std::uint64_t count;
    if (read (wake_.get (), &count, sizeof count) < 0)
      GST_DEBUG_OBJECT (element_, "wake-up: %s", g_strerror (errno));
    return -1;
  }
  for (Media m : kAllMedia)
    ready[index_of (m)] = fds[index_of (m)].revents != 0;
  return n;
}

// Call with push_lock_.
void
Streamer::receive (Media port)
{
  const int n = receiver_->receive (ports_->fd (port));
  if (n < 0) {
    if (n == -EAGAIN || n == -EINTR)
      return;
    if (n == -ENOMEM || n == -ENOBUFS) {
      // Passes, or the kernel kills somebody. Not to be a busy loop meanwhile.
      GST_WARNING_OBJECT (element_, "receiving %s: %s", name_of (port),
          g_strerror (-n));
      g_usleep (10'000);
      return;
    }
    GST_ELEMENT_ERROR (element_, RESOURCE, READ,
        ("Cannot receive from UDP port %u.", ports_->port (port)),
        ("recvmmsg: %s (errno %d)", g_strerror (-n), -n));
    push_eos ();
    return;
  }
  intake_.counters (port).overflow.set (receiver_->overflow ());
  const Now now = read_clocks ();
  if (expect_sender_.load (std::memory_order_relaxed)
      && expect_sender_.exchange (false))
    intake_.release (now.monotonic_us);
  const auto count = static_cast<unsigned> (n);
  GstFlowReturn flow = GST_FLOW_OK;
  for (unsigned i = 0; i < count && flow == GST_FLOW_OK; i++)
    flow = handle (port, i, count - i, now);
  if (flow == GST_FLOW_OK)
    flow = flush_list (port);
  g_clear_pointer (&of (port).list, gst_buffer_list_unref);
  finish (flow);
}

GstFlowReturn
Streamer::handle (Media port, unsigned i, unsigned left, const Now &now)
{
  Medium &m = of (port);
  const auto outcome =
      intake_.receive (port, receiver_->datagram (i), receiver_->source (i),
          now.monotonic_us, now.running_time, tunables_.takeover_us);
  GstFlowReturn flow = GST_FLOW_OK;

  if (outcome.kind == Intake::Outcome::Kind::dropped)
    return flow;
  if (outcome.kind == Intake::Outcome::Kind::control) {
    for (const Intake::Report &report : outcome.reports) {
      // After the packets that came before it.
      if (flow == GST_FLOW_OK)
        flow = flush_list (report.media);
      push_report (report);
    }
    return flow;
  }

  m.last_us = now.monotonic_us;
  if (m.silent) {
    m.silent = false;
    post_silence (port, "GstRtpRestreamSrcResumed");
  }
  bool new_caps = false;
  if (outcome.new_sender) {
    GST_INFO_OBJECT (element_, "%s: SSRC %08x, payload type %u", name_of (port),
        outcome.packet.ssrc, outcome.packet.payload_type);
    m.ssrc = outcome.packet.ssrc;
    if (m.format)
      m.format->forget ();
    m.discont = true;
    new_caps = true;
  }
  if (m.format)
    new_caps |= m.format->learn (outcome.packet.payload);
  if (new_caps) {
    flow = flush_list (port);
    push_caps (port);
    for (const Intake::Report &report : outcome.reports)
      push_report (report);
  }
  push_segment (m); // again after a flush

  const bool marker = outcome.packet.marker;
  GstBuffer *buffer = receiver_->take (i);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = now.running_time;
  if (marker)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
  if (std::exchange (m.discont, false))
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  if (!m.list)
    m.list = gst_buffer_list_new_sized (left);
  gst_buffer_list_add (m.list, buffer);
  return flow;
}

GstFlowReturn
Streamer::flush_list (Media media)
{
  Medium &m = of (media);
  if (!m.list)
    return GST_FLOW_OK;
  const GstFlowReturn flow =
      gst_pad_push_list (m.pad, std::exchange (m.list, nullptr));
  if (flow != GST_FLOW_OK)
    m.discont = true; // if it goes on at all, then with a gap
  return gst_flow_combiner_update_pad_flow (combiner_, m.pad, flow);
}

// Caps, and the segment behind the first ones.
void
Streamer::push_caps (Media media)
{
  Medium &m = of (media);
  auto caps = m.caps.build (intake_.payload_type (media), m.ssrc,
      m.format ? m.format->parameters () : codec::Parameters ());
  {
    const std::lock_guard guard (lock_);
    m.current = caps;
    m.holder = m.ssrc;
  }
  GST_DEBUG_OBJECT (m.pad, "caps %" GST_PTR_FORMAT, caps.get ());
  gst_pad_push_event (m.pad, gst_event_new_caps (caps.get ()));
  push_segment (m);
}

void
Streamer::push_segment (Medium &m)
{
  if (m.has_segment)
    return;
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (m.pad, gst_event_new_segment (&segment));
  m.has_segment = true;
}

void
Streamer::push_report (const Intake::Report &report)
{
  Medium &m = of (report.media);
  {
    const std::lock_guard guard (lock_);
    m.last_report = report;
  }
  gst_pad_push_event (m.pad,
      gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
          gst_structure_new ("rtprestream-sender-report", //
              "ssrc", G_TYPE_UINT, static_cast<guint> (report.sender.ssrc), //
              "ntp", G_TYPE_UINT64, guint64{report.sender.ntp}, //
              "rtptime", G_TYPE_UINT,
              static_cast<guint> (report.sender.rtp_time), //
              "running-time", G_TYPE_UINT64, guint64{report.arrival_ns},
              nullptr)));
}

void
Streamer::push_eos ()
{
  GST_INFO_OBJECT (element_, "end of stream");
  ended_ = true;
  for (Media m : kAllMedia)
    gst_pad_push_event (of (m).pad, gst_event_new_eos ());
}

// What a burst's flow means for the whole element.
void
Streamer::finish (GstFlowReturn flow)
{
  // Flushing ends with FLUSH_STOP or with the thread, by others' doing.
  if (flow == GST_FLOW_OK || flow == GST_FLOW_FLUSHING)
    return;
  if (flow != GST_FLOW_EOS)
    GST_ELEMENT_FLOW_ERROR (element_, flow);
  push_eos ();
}

void
Streamer::check_silence ()
{
  const std::uint64_t timeout_ns = tunables_.timeout_ns;
  if (!timeout_ns)
    return;
  const std::int64_t now_us = g_get_monotonic_time ();
  for (Media m : kAllMedia) {
    Medium &medium = of (m);
    if (medium.silent
        || static_cast<std::uint64_t> (now_us - medium.last_us) * 1000
            < timeout_ns)
      continue;
    medium.silent = true;
    post_silence (m, "GstRtpRestreamSrcTimeout");
  }
}

void
Streamer::post_silence (Media media, const char *name)
{
  GST_INFO_OBJECT (element_, "%s: %s", name_of (media), name);
  gst_element_post_message (element_,
      gst_message_new_element (GST_OBJECT (element_),
          gst_structure_new (name, //
              "timeout", G_TYPE_UINT64, guint64{tunables_.timeout_ns}, //
              "media", G_TYPE_STRING, name_of (media), nullptr)));
}

void
Streamer::set_clock (GstClock *clock)
{
  const std::lock_guard guard (lock_);
  next_clock_ = Ref<GstClock>::retain (clock);
  clock_changed_ = true;
}

Streamer::Now
Streamer::read_clocks ()
{
  if (clock_changed_.load (std::memory_order_relaxed)) {
    const std::lock_guard guard (lock_);
    clock_ = next_clock_;
    clock_changed_ = false;
  }
  Now now{.monotonic_us = g_get_monotonic_time ()};
  if (clock_) {
    const GstClockTime time = gst_clock_get_time (clock_.get ());
    const GstClockTime base = gst_element_get_base_time (element_);
    now.running_time = time > base ? time - base : 0;
  }
  return now;
}

} // namespace restream::src
