// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/ref.h"
#include "plugin/src/intake.h"
#include "plugin/src/port-pair.h"
#include "plugin/src/receiver.h"
#include "plugin/src/stream-caps.h"

#include <gst/base/gstflowcombiner.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

namespace restream::src {

// The streaming thread of a rtprestreamsrc: from the sockets to the pads.
// Thread: the public functions are called in state changes or where noted; the
// rest runs on the task's thread, which alone touches what is marked so.
class Streamer
{
public:
  // What may change at any time.
  struct Tunables
  {
    std::atomic<std::uint64_t> timeout_ns{0}; // 0 = off
    std::atomic<std::int64_t> takeover_us{500'000};
  };

  // element and pads outlive this.
  Streamer (GstElement *element, const std::array<GstPad *, kMediaCount> &pads,
      const Tunables &tunables);
  ~Streamer ();
  Streamer (const Streamer &) = delete;
  Streamer &operator= (const Streamer &) = delete;

  // READY→PAUSED. ports outlives stop().
  bool prepare (const PortPair &ports,
      std::array<StreamCaps, kMediaCount> caps);
  void play (); // PAUSED→PLAYING
  void pause (); // PLAYING→PAUSED; does not wait
  // PAUSED→READY in two steps, because downstream may have to be shut down
  // before the thread comes back from a push.
  void request_stop ();
  void join ();

  // Any thread, PAUSED or PLAYING. Whether the event was taken; transfer full.
  bool send_eos ();
  bool send_flush (GstEvent *event); // FLUSH_START or FLUSH_STOP
  bool send_downstream (GstEvent *event); // any other one

  // Any thread. What buffers are stamped by; null: they are not.
  void set_clock (GstClock *clock);

  // Any thread. To be called after a change of the tunables.
  void wake ();

  // Any thread. The senders have ended: the next ones need not wait for their silence.
  void expect_sender () { expect_sender_ = true; }

  // Any thread.
  void add_stats (GstStructure *stats) const;
  Ref<GstCaps> current_caps (Media media) const;

private:
  struct Medium
  {
    GstPad *pad = nullptr;
    StreamCaps caps;
    std::unique_ptr<codec::PayloadFormat> format; // task; null: not known
    GstBufferList *list = nullptr; // task: what is to be pushed
    std::optional<std::uint32_t> ssrc; // task
    bool has_segment = false; // task
    bool discont = true; // task
    bool silent = false; // task: the timeout was posted
    std::int64_t last_us = 0; // task: the last packet, or the start
    // Under lock_, for everyone to read.
    Ref<GstCaps> current;
    std::optional<std::uint32_t> holder;
    std::optional<Intake::Report> last_report;
  };
  struct Now
  {
    std::int64_t monotonic_us = 0;
    GstClockTime running_time = GST_CLOCK_TIME_NONE;
  };

  static void loop (gpointer self);
  void post_status (GstStreamStatusType type);
  void iterate ();
  void begin ();
  int poll_sockets (bool playing, std::array<bool, kMediaCount> &ready);
  void receive (Media port);
  GstFlowReturn handle (Media port, unsigned i, unsigned left, const Now &now);
  GstFlowReturn flush_list (Media media);
  void push_caps (Media media);
  static void push_segment (Medium &medium);
  void push_report (const Intake::Report &report);
  void push_eos ();
  void finish (GstFlowReturn flow);
  void check_silence ();
  void post_silence (Media media, const char *name);
  Now read_clocks ();

  Medium &of (Media media) { return media_[index_of (media)]; }
  const Medium &of (Media media) const { return media_[index_of (media)]; }

  GstElement *element_;
  const Tunables &tunables_;
  const PortPair *ports_ = nullptr;
  Ref<GstTask> task_;
  GRecMutex task_lock_;
  GstFlowCombiner *combiner_;
  Fd wake_;
  std::unique_ptr<Receiver> receiver_; // task
  Intake intake_; // task, but for its counters
  std::array<Counter, kMediaCount> stale_; // state changes
  bool has_started_ = false; // under push_lock_: stream-start was pushed
  // Held by the task while it pushes, not while it waits.
  std::mutex push_lock_;
  // What the thread is to do; wake() after each change.
  std::atomic<bool> prepared_{false}; // between prepare() and request_stop()
  std::atomic<bool> playing_{false};
  std::atomic<bool> restart_{false};
  std::atomic<bool> eos_requested_{false};
  std::atomic<bool> expect_sender_{false}; // needs no wake ()
  std::atomic<bool> ended_{false};
  // To ask the element for it takes longer than to read it.
  Ref<GstClock> clock_; // task
  std::atomic<bool> clock_changed_{false};
  mutable std::mutex lock_;
  Ref<GstClock> next_clock_; // protected by lock_
  std::array<Medium, kMediaCount> media_;
};

} // namespace restream::src
