// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/worker.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace restream::load {

namespace {

constexpr std::int64_t kTickUs = 10'000;
constexpr int kMaxEvents = 64;
// So many quiet sockets between two looks at the urgent ones.
constexpr std::size_t kSlice = 32;

} // namespace

Result<std::unique_ptr<Worker>>
Worker::create (WorkerObserver &observer)
{
  transport::native::Descriptor epoll (epoll_create1 (EPOLL_CLOEXEC));
  if (epoll.get () < 0)
    return Error{Code::unavailable,
        std::string ("epoll: ") + g_strerror (errno)};
  std::unique_ptr<Worker> worker (new Worker (observer, std::move (epoll)));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (worker->inbox_.fd () < 0
      || epoll_ctl (worker->epoll_.get (), EPOLL_CTL_ADD, worker->inbox_.fd (),
             &event)
          != 0)
    return Error{Code::unavailable, "no descriptors left"};
  worker->thread_ = std::thread (&Worker::run, worker.get ());
  return worker;
}

Worker::Worker (WorkerObserver &observer, transport::native::Descriptor epoll)
    : observer_ (observer), epoll_ (std::move (epoll))
{
}

Worker::~Worker ()
{
  if (!thread_.joinable ())
    return;
  post ([] (Worker &self) { self.stop_ = true; });
  thread_.join ();
}

void
Worker::run ()
{
  tick_us_ = g_get_monotonic_time () + kTickUs;
  while (!stop_) {
    serve_events (wait_ms ());
    serve_urgent ();
    const std::int64_t now = g_get_monotonic_time ();
    if (now >= tick_us_) {
      if (!entries_.empty ())
        max_late_us_ = std::max (max_late_us_, now - tick_us_);
      tick_us_ = std::max (tick_us_ + kTickUs, now);
      serve_all ();
    }
    sweep ();
  }
}

int
Worker::wait_ms () const
{
  if (entries_.empty ())
    return -1;
  std::int64_t until = tick_us_;
  for (const Entry *entry : urgent_)
    until = std::min (until, entry->peer->deadline_us ());
  const std::int64_t left = until - g_get_monotonic_time ();
  return left <= 0 ? 0 : static_cast<int> ((left + 999) / 1000);
}

void
Worker::serve_events (int timeout_ms)
{
  std::array<epoll_event, kMaxEvents> events;
  const int n =
      epoll_wait (epoll_.get (), events.data (), kMaxEvents, timeout_ms);
  for (int i = 0; i < n; i++) {
    auto *entry = static_cast<Entry *> (events[i].data.ptr);
    if (!entry) {
      const bool was_empty = entries_.empty ();
      inbox_.take ([this] (Message &&message) { message (*this); });
      if (was_empty)
        tick_us_ = g_get_monotonic_time () + kTickUs;
    } else if (!entry->gone) {
      entry->peer->receive (batch_);
      follow (*entry->peer);
    }
  }
}

void
Worker::serve_urgent ()
{
  const std::int64_t now = g_get_monotonic_time ();
  for (std::size_t i = 0; i < urgent_.size (); i++) {
    Peer &peer = *urgent_[i]->peer;
    if (!urgent_[i]->gone && now >= peer.deadline_us ()) {
      peer.on_deadline (now);
      follow (peer);
    }
  }
}

void
Worker::serve_all ()
{
  for (std::size_t i = 0; i < entries_.size (); i++) {
    Entry &entry = *entries_[i];
    if (entry.gone || entry.watched)
      continue;
    entry.peer->receive (batch_);
    const std::int64_t now = g_get_monotonic_time ();
    if (now >= entry.peer->deadline_us ())
      entry.peer->on_deadline (now);
    follow (*entry.peer);
    if (i % kSlice == kSlice - 1) {
      serve_events (0);
      serve_urgent ();
    }
  }
}

// Tells of what has changed.
void
Worker::follow (Peer &peer)
{
  Entry &entry = *by_id_.at (peer.id ());
  if (entry.gone)
    return;
  if (entry.watched && !peer.is_urgent ()) {
    entry.watched = false;
    epoll_ctl (epoll_.get (), EPOLL_CTL_DEL, peer.fd (), nullptr);
  }
  if (peer.state () == Peer::State::playing && !entry.told_playing) {
    entry.told_playing = true;
    observer_.peer_playing (peer.id (), peer.times ());
  }
  if (peer.state () == Peer::State::ended) {
    entry.gone = any_gone_ = true;
    observer_.peer_ended (peer.id (), peer.times (), peer.reason ());
  }
}

void
Worker::sweep ()
{
  std::erase_if (urgent_,
      [] (const Entry *entry) { return entry->gone || !entry->watched; });
  if (!any_gone_)
    return;
  any_gone_ = false;
  std::erase_if (entries_, [this] (const std::unique_ptr<Entry> &entry) {
    if (!entry->gone)
      return false;
    gone_ += entry->peer->totals ();
    by_id_.erase (entry->peer->id ());
    return true; // its descriptor leaves epoll with it
  });
}

void
Worker::add (std::unique_ptr<Peer> peer, const Answer &answer)
{
  auto entry = std::make_unique<Entry> ();
  epoll_event event{.events = EPOLLIN, .data = {.ptr = entry.get ()}};
  const bool watched =
      epoll_ctl (epoll_.get (), EPOLL_CTL_ADD, peer->fd (), &event) == 0;
  if (!watched)
    return observer_.peer_ended (peer->id (), {},
        std::string ("epoll: ") + g_strerror (errno));
  entry->peer = std::move (peer);
  Peer &added = *entry->peer;
  by_id_[added.id ()] = entry.get ();
  urgent_.push_back (entry.get ());
  entries_.push_back (std::move (entry));
  added.start (answer, g_get_monotonic_time ());
  follow (added);
}

void
Worker::remove (unsigned id)
{
  auto found = by_id_.find (id);
  if (found == by_id_.end () || found->second->gone)
    return;
  Entry &entry = *found->second;
  entry.peer->close ();
  if (entry.watched)
    epoll_ctl (epoll_.get (), EPOLL_CTL_DEL, entry.peer->fd (), nullptr);
  entry.watched = false;
  entry.gone = any_gone_ = true;
}

WorkerTotals
Worker::totals () const
{
  WorkerTotals totals{.peers = gone_, .max_late_us = max_late_us_};
  for (const auto &entry : entries_)
    totals.peers += entry->peer->totals ();
  return totals;
}

void
Worker::begin_window ()
{
  max_late_us_ = 0;
  for (const auto &entry : entries_)
    entry->peer->begin_window ();
}

std::vector<PeerWindow>
Worker::windows () const
{
  std::vector<PeerWindow> windows;
  for (const auto &entry : entries_)
    if (!entry->gone && entry->told_playing)
      windows.push_back (entry->peer->window ());
  return windows;
}

} // namespace restream::load
