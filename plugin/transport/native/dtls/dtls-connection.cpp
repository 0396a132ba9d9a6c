// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-connection.h"

#include "plugin/transport/native/dtls/dtls-fingerprint.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace restream::transport::native {

namespace {

constexpr std::size_t kMaxRecordsPerDatagram = 16;
// A handshake takes some 4 KB; repeated as often as peers do, well below this.
constexpr std::size_t kMaxHandshakeBytes = 128 * 1024;
// OpenSSL keeps 17 KB for each sealed record that comes before its time.
constexpr unsigned kMaxEarlySealed = 16;

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
  auto engine = DtlsEngine::create (*identity_, is_client (),
      std::move (fingerprints_), outbox_);
  if (!engine) {
    fail (engine.error ().what);
    return false;
  }
  engine_ = std::move (*engine);
  state_ = State::handshaking;
  if (!limit_us_)
    limit_us_ = now_us + kHandshakeLimitUs;
  repeat_us_ = *limit_us_;
  return true;
}

void
DtlsConnection::step (std::span<const std::uint8_t> record, std::int64_t now_us)
{
  switch (engine_->receive (record)) {
    case DtlsEngine::Progress::waiting:
      schedule_repeat (now_us);
      break;
    case DtlsEngine::Progress::done:
      finish ();
      break;
    case DtlsEngine::Progress::closed:
      if (state_ == State::handshaking)
        error_ = "closed by the viewer in the DTLS handshake";
      close (); // which answers (RFC 5246 7.2.1)
      break;
    case DtlsEngine::Progress::failed:
      fail (engine_->error ());
      break;
  }
}

void
DtlsConnection::finish ()
{
  auto keys = engine_->keys ();
  if (!keys) {
    engine_->shutdown ();
    fail (keys.error ().what);
    return;
  }
  keys_ = std::move (*keys);
  state_ = State::connected;
  if (!is_client ())
    last_flight_.assign (outbox_.begin () + static_cast<std::ptrdiff_t> (sent_),
        outbox_.end ());
  release ();
}

void
DtlsConnection::peer_confirmed ()
{
  DtlsDatagrams ().swap (last_flight_);
}

void
DtlsConnection::release ()
{
  // Behind what may still have to be sent.
  const auto first = static_cast<std::ptrdiff_t> (outbox_.size ());
  engine_->shutdown ();
  farewell_.assign (std::make_move_iterator (outbox_.begin () + first),
      std::make_move_iterator (outbox_.end ()));
  outbox_.erase (outbox_.begin () + first, outbox_.end ());
  engine_.reset ();
}

void
DtlsConnection::receive (std::span<const std::uint8_t> datagram,
    std::int64_t now_us)
{
  const std::size_t before = outbox_.size ();
  for (std::size_t i = 0; i < kMaxRecordsPerDatagram && !ended (); i++) {
    const auto record = take_dtls_record (datagram);
    if (!record)
      return;
    // A flight is answered once, however many records it has.
    if (state_ != State::connected || outbox_.size () == before)
      receive_record (*record, now_us);
  }
}

void
DtlsConnection::receive_record (const DtlsRecord &record, std::int64_t now_us)
{
  if (state_ == State::connected) {
    if (record.type == dtls_content::kAlert && record.epoch > 0)
      farewell_hint_ = true;
    else if (record.type == dtls_content::kHandshake && record.epoch > 0
        && last_flight_repeats_ < kMaxRepeats && !last_flight_.empty ()) {
      last_flight_repeats_++;
      outbox_.insert (outbox_.end (), last_flight_.begin (),
          last_flight_.end ());
    }
    return;
  }
  if (record.type == dtls_content::kApplicationData || record.epoch > 1)
    return;
  if (state_ == State::idle
      && (is_client () || !record.is_client_hello () || !begin (now_us)))
    return;
  if (state_ == State::handshaking) {
    if (record.epoch == 1 && !engine_->expects_sealed ()
        && ++early_sealed_ > kMaxEarlySealed)
      return;
    taken_bytes_ += record.whole.size ();
    if (taken_bytes_ > kMaxHandshakeBytes) {
      fail ("the viewer's DTLS handshake does not come to an end");
      return;
    }
  }
  step (record.whole, now_us);
}

void
DtlsConnection::schedule_repeat (std::int64_t now_us)
{
  const auto left = engine_->timeout_us ();
  repeat_us_ = left ? now_us + std::min (*left, kLongestTimeoutUs) : *limit_us_;
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
  if (state_ == State::idle)
    fail ("the viewer has not begun the DTLS handshake in time");
  else if (now_us >= *limit_us_ || !engine_->repeat ())
    fail ("the viewer has not answered in the DTLS handshake");
  else
    schedule_repeat (now_us);
}

bool
DtlsConnection::next_datagram (std::span<const std::uint8_t> &datagram)
{
  if (sent_ < outbox_.size ()) {
    datagram = outbox_[sent_++];
    return true;
  }
  DtlsDatagrams ().swap (outbox_); // the memory too
  sent_ = 0;
  return false;
}

void
DtlsConnection::close ()
{
  if (ended ())
    return;
  if (engine_)
    engine_->shutdown ();
  std::move (farewell_.begin (), farewell_.end (),
      std::back_inserter (outbox_));
  end (State::closed);
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
  engine_.reset ();
  DtlsDatagrams ().swap (last_flight_);
  DtlsDatagrams ().swap (farewell_);
  forget_keys ();
}

void
DtlsConnection::forget_keys ()
{
  keys_.reset (); // which wipes them
}

} // namespace restream::transport::native
