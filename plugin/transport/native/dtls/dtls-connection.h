// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/dtls/dtls-engine.h"
#include "plugin/transport/native/dtls/dtls-identity.h"
#include "plugin/transport/native/dtls/dtls-record.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace restream::transport::native {

// One viewer's DTLS 1.2 connection for DTLS-SRTP (RFC 5763, 5764). Pure but for OpenSSL's
// timer: datagrams and the time in, datagrams out. OpenSSL does all of DTLS.
//
//        start (client), ClientHello (server)     Finished
//   idle ────────────────────────────► handshaking ───────► connected
//     └──────────┬──────────────────────────┴──────────────────┘
//                ▼
//   closed (close (), the peer's close_notify) or failed (error () says why)
//
// OpenSSL's connection costs some 60 KB, and SRTP has no use for it once the keys are
// there. So it is released as soon as we are connected. What is left is what OpenSSL has
// written: the close_notify, made beforehand, and as the server our last flight, until the peer
// has proved that it has it (peer_confirmed ()): a peer that repeats its own has not, and is sent
// the same bytes once more. The price: after the release the peer's close_notify cannot be
// authenticated. Something that looks like it is a hint (farewell_hint ()) that the
// peer may have left, for the owner to believe if no authentic sign of life follows: who
// forges it gains nothing. All else that comes after the release is ignored.
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

  // A flight is repeated after the first timeout, then after twice that, and so on up to
  // the longest; kMaxRepeats times at most, which is OpenSSL's own bound. The whole must be
  // over in kHandshakeLimitUs.
  static constexpr std::int64_t kFirstTimeoutUs = DtlsEngine::kFirstTimeoutUs;
  static constexpr std::int64_t kLongestTimeoutUs =
      DtlsEngine::kLongestTimeoutUs;
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

  // The peer has proved, with a packet that its keys protect, to be connected.
  void peer_confirmed ();

  // Ends the connection with a close_notify, which is sent once. In the handshake there
  // is none: OpenSSL has no way to say it.
  void close ();

  Role role () const { return role_; }
  State state () const { return state_; }
  // For the operator, without secrets.
  const std::string &error () const { return error_; }

  // Set once connected, and until forgotten.
  const std::optional<DtlsSrtpKeys> &keys () const { return keys_; }
  void forget_keys ();

  // Something that looks like an alert has come since we are connected.
  bool farewell_hint () const { return farewell_hint_; }
  void clear_farewell_hint () { farewell_hint_ = false; }

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
  void receive_record (const DtlsRecord &record, std::int64_t now_us);
  void schedule_repeat (std::int64_t now_us);
  void release ();
  void fail (std::string why);
  void end (State state);

  std::shared_ptr<const DtlsIdentity> identity_;
  const Role role_;
  State state_ = State::idle;

  // Until connected.
  std::vector<negotiation::Fingerprint> fingerprints_;
  std::unique_ptr<DtlsEngine> engine_;
  std::optional<std::int64_t> limit_us_; // of the handshake
  std::int64_t repeat_us_ = 0; // when the flight is repeated
  unsigned early_sealed_ = 0; // records given to OpenSSL before their time
  std::size_t taken_bytes_ = 0;

  DtlsDatagrams outbox_;
  std::size_t sent_ = 0; // of the outbox
  DtlsDatagrams last_flight_; // the server's, until confirmed
  unsigned last_flight_repeats_ = 0;
  DtlsDatagrams farewell_; // the close_notify
  std::optional<DtlsSrtpKeys> keys_;
  bool farewell_hint_ = false;
  std::string error_;
};

} // namespace restream::transport::native
