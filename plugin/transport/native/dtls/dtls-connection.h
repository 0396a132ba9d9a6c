// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/dtls/dtls-handshake.h"
#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/dtls/dtls-outbox.h"
#include "plugin/transport/native/dtls/dtls-record-keys.h"
#include "plugin/transport/native/dtls/dtls-record.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace restream::transport::native {

// One viewer's DTLS 1.2 connection for DTLS-SRTP (RFC 5763, 5764). Pure: datagrams
// and the time in, datagrams out. OpenSSL makes the handshake and is gone after it:
// what a connection keeps are its keys.
//
//        start (client), ClientHello (server)     Finished
//   idle ────────────────────────────► handshaking ───────► connected
//     └──────────┬──────────────────────────┴──────────────────┘
//                ▼
//   closed (close (), the peer's close_notify) or failed (error () says why)
//
// After start (), receive (), on_deadline () and close () send all that
// next_datagram () gives, then look at state () and deadline_us ().
//
// Who sends to us must have proved its address (STUN): a server's flight is larger
// than a ClientHello, and is not preceded by a HelloVerifyRequest.
//
// Thread: its session's.
class DtlsConnection
{
public:
  enum class Role
  {
    client = 1, // we open the handshake ("a=setup:active")
    server,
  };
  enum class State
  {
    idle = 1,
    handshaking,
    connected,
    closed,
    failed,
  };

  // A flight is repeated after the first time, then after twice that, and so on up
  // to the longest; kMaxRepeats times at most. The whole must be over in kHandshakeLimitUs.
  static constexpr std::int64_t kFirstTimeoutUs = 50'000;
  static constexpr std::int64_t kLongestTimeoutUs = 2'000'000;
  static constexpr std::int64_t kHandshakeLimitUs = 20'000'000;
  static constexpr unsigned kMaxRepeats = 12;

  // peer_fingerprints are the offer's; the peer's certificate must match one
  // (see choose_fingerprints ()). Errors: forbidden, none of them is of use.
  static Result<std::unique_ptr<DtlsConnection>> create (
      std::shared_ptr<const DtlsIdentity> identity, Role role,
      std::span<const negotiation::Fingerprint> peer_fingerprints);

  DtlsConnection (const DtlsConnection &) = delete;
  DtlsConnection &operator= (const DtlsConnection &) = delete;
  ~DtlsConnection ();

  // The client makes its first flight. For a server the time for its handshake
  // starts to run, which else it does at the first ClientHello.
  void start (std::int64_t now_us);
  // Any bytes.
  void receive (std::span<const std::uint8_t> datagram, std::int64_t now_us);

  // When on_deadline () is to be called, if ever.
  std::optional<std::int64_t> deadline_us () const;
  void on_deadline (std::int64_t now_us);

  // The next datagram to be sent, of kDtlsMtu bytes at most. Valid until the next
  // call of a function that is not const.
  bool next_datagram (std::span<const std::uint8_t> &datagram);

  // Ends the connection with a close_notify, which is sent once.
  void close ();

  Role role () const { return role_; }
  State state () const { return state_; }
  // For the operator, without secrets.
  const std::string &error () const { return error_; }

  // Set once connected, and until forgotten.
  const std::optional<DtlsSrtpKeys> &keys () const { return keys_; }
  void forget_keys ();

private:
  DtlsConnection (std::shared_ptr<const DtlsIdentity> identity, Role role,
      std::vector<negotiation::Fingerprint> fingerprints);

  bool ended () const
  {
    return state_ == State::closed || state_ == State::failed;
  }
  bool is_client () const { return role_ == Role::client; }
  bool begin (std::int64_t now_us);
  void step (std::span<const std::uint8_t> record, std::int64_t now_us);
  void finish ();
  bool ensure_record_keys ();
  void receive_handshake (const DtlsRecord &record, std::int64_t now_us);
  void receive_sealed (const DtlsRecord &record);
  void send_alert (std::uint8_t level, std::uint8_t description);
  void fail (std::string why);
  void end (State state);

  std::shared_ptr<const DtlsIdentity> identity_;
  const Role role_;
  State state_ = State::idle;

  // While it lasts.
  std::vector<negotiation::Fingerprint> fingerprints_;
  std::unique_ptr<DtlsHandshake> handshake_;
  std::optional<std::int64_t> limit_us_; // of the whole handshake
  std::int64_t repeat_us_ = 0; // when the flight is repeated
  std::int64_t timeout_us_ = 0;
  unsigned repeats_ = 0;
  unsigned early_sealed_ = 0; // records given to OpenSSL before their time
  std::size_t taken_bytes_ = 0;

  DtlsOutbox outbox_;
  std::optional<DtlsRecordKeys> record_keys_;
  std::optional<DtlsSrtpKeys> keys_;
  DtlsReplayWindow replay_; // of the peer's sealed records
  std::array<std::uint8_t, 24> finished_{}; // our message, for the server
  std::string error_;
};

} // namespace restream::transport::native
