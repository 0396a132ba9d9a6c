// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/dtls/dtls-connection.h"
#include "plugin/transport/native/srtp/srtp-receiver.h"
#include "plugin/transport/native/srtp/srtp-sender.h"
#include "tools/load/answer.h"
#include "tools/load/client-socket.h"
#include "tools/load/ice-client.h"
#include "tools/load/media-meter.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace restream::load {

// Monotonic; 0: did not happen.
struct PeerTimes
{
  std::int64_t ice_us = 0; // nominated
  std::int64_t dtls_us = 0; // handshake over
  std::int64_t first_packet_us = 0; // decrypted
  std::int64_t first_keyframe_us = 0;
};

struct PeerTotals
{
  std::array<MediaCounts, kMediaCount> media;
  std::uint64_t retransmitted = 0; // RTX packets
  std::uint64_t unknown = 0; // of a payload type that the answer does not have
  std::uint64_t refused = 0; // not authentic, or malformed
  std::uint64_t decrypted = 0;
  std::uint64_t socket_drops = 0; // here, since we were too slow

  PeerTotals &operator+= (const PeerTotals &other);
};
PeerTotals operator- (const PeerTotals &now, const PeerTotals &before);

// One viewer in the measured window.
struct PeerWindow
{
  PeerTotals totals;
  std::array<std::optional<double>, kMediaCount> jitter_ms;
  std::optional<double>
      lag_growth_ms; // video's, or audio's where there is none
  std::optional<double> delay_spread_ms;
  std::optional<double> round_trip_ms;
};

// The media side of one viewer: a UDP socket, ICE, DTLS, SRTP, RTCP, and meters.
//
//                 answer     nominated      handshake      media
//   created ─► connecting ─► handshaking ─► waiting ─────► playing ─► ended
//
// Thread: made on any, and given to one for good.
class Peer
{
public:
  enum class State
  {
    created = 1,
    connecting, // ICE
    handshaking, // DTLS
    waiting, // for all media and a keyframe
    playing,
    ended, // reason () says why
  };

  struct Settings
  {
    unsigned id = 0;
    bool full = false; // decrypts every packet to the end
    std::shared_ptr<const transport::native::DtlsIdentity> identity;
  };

  // Errors: unavailable, no descriptors left.
  static Result<std::unique_ptr<Peer>> create (Settings settings);
  ~Peer ();

  unsigned id () const { return settings_.id; }
  const IceCredentials &credentials () const { return credentials_; }
  std::uint16_t port () const { return socket_.port (); }
  int fd () const { return socket_.fd (); }

  void start (const Answer &answer, std::int64_t now_us);
  // Fetches what the socket has.
  void receive (ReceiveBatch &batch);
  std::int64_t deadline_us () const;
  void on_deadline (std::int64_t now_us);
  // Says goodbye.
  void close ();

  State state () const { return state_; }
  // Is each datagram to be seen at once?
  bool is_urgent () const
  {
    return state_ == State::connecting || state_ == State::handshaking;
  }
  const std::string &reason () const { return reason_; }
  const PeerTimes &times () const { return times_; }

  PeerTotals totals () const;
  void begin_window ();
  PeerWindow window () const;

private:
  Peer (Settings settings, ClientSocket socket);

  void handle (ClientSocket::Datagram &datagram);
  void run_dtls ();
  void begin_media ();
  void handle_rtp (std::span<std::uint8_t> bytes, std::int64_t arrival_us);
  void look_for_start (std::span<const std::uint8_t> packet, Payload payload,
      std::int64_t arrival_us);
  void handle_rtcp (std::span<std::uint8_t> bytes, std::int64_t arrival_us);
  void send_report ();
  void flush_ice ();
  void end (std::string reason);

  const Settings settings_;
  const IceCredentials credentials_;
  const std::uint32_t ssrc_; // of our reports
  ClientSocket socket_;
  State state_ = State::created;
  std::string reason_;
  PeerTimes times_;
  std::int64_t now_us_ = 0;

  std::array<bool, kMediaCount> accepted_{};
  std::array<Payload, 128> payloads_{};
  std::unique_ptr<IceClient> ice_;
  std::unique_ptr<transport::native::DtlsConnection> dtls_;
  std::optional<IceClient::Address> dtls_from_;
  std::optional<transport::native::SrtpReceiver> receiver_;
  std::optional<transport::native::SrtpSender> sender_;
  bool decrypting_ = true;
  bool dtls_started_ = false;
  std::int64_t report_us_ = 0;

  std::array<MediaMeter, kMediaCount> meters_;
  PeerTotals other_; // all but the media
  PeerTotals window_begin_;
};

} // namespace restream::load
