// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-connection.h"

#include "plugin/transport/native/dtls/dtls-fingerprint.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace restream::transport::native {

namespace {

constexpr std::size_t kMaxRecordsPerDatagram = 16;
// A handshake takes some 4 KB; repeated as often as peers do, well below this.
constexpr std::size_t kMaxHandshakeBytes = 128 * 1024;
// OpenSSL keeps 17 KB for each sealed record that comes before its time.
constexpr unsigned kMaxEarlySealed = 16;
// After the handshake nothing longer than a Finished is of interest.
constexpr std::size_t kMaxSealedFragment = 64;

} // namespace

DtlsConnection::DtlsConnection (std::shared_ptr<const DtlsIdentity> identity,
    Role role, std::vector<negotiation::Fingerprint> fingerprints)
    : identity_ (std::move (identity)), role_ (role),
      fingerprints_ (std::move (fingerprints))
{
}

DtlsConnection::~DtlsConnection ()
{
  forget_keys ();
  OPENSSL_cleanse (finished_.data (), finished_.size ());
}

Result<std::unique_ptr<DtlsConnection>>
DtlsConnection::create (std::shared_ptr<const DtlsIdentity> identity, Role role,
    std::span<const negotiation::Fingerprint> peer_fingerprints)
{
  auto chosen = choose_fingerprints (peer_fingerprints);
  if (!chosen)
    return chosen.error ();
  return std::unique_ptr<DtlsConnection> (
      new DtlsConnection (std::move (identity), role, std::move (*chosen)));
}

void
DtlsConnection::start (std::int64_t now_us)
{
  if (state_ != State::idle)
    return;
  if (!limit_us_)
    limit_us_ = now_us + kHandshakeLimitUs;
  if (is_client () && begin (now_us))
    step ({}, now_us);
}

bool
DtlsConnection::begin (std::int64_t now_us)
{
  auto handshake = DtlsHandshake::create (*identity_, is_client (),
      std::move (fingerprints_), outbox_);
  if (!handshake) {
    fail (handshake.error ().what);
    return false;
  }
  handshake_ = std::move (*handshake);
  state_ = State::handshaking;
  if (!limit_us_)
    limit_us_ = now_us + kHandshakeLimitUs;
  repeat_us_ = *limit_us_;
  return true;
}

void
DtlsConnection::step (std::span<const std::uint8_t> record, std::int64_t now_us)
{
  const DtlsHandshake::Progress progress = handshake_->step (record);
  if (outbox_.has_begun ()) {
    timeout_us_ = kFirstTimeoutUs;
    repeat_us_ = now_us + timeout_us_;
    repeats_ = 0;
  }
  switch (progress) {
    case DtlsHandshake::Progress::waiting:
      break;
    case DtlsHandshake::Progress::done:
      finish ();
      break;
    case DtlsHandshake::Progress::closed:
      error_ = "closed by the viewer in the DTLS handshake";
      end (State::closed);
      break;
    case DtlsHandshake::Progress::failed:
      // OpenSSL has written its alert.
      fail (handshake_->error ());
      break;
  }
}

void
DtlsConnection::finish ()
{
  auto keys = handshake_->keys ();
  // Our own Finished opens with what was derived, or all that follows would be
  // unreadable for the peer.
  const auto sealed = outbox_.last_sealed ();
  std::array<std::uint8_t, kMaxSealedFragment> plaintext;
  if (!ensure_record_keys () || !sealed
      || record_keys_->open (*identity_, *sealed, plaintext, true)
          != finished_.size ()
      || plaintext[0] != dtls_message::kFinished) {
    fail ("DTLS: no keys for the records after the handshake");
    return;
  }
  if (!keys) {
    send_alert (dtls_alert::kFatal, dtls_alert::kHandshakeFailure);
    fail (keys.error ().what);
    return;
  }
  std::copy_n (plaintext.begin (), finished_.size (), finished_.begin ());
  keys_ = std::move (*keys);
  handshake_.reset ();
  state_ = State::connected;
}

bool
DtlsConnection::ensure_record_keys ()
{
  if (!record_keys_) {
    auto keys = DtlsRecordKeys::derive (handshake_->ssl (), is_client ());
    if (!keys)
      return false;
    record_keys_ = std::move (*keys);
  }
  return true;
}

void
DtlsConnection::receive (std::span<const std::uint8_t> datagram,
    std::int64_t now_us)
{
  for (std::size_t i = 0; i < kMaxRecordsPerDatagram && !ended (); i++) {
    const auto record = take_dtls_record (datagram);
    if (!record)
      return;
    if (state_ == State::connected)
      receive_sealed (*record);
    else
      receive_handshake (*record, now_us);
  }
}

