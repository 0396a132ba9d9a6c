// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/dtls/dtls-connection.h"
#include "plugin/transport/native/srtp/srtp-receiver.h"
#include "plugin/transport/native/srtp/srtp-sender.h"
#include "tests/support/rtp-counter.h"

#include <stun/stunagent.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace restream::test {

// A viewer down to the datagram: connectivity checks by libnice, DTLS and SRTP by the native
// transport's own rooms (which are tested against others elsewhere), on sockets of
// 127.0.0.1. For what no well-behaved viewer does. Nothing happens but in its calls.
// Thread: one.
class RawViewer
{
public:
  using Bytes = std::vector<std::uint8_t>;
  static constexpr int kVideoType = 96, kRtxType = 97, kAudioType = 111;

  struct Options
  {
    bool dtls_server = true; // else its offer says "active"
    bool rtx = true;
    unsigned transport_sequence_id = 0; // 0: not offered
  };
  RawViewer () : RawViewer (Options ()) {}
  explicit RawViewer (Options options);
  ~RawViewer ();
  RawViewer (const RawViewer &) = delete;
  RawViewer &operator= (const RawViewer &) = delete;

  const std::string &offer () const { return offer_; }
  // Begins: checks, then DTLS. The server's candidates are all on one port.
  void set_answer (const std::string &sdp);
  // What has come since, and what is due. Often, while the viewer is to live.
  void pump ();
  bool connected () const { return receiver_.has_value (); }

  // Another socket, from which nothing is sent yet; the number of it. The first is 0.
  unsigned open_socket ();
  // Checks, media and the rest go through this one from now on; a check is sent at once.
  void move_to (unsigned socket);
  void send (unsigned socket, const Bytes &datagram);

  struct CheckOptions
  {
    std::string ufrag; // empty: the server's
    std::string password; // empty: the right one
    bool nominate = true;
    bool controlling = true;
  };
  Bytes make_check (const CheckOptions &options);
  // Encrypted; each call has an index of its own.
  Bytes make_rtcp (const Bytes &compound);
  Bytes make_receiver_report ();
  Bytes make_nack (std::uint32_t ssrc, std::uint16_t sequence);
  Bytes make_pli (std::uint32_t ssrc);

  const std::string &server_ufrag () const { return server_ufrag_; }
  // What the viewer has sent in DTLS, the newest last.
  const std::vector<Bytes> &dtls_sent () const { return dtls_sent_; }
  // A sealed close_notify, which ends the viewer's side too.
  Bytes make_close_notify ();

  // Datagrams that came to a socket.
  std::uint64_t received (unsigned socket) const
  {
    return sockets_[socket].received;
  }
  // STUN answers: to valid checks, and errors by their code.
  unsigned check_answers () const { return check_answers_; }
  unsigned check_errors (int code) const
  {
    auto found = check_errors_.find (code);
    return found == check_errors_.end () ? 0 : found->second;
  }
  const RtpCounter &video () const { return video_; }
  const RtpCounter &audio () const { return audio_; }
  std::uint64_t retransmissions () const { return retransmissions_; }
  std::uint64_t other_packets () const { return other_packets_; }
  std::uint64_t rtcp_packets () const { return rtcp_packets_; }
  // SRTP that did not decrypt.
  std::uint64_t undecipherable () const { return undecipherable_; }
  bool closed () const;
  std::uint16_t newest_video_sequence () const { return newest_video_; }

private:
  struct Socket
  {
    int fd;
    std::uint64_t received = 0;
  };

  void write_offer ();
  void receive (unsigned socket, std::span<std::uint8_t> bytes);
  void receive_stun (std::span<const std::uint8_t> bytes);
  void receive_rtp (std::span<std::uint8_t> bytes);
  void run_dtls ();

  Options options_;
  std::shared_ptr<const transport::native::DtlsIdentity> identity_;
  std::unique_ptr<transport::native::DtlsConnection> dtls_;
  std::optional<transport::native::SrtpReceiver> receiver_;
  std::optional<transport::native::SrtpSender> sender_;
  std::string offer_, ufrag_, password_;
  std::string server_ufrag_, server_password_;
  unsigned port_ = 0;
  StunAgent agent_;
  std::vector<Socket> sockets_;
  unsigned socket_ = 0;
  std::int64_t next_check_us_ = 0, next_report_us_ = 0;
  std::vector<Bytes> dtls_sent_;

  unsigned check_answers_ = 0;
  std::map<int, unsigned> check_errors_;
  RtpCounter video_{RtpCounter::Codec::h264}, audio_;
  std::uint64_t retransmissions_ = 0, other_packets_ = 0, rtcp_packets_ = 0;
  std::uint64_t undecipherable_ = 0;
  std::uint16_t newest_video_ = 0;
};

} // namespace restream::test
