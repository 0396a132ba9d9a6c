// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/session.h"

#include "plugin/transport/native/io/io-thread.h"

#include "common/bytes.h"
#include "common/rtp-packet.h"

#include <algorithm>

namespace restream::transport::native {

namespace {

constexpr std::int64_t kConnectTimeoutUs = 30'000'000;
// RFC 7675, section 5.1: consent runs out 30 s after the last sign of it.
constexpr std::int64_t kConsentUs = 30'000'000;
// Viewers check at least every 5 s or so: this is a few of these in a row.
constexpr std::int64_t kQuietUs = 10'000'000;
// After so much silence on the path in use, another one that is alive is taken without
// a nomination: the viewer's NAT has given it another port.
constexpr std::int64_t kPathQuietUs = 3'000'000;
// A farewell that cannot be verified is believed after so much silence. Viewers that
// are still there check and report more often.
constexpr std::int64_t kFarewellUs = 10'000'000;
constexpr std::int64_t kReportIntervalUs = 1'000'000;
// It goes along with media; by itself when there is none for so long.
constexpr std::int64_t kReportWaitsUs = 100'000;
// A probe is repeated like that; then the viewer's next packet begins again.
constexpr unsigned kMaxProbes = 4;
constexpr std::int64_t kProbeIntervalUs = 200'000;
constexpr std::size_t kMaxPaths =
    8; // a viewer's checks come from each of its candidates

bool
is_dtls (std::span<const std::uint8_t> bytes) // RFC 7983
{
  return !bytes.empty () && bytes[0] >= 20 && bytes[0] <= 63;
}

} // namespace

Session::Session (SessionSettings settings,
    std::shared_ptr<SessionObserver> observer)
    : settings_ (std::move (settings)), observer_ (std::move (observer)),
      local_ (settings_.local), remote_ (settings_.remote),
      born_us_ (g_get_monotonic_time ())
{
}

Session::~Session () = default;

void
Session::attach (IoThread &thread, StreamFeed *feed)
{
  thread_ = &thread;
  feed_ = feed;
  thread_->add_ufrag (local_.ufrag, *this);
  if (old_local_)
    thread_->add_ufrag (old_local_->ufrag, *this);
}

void
Session::detach ()
{
  for (const Path &path : paths_)
    thread_->unbind (path, *this);
  for (const auto &[path, receiver] : lent_)
    receiver->post ([path = path] (IoThread &thread) {
      thread.forget_foreign (path.remote);
    });
  thread_->leave_ufrag (local_.ufrag);
  if (old_local_)
    thread_->leave_ufrag (old_local_->ufrag);
  end_probe ();
  if (source_)
    thread_->remove_source (*source_, *this);
  source_.reset ();
  for (Media media : kAllMedia)
    thread_->queue ().forget (observer_->session_counters (media).dropped);
}

const std::string *
Session::password_of (std::string_view local_ufrag) const
{
  if (ended_)
    return nullptr; // goodbye is said
  if (local_ufrag == local_.ufrag)
    return &local_.pwd;
  if (old_local_ && local_ufrag == old_local_->ufrag)
    return &old_local_->pwd;
  return nullptr;
}

void
Session::handle_check (const CheckName &name, const CheckResult &check,
    const Path &path)
{
  bool current = name.local == local_.ufrag;
  if (name.remote != (current ? remote_.ufrag : old_remote_ufrag_))
    return;
  thread_->send (path, check.reply);
  if (check.kind != CheckResult::Kind::valid)
    return;
  // A lite agent need not check. But a viewer that has seen that the path works
  // the other way too can nominate it at once: Pion's then does, and is connected one
  // interval of its checks sooner.
  if (current && !nominated_ && !check.nominated)
    thread_->send_check (path, local_.ufrag, remote_);
  if (current && old_local_) {
    // The viewer has got the answer to its restart.
    thread_->remove_ufrag (old_local_->ufrag);
    old_local_.reset ();
    nominated_ = false;
  }

  learn_path (path);
  std::int64_t now = thread_->now_us ();
  hear ();
  if (path_ && *path_ == path) {
    path_heard_us_ = now;
    nominated_ |= check.nominated;
  } else if (!path_ || check.nominated || !nominated_
      || now - path_heard_us_ > kPathQuietUs) {
    path_ = path;
    path_heard_us_ = now;
    nominated_ = check.nominated;
  }

  if (!dtls_) {
    set_state (ViewerState::connecting);
    auto made = DtlsConnection::create (settings_.identity, settings_.role,
        settings_.fingerprints);
    if (!made)
      return end (made.error ().wrap ("DTLS"));
    dtls_ = std::move (*made);
    dtls_->start (now);
    run_dtls ();
  }
}

void
Session::learn_path (const Path &path)
{
  if (std::find (paths_.begin (), paths_.end (), path) != paths_.end ())
    return;
  if (paths_.size () == kMaxPaths) {
    auto oldest = std::find_if (paths_.begin (), paths_.end (),
        [this] (const Path &p) { return !(path_ && p == *path_); });
    thread_->unbind (*oldest, *this);
    paths_.erase (oldest);
  }
  paths_.push_back (path);
  thread_->bind (path, *this);
}

void
Session::handle_stray (std::span<std::uint8_t> bytes, const Path &path)
{
  if (handle_rtcp (bytes) && !(*path_ == path))
    probe (path);
}

// The viewer speaks from somewhere else than media goes to. It holds the keys, but who
// repeats its packets from there does not: so no media before the address has answered.
void
Session::probe (const Path &path)
{
  if (ended_ || (probe_ && probe_->path () == path))
    return;
  end_probe ();
  probe_ = std::make_unique<PathProbe> (path, local_.ufrag, remote_.ufrag,
      remote_.pwd);
  repeat_probe ();
}

void
Session::repeat_probe ()
{
  if (probes_sent_ == kMaxProbes)
    return end_probe ();
  probes_sent_++;
  next_probe_us_ = thread_->now_us () + kProbeIntervalUs;
  thread_->send_probe (*probe_, *this);
}

void
Session::end_probe ()
{
  if (probe_)
    thread_->forget_probe (*probe_);
  probe_.reset ();
  probes_sent_ = 0;
}

void
Session::handle_probe_answer (std::span<const std::uint8_t> bytes,
    const Path &path, IoThread &receiver)
{
  if (!probe_ || ended_)
    return;
  if (!(probe_->path () == path) || !probe_->is_answered_by (bytes))
    return reject ();
  end_probe ();
  learn_path (path);
  if (&receiver != thread_)
    lend (path, receiver);
  hear ();
  path_ = path;
  path_heard_us_ = thread_->now_us ();
}

void
Session::lose_path (const Path &path)
{
  if (probe_ && probe_->path () == path)
    end_probe ();
  thread_->unbind (path, *this);
  std::erase (paths_, path);
  if (!path_ || !(*path_ == path))
    return;
  // Until the viewer checks another one: the last that it did, or none.
  path_.reset ();
  nominated_ = false;
  if (!paths_.empty ())
    path_ = paths_.back ();
}

void
Session::reject ()
{
  observer_->session_link ().rejected.fetch_add (1, std::memory_order_relaxed);
}

void
Session::handle_datagram (std::span<std::uint8_t> bytes, const Path &path)
{
  if (ended_)
    return; // goodbye is said
  if (is_dtls (bytes)) {
    handle_dtls (bytes);
  } else if (is_rtcp (bytes)) {
    if (!handle_rtcp (bytes))
      return;
    if (*path_ == path)
      path_heard_us_ = thread_->now_us ();
    else if (thread_->now_us () - path_heard_us_ > kPathQuietUs)
      probe (path); // it has come back to a path it had before
  } else {
    reject (); // anything else, such as RTP, has no meaning from a viewer
  }
}

void
Session::handle_dtls (std::span<std::uint8_t> bytes)
{
  if (!dtls_)
    return;
  dtls_->receive (bytes, thread_->now_us ());
  if (dtls_->farewell_hint () && !farewell_us_)
    farewell_us_ = thread_->now_us ();
  run_dtls ();
}

// Sends what the connection has to say, and follows its state.
void
Session::run_dtls ()
{
  send_dtls ();
  switch (dtls_->state ()) {
    case DtlsConnection::State::connected:
      if (!sender_)
        begin_media ();
      break;
    case DtlsConnection::State::closed:
      end ({Code::not_found, "the viewer left"});
      break;
    case DtlsConnection::State::failed:
      end ({Code::forbidden, dtls_->error ()});
      break;
    default:
      break;
  }
}

// The viewer is who its offer said: from here on it gets media.
void
Session::begin_media ()
{
  const std::optional<DtlsSrtpKeys> &keys = dtls_->keys ();
  if (!keys)
    return end ({Code::internal, "DTLS gave no keys"});
  Result<SrtpSender> srtp = SrtpSender::create (keys->local);
  if (!srtp)
    return end (srtp.error ().wrap ("SRTP"));
  Result<SrtpReceiver> receiver = SrtpReceiver::create (keys->remote);
  if (!receiver)
    return end (receiver.error ().wrap ("SRTP"));
  receiver_ = std::move (*receiver);
  dtls_->forget_keys ();
  sender_ = std::make_unique<MediaSender> (settings_.sender, std::move (*srtp),
      std::array{&observer_->session_counters (Media::video),
          &observer_->session_counters (Media::audio)},
      observer_->session_link ());
  if (feed_)
    sender_->start (*feed_);
  // Spread over the interval, so that viewers who came together do not
  // report together; the first one soon, since players wait for it to synchronise.
  next_report_us_ = thread_->now_us ()
      + static_cast<std::int64_t> (settings_.id * 7919 % 100) * 1000 + 50'000;
  set_state (ViewerState::connected);
  thread_->owe (*this);
}

bool
Session::handle_rtcp (std::span<std::uint8_t> bytes)
{
  if (!receiver_ || !sender_ || !feed_ || !path_ || ended_)
    return false;
  SrtpReceiver::Plain plain = receiver_->unprotect_rtcp (bytes);
  if (!plain) {
    reject ();
    return false;
  }
  if (!source_) {
    source_ = be32 (plain.packet, 4);
    thread_->add_source (*source_, *this);
  }
  // Who holds the keys and says so still wants the stream: as good as a check.
  hear ();
  dtls_->peer_confirmed ();
  sender_->handle_rtcp (plain.packet, *feed_, thread_->queue (), *path_,
      thread_->now_us ());
  return true;
}

void
Session::hear ()
{
  consent_us_ = thread_->now_us ();
  if (farewell_us_) {
    farewell_us_ = 0;
    dtls_->clear_farewell_hint ();
  }
  if (state_ == ViewerState::disconnected)
    set_state (ViewerState::connected);
}

bool
Session::serve (Media media)
{
  if (!sender_ || !feed_ || !path_ || ended_)
    return false;
  if (path_->tcp && path_->tcp->congested ()) {
    path_->tcp->flush ();
    if (path_->tcp->congested ())
      return true;
  }
  std::int64_t now = thread_->now_us ();
  if (now - consent_us_ > kConsentUs)
    return false;
  bool more = sender_->serve (media, *feed_, thread_->queue (), *path_, now);
  if (drain_deadline_us_ && !sender_->is_behind (*feed_))
    finish_drain ();
  if (now >= next_report_us_ && !ended_) {
    report ();
    thread_->reschedule (*this);
  }
  return more && !ended_;
}

std::int64_t
Session::deadline_us () const
{
  std::int64_t deadline = drain_deadline_us_ ? drain_deadline_us_ : INT64_MAX;
  if (dtls_) {
    if (std::optional<std::int64_t> due = dtls_->deadline_us ())
      deadline = std::min (deadline, *due);
  }
  if (!sender_)
    return std::min (deadline, born_us_ + kConnectTimeoutUs);
  deadline = std::min (deadline, next_report_us_ + kReportWaitsUs);
  if (probe_)
    deadline = std::min (deadline, next_probe_us_);
  if (state_ == ViewerState::connected)
    deadline = std::min (deadline, consent_us_ + kQuietUs);
  if (farewell_us_)
    deadline = std::min (deadline, farewell_us_ + kFarewellUs);
  if (settings_.silence_timeout_us)
    deadline = std::min (deadline, consent_us_ + settings_.silence_timeout_us);
  return deadline;
}

void
Session::handle_deadline ()
{
  std::int64_t now = thread_->now_us ();
  if (drain_deadline_us_ && now >= drain_deadline_us_)
    return finish_drain ();
  if (dtls_) {
    if (std::optional<std::int64_t> due = dtls_->deadline_us ();
        due && now >= *due) {
      dtls_->on_deadline (now);
      run_dtls ();
      if (ended_)
        return;
    }
  }
  if (!sender_) {
    if (now >= born_us_ + kConnectTimeoutUs)
      end ({Code::timeout,
          dtls_ ? "the DTLS handshake was not finished in time"
                : "no ICE connectivity check came from the viewer: its "
                  "network does not reach the addresses of the answer"});
    return;
  }
  if (farewell_us_ && now >= farewell_us_ + kFarewellUs)
    return end ({Code::not_found, "the viewer left"});
  if (settings_.silence_timeout_us
      && now >= consent_us_ + settings_.silence_timeout_us)
    return end ({Code::timeout, "nothing was heard of the viewer any more"});
  if (state_ == ViewerState::connected && now >= consent_us_ + kQuietUs)
    set_state (ViewerState::disconnected);
  if (probe_ && now >= next_probe_us_)
    repeat_probe ();
  if (now >= next_report_us_)
    report ();
}

void
Session::report ()
{
  const std::int64_t now = thread_->now_us ();
  next_report_us_ = now + kReportIntervalUs;
  if (feed_ && path_ && now - consent_us_ <= kConsentUs)
    thread_->queue ().send (*path_, sender_->make_report (*feed_, false));
}

void
Session::restart_ice (IceCredentials local, IceCredentials remote)
{
  if (old_local_)
    thread_->remove_ufrag (old_local_->ufrag);
  old_local_ = std::move (local_);
  old_remote_ufrag_ = std::move (remote_.ufrag);
  local_ = std::move (local);
  remote_ = std::move (remote);
  thread_->add_ufrag (local_.ufrag, *this);
}

void
Session::drain (std::int64_t deadline_us)
{
  drain_deadline_us_ = deadline_us;
  if (!sender_ || !feed_ || !sender_->is_behind (*feed_))
    finish_drain ();
}

void
Session::finish_drain ()
{
  if (ended_)
    return;
  say_goodbye ();
  ended_ = true;
  observer_->session_drained ();
}

void
Session::close ()
{
  if (ended_)
    return;
  say_goodbye ();
  ended_ = true;
}

void
Session::say_goodbye ()
{
  if (!path_)
    return;
  thread_->queue ().flush (); // what is encrypted goes first
  if (sender_ && feed_)
    thread_->send (*path_, sender_->make_report (*feed_, true));
  if (!dtls_)
    return;
  dtls_->close ();
  send_dtls ();
}

void
Session::send_dtls ()
{
  for (std::span<const std::uint8_t> datagram;
       dtls_->next_datagram (datagram);) {
    if (path_)
      thread_->send (*path_, datagram);
  }
}

void
Session::lend (const Path &path, IoThread &receiver)
{
  for (const auto &[lent, to] : lent_) {
    if (lent.remote == path.remote && to == &receiver)
      return;
  }
  if (lent_.size () == kMaxPaths) {
    lent_.front ().second->post (
        [remote = lent_.front ().first.remote] (
            IoThread &thread) { thread.forget_foreign (remote); });
    lent_.erase (lent_.begin ());
  }
  lent_.emplace_back (path, &receiver);
  receiver.post ([path, owner = thread_] (IoThread &thread) {
    thread.learn_foreign (path.remote, *owner);
  });
}

void
Session::set_state (ViewerState state)
{
  if (state_ == state)
    return;
  state_ = state;
  observer_->session_state (state);
}

void
Session::end (Error reason)
{
  if (ended_)
    return;
  if (dtls_ && path_ && dtls_->state () != DtlsConnection::State::closed)
    say_goodbye ();
  ended_ = true;
  observer_->session_ended (std::move (reason));
}

} // namespace restream::transport::native
