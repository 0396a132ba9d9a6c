// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"
#include "common/signal-conn.h"

#include <gst/gst.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace restream {

struct ChannelOptions
{
  std::optional<unsigned> video_pt, audio_pt; // nullopt = no such leg
  std::string video_encoding = "H264", audio_encoding = "OPUS"; // RTP's names
  std::string transport; // "" = the sink's default
  unsigned max_viewers = 0; // 0 = no limit
  std::vector<std::string> announced_addresses, interfaces;
  unsigned udp_port = 0, io_threads = 0; // of the native transport
  unsigned gop_cache_size = 0, start_bitrate = 0; // bytes, bits per second
  GstClockTime gop_cache_time = 0;
  unsigned min_port = 0, max_port = 0; // of webrtcbin
};

struct ChannelViewer
{
  std::string id;
  std::string answer; // SDP; of an invited one our offer
};

struct ChannelIce
{
  bool restarted = false;
  std::string fragment; // of a restart, for the viewer
};

// The way of one process's RTP to its viewers: a pipeline of rtprestreamsrc and
// rtprestreamsink, used through properties, signals and messages only.
//
//   open → draining (no new viewers) → closed (ports released)
//
// Thread: main. The elements' threads only post to it.
class Channel : public std::enable_shared_from_this<Channel>
{
public:
  using AnswerCallback = std::function<void (Result<ChannelViewer>)>;
  using IceCallback = std::function<void (Result<ChannelIce>)>;
  using DoneCallback = std::function<void (Result<void>)>;
  struct Observer
  {
    std::function<void (const std::string &viewer)> viewer_removed;
    // Media begins or ends, or there is another number of viewers.
    std::function<void ()> changed;
    std::function<void (const std::string &reason)>
        failed; // the pipeline's error
    // What the people who run the process should know of its stream.
    std::function<void (const std::string &what)> warned;
  };

  // Bound and receiving when it returns. An error leaves nothing behind.
  static Result<std::shared_ptr<Channel>> create (const std::string &process,
      const ChannelOptions &options, Observer observer);
  ~Channel ();
  Channel (const Channel &) = delete;
  Channel &operator= (const Channel &) = delete;

  std::uint16_t port () const
  {
    return port_;
  } // the video's; the audio's is the next
  bool is_open () const { return state_ == State::open; }
  bool failed () const { return failed_; }
  std::size_t viewer_count () const { return viewers_.size () + pending_; }
  bool is_active () const { return active_; }

  // Callbacks are called exactly once, later.
  void add_viewer (const std::string &offer, bool loopback,
      AnswerCallback callback);
  void invite_viewer (bool loopback, AnswerCallback callback);
  void answer_viewer (const std::string &viewer, const std::string &answer,
      DoneCallback callback);
  void update_ice (const std::string &viewer, const std::string &fragment,
      IceCallback callback);
  void remove_viewer (const std::string &viewer);
  // The sender of before has ended: the next one is let in at once.
  void expect_sender ();
  // From now on no new viewer.
  void refuse_viewers ();
  // Says goodbye to the viewers, for at most the timeout, and releases the ports.
  // done is called exactly once, in bounded time.
  void close (unsigned drain_timeout_ms, std::function<void ()> done);

private:
  enum class State
  {
    open = 1,
    draining,
    closing,
    closed
  };
  struct Passkey
  {
  };

public:
  Channel (Passkey, std::string process, Observer observer);

private:
  Result<void> build (const ChannelOptions &options);
  Result<void> play ();
  Error pipeline_error (const char *fallback);
  void watch_bus ();
  void on_message (GstMessage *message);
  void connect_viewer_signals ();
  // A promise for a signal that makes a viewer.
  Ref<GstPromise> viewer_promise (AnswerCallback callback);
  void answered (Result<ChannelViewer> result, const AnswerCallback &callback);
  void activity_changed ();
  void viewer_added (const std::string &viewer);
  void viewer_state (const std::string &viewer, const std::string &state);
  void viewer_gone (const std::string &viewer, const std::string &reason);
  void tear_down ();
  void closed ();

  const std::string process_;
  const Observer observer_;
  Ref<GstElement> pipeline_, src_, sink_;
  Ref<GSource> bus_watch_;
  std::uint16_t port_ = 0;
  State state_ = State::open;
  bool failed_ = false;
  bool active_ = false; // media comes in
  std::size_t pending_ = 0; // offers without a reply
  std::set<std::string> viewers_;
  std::set<std::string>
      gone_early_; // removed before the reply to their offer came
  Timer drain_timer_, null_timer_;
  std::vector<std::function<void ()>> waiters_;
};

} // namespace restream
