// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "common/media.h"
#include "plugin/negotiation/plan.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace restream::transport {

// In the order of a life. disconnected may go back to connected.
enum class ViewerState
{
  created = 1,
  connecting,
  connected,
  disconnected,
  failed,
  closed
};

const char *name_of (ViewerState state); // "new", "connecting", …

// Adds to a counter that one thread writes and any reads, as cheaply as to a plain number.
inline void
count (std::atomic<std::uint64_t> &counter, std::uint64_t n)
{
  counter.store (counter.load (std::memory_order_relaxed) + n,
      std::memory_order_relaxed);
}

// What a viewer has been sent, in RTP packets. Written by one thread each, read by any.
struct MediaCounters
{
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> dropped{0}; // because the viewer was too slow
  // Asked for by NACK, and sent again.
  std::atomic<std::uint64_t> retransmitted{0};
  // Sent with the one before in it, since the viewer loses some.
  std::atomic<std::uint64_t> redundant{0};
  // As the viewer's receiver reports have it (RFC 3550, section 6.4.1).
  std::atomic<std::int64_t> lost{0};
  std::atomic<std::uint64_t> jitter_us{0};
};

// What a viewer's RTCP tells of the way to it. 0 = not known, or the transport does not look.
struct LinkCounters
{
  std::atomic<std::uint64_t> round_trip_us{0};
  std::atomic<std::uint64_t> estimate_bps{0}; // what the way seems to carry
  std::atomic<std::uint64_t> nacks{0}; // packets asked for
  std::atomic<std::uint64_t> keyframe_requests{0}; // PLI and FIR
  std::atomic<std::uint64_t> rejected{
      0}; // malformed, forged or replayed datagrams
};

// The stream's outgoing line in one medium.
struct OutgoingStream
{
  std::uint32_t ssrc = 0;
};

// A viewer to be, which is sent an offer: what the transport keeps for it until it answers, and gives back when this goes.
// Thread: the context of ViewerConfig.
class Invitation
{
public:
  virtual ~Invitation () = default;
  Invitation (const Invitation &) = delete;
  Invitation &operator= (const Invitation &) = delete;

  using Ready = std::function<void (Result<negotiation::LocalDescription>)>;
  // Calls back once with our side of the offer, maybe at once, and not after its own end; ready may be that.
  // Errors: internal, unavailable, timeout.
  virtual void prepare (Ready ready) = 0;

protected:
  Invitation () = default;
};

// All that a viewer needs to know of the world, fixed for its life.
struct ViewerConfig
{
  std::string id;
  negotiation::Plan plan;
  std::array<OutgoingStream, kMediaCount> streams;
  std::string cname;
  std::vector<std::string> addresses; // to gather host candidates on
  std::vector<std::string>
      announced_addresses; // further host addresses (NAT 1:1)
  unsigned min_port = 0; // 0 = any
  unsigned max_port = 0;
  GstClockTime silence_timeout = 0; // then the viewer is over; 0 = never
  Ref<GstClock> clock; // the ingest's
  GstClockTime base_time = 0;
  Ref<GMainContext>
      context; // the owner's: start() and the like are called there
  // Of a viewer whose plan is its answer to our offer; it is not answered then ("").
  std::shared_ptr<Invitation> invitation;
};

class Viewer;

// Who owns the viewers. Thread: the context of ViewerConfig.
class ViewerObserver
{
public:
  virtual void viewer_answered (Viewer &viewer, std::string sdp) = 0;
  virtual void viewer_state_changed (Viewer &viewer, ViewerState state) = 0;
  // The viewer is over, and for what reason; the observer calls close() on it.
  virtual void viewer_ended (Viewer &viewer, Error reason) = 0;
  // The drain ordered before is done: BYE and close_notify are on the wire.
  virtual void viewer_drained (Viewer &viewer) = 0;

protected:
  ~ViewerObserver () = default;
};

// One viewer on one transport.
// Threads: counters(), link() and state() on any; everything else on the owner's context.
class Viewer
{
public:
  virtual ~Viewer () = default;
  Viewer (const Viewer &) = delete;
  Viewer &operator= (const Viewer &) = delete;

  // Begins. Ends in viewer_answered or viewer_ended, never before it returns.
  virtual void start () = 0;
  // Sends what is queued, then RTCP BYE and the DTLS close_notify. Ends in
  // viewer_drained; timeout_ms bounds it.
  virtual void drain (unsigned timeout_ms) = 0;
  // Releases everything; close_notify is still tried. Nothing is reported after it. May
  // return before the resources are free: see Teardown::wait().
  virtual void close () = 0;
  // Further candidates of the viewer's, in the plan's form.
  virtual void add_candidates (const std::vector<std::string> &) {}
  // Restarts ICE with the viewer's new credentials, and returns our side of it; media goes on meanwhile.
  // On an error all is as it was; unprocessable: the transport cannot.
  virtual Result<negotiation::LocalTransport> restart_ice (
      const negotiation::IceParameters &)
  {
    return Error{Code::unprocessable,
        "ICE cannot be restarted on this transport"};
  }

  const std::string &id () const { return config_.id; }
  const negotiation::Plan &plan () const { return config_.plan; }
  ViewerState state () const { return state_.load (); }
  const MediaCounters &counters (Media media) const
  {
    return counters_[index_of (media)];
  }
  const LinkCounters &link () const { return link_; }
  gint64 created_us () const { return created_us_; } // monotonic

protected:
  explicit Viewer (ViewerConfig config) : config_ (std::move (config)) {}
  MediaCounters &own_counters (Media media)
  {
    return counters_[index_of (media)];
  }
  LinkCounters &own_link () { return link_; }

  const ViewerConfig config_;
  std::atomic<ViewerState> state_{ViewerState::created};

private:
  std::array<MediaCounters, kMediaCount> counters_;
  LinkCounters link_;
  gint64 created_us_ = g_get_monotonic_time ();
};

} // namespace restream::transport
