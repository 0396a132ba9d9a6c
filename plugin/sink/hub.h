// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "plugin/negotiation/plan.h"
#include "plugin/sink/join-point.h"
#include "plugin/sink/rtp-timeline.h"
#include "plugin/sink/stream-watch.h"
#include "plugin/transport/transport.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace restream::sink {

// Who is told what happens to the stream. Thread: the streaming thread of the
// medium; must not block.
class StreamObserver
{
public:
  // The video has had no keyframe for too long, so that nobody new sees a
  // picture; or it has one again.
  virtual void waiting_for_keyframe (bool waiting) = 0;
  // The video's pictures do not come in the order in which they are shown.
  virtual void b_frames () = 0;
  // Packets of this size are more than networks carry in one piece.
  virtual void large_packets (Media media, std::size_t bytes) = 0;
  // What was negotiated for this medium is no longer what comes.
  virtual void codec_changed (Media media, const std::string &what) = 0;

protected:
  ~StreamObserver () = default;
};

// One stream in, one outgoing line to the transport and so to all viewers. Knows RTP and its payload formats, no sockets.
// Threads: set_caps(), push() and report() on the streaming thread of the medium; the
// two media may have two threads. The rest on any.
class Hub
{
public:
  struct Counters
  {
    std::atomic<std::uint64_t> packets{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> invalid{0}; // no RTP
    // Of the packets, those of our own: parameter sets that keyframes lacked.
    std::atomic<std::uint64_t> inserted{0};
    std::atomic<std::uint64_t> join_points{0};
    std::atomic<std::uint64_t> restarts{0};
    // By the source's sequence numbers, see RtpTimeline.
    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> reordered{0};
    std::atomic<std::uint64_t> repeated{0};
    std::atomic<std::uint64_t> stray{0};
    std::atomic<std::uint64_t> large{0}; // above kSafePacketBytes
    std::atomic<bool> waiting_for_keyframe{false};
    std::atomic<bool> b_frames{false};
  };

  // With all that is added on the way to a viewer, a packet of this size fits the 1500 bytes
  // of an Ethernet frame. A larger one leaves in fragments.
  static constexpr std::size_t kSafePacketBytes = 1400;
  // FFmpeg makes them of 1472 if nobody tells it otherwise. What is larger is dropped.
  static constexpr std::size_t kMaxPacketBytes = 1500;

  // transport outlives it.
  explicit Hub (transport::Transport &transport);
  // Before anything else; called on any thread. Without it both are.
  void set_is_linked (std::function<bool (Media)> is_linked)
  {
    is_linked_ = std::move (is_linked);
  }
  // Before anything else; outlives the pushes. None: nobody is told.
  void set_observer (StreamObserver *observer) { observer_ = observer; }
  Hub (const Hub &) = delete;
  Hub &operator= (const Hub &) = delete;

  // false: caps that are no RTP of this medium.
  bool set_caps (Media media, const GstCaps *caps);
  // arrival: the burst's running time. Takes the list.
  void push (Media media, Ref<GstBufferList> list, GstClockTime arrival);

  // A sender report of the source: at the instant ntp (RFC 3550, section 4) the
  // source of this SSRC was at rtp_time.
  void report (Media media, std::uint32_t ssrc, std::uint64_t ntp,
      std::uint32_t rtp_time);

  // What the stream carries: each medium that has caps and has been heard
  // of, or may still be: one that was silent for kSilentMediumUs after the other began is not there.
  negotiation::StreamDescription describe () const;
  // Has any packet come yet?
  bool has_media () const;
  // Each medium that is linked is known, or has had its time to come: an answer
  // given before that would leave one out for good.
  bool settled () const;
  transport::OutgoingStream outgoing (Media media) const;
  const std::string &cname () const { return cname_; }
  const Counters &counters (Media media) const
  {
    return inputs_[index_of (media)].counters;
  }

  static constexpr gint64 kSilentMediumUs = 2 * G_USEC_PER_SEC;

private:
  struct EarlyReport
  {
    std::uint32_t ssrc;
    std::uint64_t ntp;
    std::uint32_t rtp_time;
  };
  struct Input
  {
    Media media = Media::video; // this one
    // Streaming thread of the medium.
    std::optional<RtpTimeline> timeline;
    std::optional<JoinPoint> join_point;
    StreamWatch watch;
    std::optional<std::uint32_t> picture; // its timestamp, outgoing
    // A source's first report comes ahead of its first packet, which gives it its place on the line.
    std::optional<EarlyReport> early_report;
    unsigned missing_sets = 0; // to be put in front of the packet taken last

    std::atomic<std::shared_ptr<const negotiation::Codec>> codec;
    std::atomic<gint64> first_heard_us{0};
    std::uint32_t ssrc = 0; // outgoing; fixed for the hub's life
    Counters counters;
  };

  bool take (Input &input, std::span<std::uint8_t> packet, GstClockTime arrival,
      bool &join);
  static std::size_t put_parameter_sets (Input &input, GstBufferList *list,
      unsigned index);
  void watch (Input &input, const RtpTimeline::Place &place,
      GstClockTime arrival);
  static void count (Input &input);

  transport::Transport &transport_;
  StreamObserver *observer_ = nullptr;
  std::string cname_;
  std::function<bool (Media)> is_linked_;
  std::array<Input, kMediaCount> inputs_;
};

} // namespace restream::sink
