// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/media.h"
#include "common/post.h"
#include "common/result.h"
#include "common/signal-conn.h"
#include "tests/support/rtp-counter.h"

#include <gst/webrtc/webrtc.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace restream::test {

struct PeerOptions
{
  std::string name = "viewer";
  bool video = true;
  bool audio = true;
  // Of its offer: RTP encoding names. Keyframes are counted of H264 only.
  std::string video_codec = "H264";
  std::string audio_codec = "OPUS";
  int video_payload_type = 96;
  int audio_payload_type = 97;
  // Takes the answer's TCP candidates alone, as in a network without UDP.
  bool tcp_only = false;
  // Of its jitter buffer: how long a packet may take that has to be asked for again.
  unsigned latency_ms = 200;
};

// What a peer tells its owner. All times are g_get_monotonic_time().
struct PeerEvents
{
  std::function<void (std::int64_t us)> connected; // ICE and DTLS are up
  std::function<void (std::int64_t us)> media; // each medium has given a packet
  // The server ended it: DTLS close_notify. Called once.
  std::function<void (std::int64_t us)> closed;
  std::function<void (const std::string &why)> failed;
};

struct PeerStats
{
  std::array<RtpCounter, kMediaCount> media{
      RtpCounter (RtpCounter::Codec::h264), RtpCounter ()};
  std::uint64_t retransmissions = 0; // RTX
  std::uint64_t other_packets = 0; // a payload type that is not in the answer
  // Packets that left webrtcbin, after its jitter buffer.
  std::uint64_t delivered = 0;
  std::int64_t bye_us = 0; // first RTCP BYE, 0: none
};

// The browser's part: a webrtcbin that receives, in a pipeline of its own, with
// candidates on loopback only. It knows no HTTP, so it can talk to a WHEP server
// and to the add-viewer signal alike. Thread: the context given to create ().
class WebrtcPeer : public std::enable_shared_from_this<WebrtcPeer>
{
public:
  static Result<std::shared_ptr<WebrtcPeer>> create (GMainContext *context,
      PeerOptions options, PeerEvents events);
  WebrtcPeer (const WebrtcPeer &) = delete;
  WebrtcPeer &operator= (const WebrtcPeer &) = delete;
  ~WebrtcPeer ();

  // Calls back once, with all candidates in the offer.
  void create_offer (std::function<void (Result<std::string>)> callback);
  void set_answer (const std::string &sdp,
      std::function<void (Result<void>)> callback);
  // The other way round: calls back once, with all candidates in the answer.
  void create_answer (const std::string &offer,
      std::function<void (Result<std::string>)> callback);
  // Tells the server that it has lost its picture (PLI).
  void ask_for_keyframe ();
  // Takes everything down, without a word to the server. No event after it.
  void stop ();
  PeerStats stats () const;

private:
  WebrtcPeer (GMainContext *context, PeerOptions options, PeerEvents events);
  Result<void> start ();
  void offer_created (Result<std::string> sdp);
  void gathering_changed ();
  void finish_offer (Result<std::string> offer);
  void describe (const char *action, const char *field);
  void note_payload_types (const GstSDPMessage *sdp);
  Result<void> watch_dtls ();
  void dtls_changed (std::int64_t us);
  void fail (const std::string &why);

  // Any thread:
  void pad_added (GstPad *pad);
  void rtpbin_pad_added (GstPad *pad);
  void count (GstBuffer *buffer);
  void count_delivered (guint packets);

  Ref<GMainContext> context_;
  PeerOptions options_;
  PeerEvents events_;
  Ref<GstElement> pipeline_, webrtc_;
  Ref<GObject> dtls_;
  std::vector<SignalConn> conns_;
  std::function<void (Result<std::string>)> offer_callback_;
  Timer gathering_timeout_;
  bool connected_ = false, closed_ = false, stopped_ = false;

  // Calls of webrtcbin that have not replied yet.
  struct Pending;
  using Reply = std::function<void (WebrtcPeer &, Result<Owned<GstStructure>>)>;
  std::shared_ptr<Pending> pending_;
  // A promise whose outcome is posted to this peer.
  GstPromise *promise_to (Reply reply);

  static constexpr int kNone = -1, kRtx = -2;
  mutable std::mutex mutex_; // what the streaming threads share:
  PeerStats stats_;
  std::array<int, 128> media_of_pt_; // from the answer, or kNone, kRtx
  bool media_told_ = false;
  std::array<Ref<GstElement>, kMediaCount> sinks_;
};

} // namespace restream::test