void
DtlsConnection::receive_handshake (const DtlsRecord &record,
    std::int64_t now_us)
{
  if (record.type == dtls_content::kApplicationData || record.epoch > 1)
    return;
  if (state_ == State::idle) {
    if (is_client () || record.type != dtls_content::kHandshake
        || record.epoch != 0 || record.fragment[0] != dtls_message::kClientHello
        || !begin (now_us))
      return;
  }
  if (record.epoch == 1 && !handshake_->expects_sealed ()
      && ++early_sealed_ > kMaxEarlySealed)
    return;
  taken_bytes_ += record.whole.size ();
  if (taken_bytes_ > kMaxHandshakeBytes) {
    fail ("the viewer's DTLS handshake does not come to an end");
    return;
  }
  step (record.whole, now_us);
}

// What may come after the handshake: alerts, and the client's last flight once more
// if it has not got ours (RFC 6347 4.2.4). What is not authentic or of no use is ignored.
void
DtlsConnection::receive_sealed (const DtlsRecord &record)
{
  if (record.epoch != 1 || record.fragment.size () > kMaxSealedFragment
      || (record.type != dtls_content::kAlert
          && record.type != dtls_content::kHandshake)
      || !replay_.is_new (record.sequence))
    return;
  std::array<std::uint8_t, kMaxSealedFragment> plaintext;
  const std::size_t size = record_keys_->open (*identity_, record, plaintext);
  if (size == 0)
    return;
  replay_.mark (record.sequence);

  if (record.type == dtls_content::kAlert && size == 2) {
    if (plaintext[1] == dtls_alert::kCloseNotify) {
      close ();
    } else if (plaintext[0] == dtls_alert::kFatal) {
      error_ =
          "DTLS alert " + std::to_string (plaintext[1]) + " from the viewer";
      end (State::failed);
    }
  } else if (record.type == dtls_content::kHandshake && !is_client ()
      && plaintext[0] == dtls_message::kFinished && outbox_.drained ()) {
    constexpr std::uint8_t change_cipher_spec = 1;
    outbox_.clear ();
    outbox_.add_plain (dtls_content::kChangeCipherSpec,
        {&change_cipher_spec, 1});
    outbox_.add_sealed (*identity_, *record_keys_, dtls_content::kHandshake,
        finished_);
  }
}

std::optional<std::int64_t>
DtlsConnection::deadline_us () const
{
  if (state_ == State::idle)
    return limit_us_;
  if (state_ == State::handshaking)
    return std::min (repeat_us_, *limit_us_);
  return {};
}

void
DtlsConnection::on_deadline (std::int64_t now_us)
{
  const auto deadline = deadline_us ();
  if (!deadline || now_us < *deadline)
    return;
  if (now_us >= *limit_us_ || repeats_ >= kMaxRepeats) {
    fail (state_ == State::idle
            ? "the viewer has not begun the DTLS handshake in time"
            : "the viewer has not answered in the DTLS handshake");
    return;
  }
  if ((outbox_.has_sealed () && !ensure_record_keys ())
      || !outbox_.repeat (*identity_,
          record_keys_ ? &*record_keys_ : nullptr)) {
    fail ("DTLS: a flight cannot be repeated");
    return;
  }
  repeats_++;
  timeout_us_ = std::min (2 * timeout_us_, kLongestTimeoutUs);
  repeat_us_ = now_us + timeout_us_;
}

bool
DtlsConnection::next_datagram (std::span<const std::uint8_t> &datagram)
{
  if (outbox_.next (datagram))
    return true;
  if (state_ == State::connected || ended ())
    outbox_.release ();
  return false;
}

void
DtlsConnection::close ()
{
  if (ended ())
    return;
  // A server that nobody has spoken to has nobody to tell.
  if (state_ != State::idle)
    send_alert (dtls_alert::kWarning, dtls_alert::kCloseNotify);
  end (State::closed);
}

void
DtlsConnection::send_alert (std::uint8_t level, std::uint8_t description)
{
  const std::array<std::uint8_t, 2> alert = {level, description};
  if (outbox_.drained ())
    outbox_.clear ();
  if (!outbox_.has_sealed ())
    outbox_.add_plain (dtls_content::kAlert, alert);
  else if (ensure_record_keys ())
    outbox_.add_sealed (*identity_, *record_keys_, dtls_content::kAlert, alert);
}

void
DtlsConnection::fail (std::string why)
{
  error_ = std::move (why);
  end (State::failed);
}

void
DtlsConnection::end (State state)
{
  state_ = state;
  handshake_.reset ();
  record_keys_.reset ();
  forget_keys ();
}

void
DtlsConnection::forget_keys ()
{
  keys_.reset (); // which wipes them
}

} // namespace restream::transport::native
