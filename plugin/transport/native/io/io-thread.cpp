// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/io/io-thread.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>

namespace restream::transport::native {

namespace {

// Batches of datagrams before the stream has its turn again.
constexpr unsigned kMaxReceives = 4;
constexpr int kMaxEvents = 64;
// Between two turns of a viewer who is owed more than may go out at once.
constexpr std::int64_t kTurnUs = 1000;
// FFmpeg writes a picture packet by packet. With so many viewers the rest of it is waited
// for, so long at most: it then leaves in one send to each.
constexpr std::size_t kGatherMembers = 8;
constexpr std::int64_t kGatherUs = 1000;
// Viewers whose state is fetched while others are served, step by step.
constexpr std::size_t kFarAhead = 6, kAhead = 4, kNearAhead = 2;
constexpr std::int64_t kMinTimerUs = 1000;
constexpr std::size_t kMaxForeign = 64 * 1024;

bool
add_to_epoll (int epoll, int fd, std::uint32_t events)
{
  epoll_event event{.events = events, .data = {.fd = fd}};
  return epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

} // namespace

IoThread::IoThread (unsigned index, UdpSocket socket, Descriptor listener,
    Directory &directory, Descriptor epoll)
    : index_ (index), directory_ (directory), socket_ (std::move (socket)),
      epoll_ (std::move (epoll)), queue_ (socket_),
      tcp_ (*this, epoll_.get (), std::move (listener))
{
}

Result<std::unique_ptr<IoThread>>
IoThread::create (unsigned index, UdpSocket socket, Descriptor listener,
    Directory &directory)
{
  Descriptor epoll (epoll_create1 (EPOLL_CLOEXEC));
  std::unique_ptr<IoThread> self (new IoThread (index, std::move (socket),
      std::move (listener), directory, std::move (epoll)));
  if (self->epoll_.get () < 0 || self->inbox_.fd () < 0
      || !add_to_epoll (self->epoll_.get (), self->socket_.fd (), EPOLLIN)
      || !add_to_epoll (self->epoll_.get (), self->inbox_.fd (), EPOLLIN))
    return Error{Code::unavailable,
        std::string ("cannot wait for packets: ") + g_strerror (errno)};
  self->thread_ = std::thread (&IoThread::run, self.get ());
  return self;
}

IoThread::~IoThread ()
{
  stop ();
  join ();
}

void
IoThread::stop ()
{
  post ([] (IoThread &self) { self.stop_ = true; });
}

void
IoThread::join ()
{
  if (thread_.joinable ())
    thread_.join ();
}

void
IoThread::run ()
{
  pthread_setname_np (pthread_self (), "rtprestream-io");
  std::unique_lock work (work_);
  while (!stop_) {
    const Ready ready = wait (work, next_deadline ());
    if (ready.inbox)
      inbox_.take ([this] (Message &&message) { message (*this); });
    if (ready.socket)
      receive_udp ();
    for (int fd : ready_) {
      tcp_.handle_event (fd, now_us_);
      tcp_check_us_ =
          std::min (tcp_check_us_, now_us_ + TcpPool::kProveWithinUs);
    }
    run_timers ();
    serve_turns ();
    queue_.flush ();
    watch_writable (queue_.blocked ());
    remove_ended ();
  }
  for (const auto &[id, session] : sessions_)
    ended_.push_back (id);
  remove_ended ();
}

std::int64_t
IoThread::next_deadline () const
{
  std::int64_t deadline =
      deadlines_.empty () ? INT64_MAX : deadlines_.begin ()->first;
  deadline = std::min (deadline, tcp_check_us_);
  if (!queue_.blocked ()) {
    for (const StreamFeed *feed : waiting_)
      deadline = std::min (deadline, feed->due_us ());
  }
  return deadline;
}

IoThread::Ready
IoThread::wait (std::unique_lock<std::mutex> &work, std::int64_t deadline_us)
{
  epoll_event events[kMaxEvents];
  int n = 0;
  waits_until_us_ = deadline_us;
  work.unlock ();
  if (deadline_us == INT64_MAX) {
    n = epoll_wait (epoll_.get (), events, kMaxEvents, -1);
  } else {
    std::int64_t left =
        std::max<std::int64_t> (deadline_us - g_get_monotonic_time (), 0);
    timespec timeout = {.tv_sec = left / G_USEC_PER_SEC,
        .tv_nsec = left % G_USEC_PER_SEC * 1000};
    n = epoll_pwait2 (epoll_.get (), events, kMaxEvents, &timeout, nullptr);
    if (n < 0 && errno == ENOSYS) // before Linux 5.11
      n = epoll_wait (epoll_.get (), events, kMaxEvents,
          static_cast<int> (std::min<std::int64_t> (left / 1000 + 1, 60'000)));
  }
  work.lock ();
  now_us_ = g_get_monotonic_time ();
  ready_.clear ();
  Ready ready;
  for (int i = 0; i < n; i++) {
    const int fd = events[i].data.fd;
    if (fd == inbox_.fd ())
      ready.inbox = true;
    else if (fd == socket_.fd ())
      ready.socket = (events[i].events & ~std::uint32_t{EPOLLOUT}) != 0;
    else
      ready_.push_back (fd);
  }
  return ready;
}

void
IoThread::watch_writable (bool watch)
{
  if (watch == watching_writable_)
    return;
  epoll_event event{.events = watch ? EPOLLIN | EPOLLOUT : EPOLLIN,
      .data = {.fd = socket_.fd ()}};
  if (epoll_ctl (epoll_.get (), EPOLL_CTL_MOD, socket_.fd (), &event) == 0)
    watching_writable_ = watch;
}

void
IoThread::receive_udp ()
{
  for (unsigned i = 0; i < kMaxReceives; i++) {
    std::span<UdpSocket::Datagram> datagrams = socket_.receive ();
    for (UdpSocket::Datagram &datagram : datagrams) {
      if (!datagram.truncated)
        dispatch (datagram.path, datagram.bytes);
    }
    if (datagrams.size () < UdpSocket::kMaxBatch)
      break;
  }
}

void
IoThread::open_stream (std::shared_ptr<SharedStream> stream)
{
  std::uint64_t id = stream->id;
  streams_.try_emplace (id, std::move (stream));
}

void
IoThread::close_stream (std::uint64_t stream)
{
  auto found = streams_.find (stream);
  if (found == streams_.end ())
    return;
  for (Session *session : found->second.members)
    session->lose_stream ();
  std::erase (waiting_, &found->second);
  streams_.erase (found);
}

void
IoThread::push (std::uint64_t stream, std::shared_ptr<const Burst> burst)
{
  const Media media = burst->media ();
  if (StreamFeed *feed = take (stream, std::move (burst)))
    feed->drop_old (media);
}

// Null: the stream is not here, or the burst is known.
StreamFeed *
IoThread::take (std::uint64_t stream, std::shared_ptr<const Burst> burst)
{
  auto found = streams_.find (stream);
  if (found == streams_.end ())
    return nullptr;
  StreamFeed &feed = found->second;
  Media media = burst->media ();
  // One that was on its way when the thread began it has had already.
  if (burst->number () <= feed.seen[index_of (media)])
    return nullptr;
  bool whole = media != Media::video || burst->ends_frame ();
  // Meanwhile the first viewers' state is fetched.
  const std::size_t n = feed.members.size ();
  for (std::size_t i = 1; i <= std::min (n, kFarAhead); i++)
    feed.member (i).prefetch ();
  feed.clocks[index_of (media)] = burst->clock ();
  for (std::size_t i = 1; i <= std::min (n, kAhead); i++)
    feed.member (i).prefetch_sender ();
  feed.append (std::move (burst));
  for (std::size_t i = 1; i <= std::min (n, kNearAhead); i++)
    feed.member (i).prefetch (media);
  // For a few viewers the time counts more than the number of sends.
  if (whole || n < kGatherMembers) {
    serve (feed, media);
  } else {
    std::int64_t &gather_us = feed.gather_us[index_of (media)];
    gather_us = std::min (gather_us, now_us_ + kGatherUs);
    await (feed);
  }
  return &feed;
}

bool
IoThread::push_now (std::uint64_t stream,
    const std::shared_ptr<const Burst> &burst)
{
  std::unique_lock work (work_, std::try_to_lock);
  if (!work || !inbox_.empty ())
    return false;
  now_us_ = g_get_monotonic_time ();
  StreamFeed *feed = take (stream, burst);
  queue_.flush ();
  if (feed)
    feed->drop_old (burst->media ());
  // What is left to do is the thread's.
  if (!ended_.empty () || queue_.blocked ()
      || next_deadline () < waits_until_us_)
    post ([] (IoThread &) {});
  return true;
}

// A medium for everybody who watches the stream here.
void
IoThread::serve (StreamFeed &feed, Media media)
{
  const std::size_t n = feed.members.size ();
  std::int64_t &gather_us = feed.gather_us[index_of (media)];
  gather_us = StreamFeed::kNever;
  if (n == 0)
    return;
  if (queue_.blocked ()) {
    gather_us = now_us_;
    return await (feed);
  }
  // Each time somebody else is the last one.
  feed.first = (feed.first + 1) % n;
  for (std::size_t i = 0; i < n; i++) {
    if (i + kFarAhead < n)
      feed.member (i + kFarAhead).prefetch ();
    if (i + kAhead < n)
      feed.member (i + kAhead).prefetch_sender ();
    if (i + kNearAhead < n)
      feed.member (i + kNearAhead).prefetch (media);
    serve (feed, feed.member (i), media);
  }
}

void
IoThread::serve (StreamFeed &feed, Session &session, Media media)
{
  bool more = session.serve (media);
  if (session.ended ())
    ended_.push_back (session.id ());
  else if (more)
    owe (feed, session, now_us_ + kTurnUs);
}

void
IoThread::owe (StreamFeed &feed, Session &session, std::int64_t turn_us)
{
  if (std::exchange (session.owed, true))
    return;
  if (feed.owed.empty ())
    feed.next_turn_us = turn_us;
  feed.owed.push_back (&session);
  await (feed);
}

void
IoThread::await (StreamFeed &feed)
{
  if (!std::exchange (feed.waiting, true))
    waiting_.push_back (&feed);
}

void
IoThread::owe (Session &session)
{
  if (auto stream = streams_.find (session.stream ());
      stream != streams_.end ())
    owe (stream->second, session, now_us_);
}

void
IoThread::serve_turns ()
{
  if (queue_.blocked ()) {
    queue_.flush ();
    if (queue_.blocked ())
      return;
  }
  for (StreamFeed *feed : std::exchange (waiting_, {})) {
    feed->waiting = false;
    serve_turn (*feed);
    if (feed->due_us () != StreamFeed::kNever)
      await (*feed);
  }
}

void
IoThread::serve_turn (StreamFeed &feed)
{
  for (Media media : kAllMedia) {
    if (feed.gather_us[index_of (media)] <= now_us_)
      serve (feed, media);
  }
  if (feed.next_turn_us > now_us_)
    return;
  feed.next_turn_us = StreamFeed::kNever;
  std::vector<Session *> turn;
  turn.swap (feed.owed);
  for (Session *session : turn)
    session->owed = false;
  for (Session *session : turn) {
    for (Media media : kAllMedia)
      serve (feed, *session, media);
  }
}

void
IoThread::enter (std::shared_ptr<Session> session)
{
  auto stream = streams_.find (session->stream ());
  StreamFeed *feed = stream == streams_.end () ? nullptr : &stream->second;
  if (feed) {
    std::atomic<unsigned> &members = feed->shared->members[index_];
    // Without a viewer here the stream went by: what the rings have is old.
    if (feed->members.empty ())
      feed->shared->gop.begin ([&] (const auto &bursts) {
        feed->restart (bursts);
        members.fetch_add (1);
      });
    else
      members.fetch_add (1);
    feed->members.push_back (session.get ());
  }
  directory_.add (session->id (), *this);
  session->attach (*this, feed);
  load_.fetch_add (1, std::memory_order_relaxed);
  Session &entered = *session;
  sessions_[entered.id ()] = std::move (session);
  settle (entered);
}

// The directory still has it: see who calls.
std::shared_ptr<Session>
IoThread::leave (Session &session)
{
  auto found = sessions_.find (session.id ());
  std::shared_ptr<Session> left = std::move (found->second);
  sessions_.erase (found);
  if (auto stream = streams_.find (session.stream ());
      stream != streams_.end ()) {
    StreamFeed &feed = stream->second;
    std::erase (feed.members, &session);
    std::erase (feed.owed, &session);
    session.owed = false;
    feed.shared->members[index_].fetch_sub (1);
  }
  unschedule (session);
  session.detach ();
  load_.fetch_sub (1, std::memory_order_relaxed);
  return left;
}

void
IoThread::with_session (std::uint64_t session,
    std::function<void (Session &)> f)
{
  if (auto found = sessions_.find (session); found != sessions_.end ()) {
    f (*found->second);
    return settle (*found->second);
  }
  // It has moved; or it is gone, and forgotten.
  if (IoThread *owner = directory_.find (session); owner && owner != this)
    owner->post ([session, f = std::move (f)] (IoThread &self) mutable {
      self.with_session (session, std::move (f));
    });
}

// After anything that may have changed when a session wants to be called, or ended it.
void
IoThread::settle (Session &session, std::int64_t not_before_us)
{
  if (session.ended ()) {
    ended_.push_back (session.id ());
    return;
  }
  std::int64_t deadline = std::max (session.deadline_us (), not_before_us);
  if (deadline == session.scheduled_us)
    return;
  unschedule (session);
  session.scheduled_us = deadline;
  deadlines_.emplace (deadline, &session);
}

void
IoThread::unschedule (Session &session)
{
  if (session.scheduled_us)
    deadlines_.erase ({session.scheduled_us, &session});
  session.scheduled_us = 0;
}

void
IoThread::run_timers ()
{
  if (tcp_check_us_ <= now_us_)
    tcp_check_us_ = tcp_.close_unproved (now_us_);
  while (!deadlines_.empty () && deadlines_.begin ()->first <= now_us_) {
    Session &session = *deadlines_.begin ()->second;
    unschedule (session);
    session.handle_deadline ();
    // Whatever it says, the others have their turn first.
    settle (session, now_us_ + kMinTimerUs);
  }
}

void
IoThread::remove_ended ()
{
  for (std::uint64_t id : std::exchange (ended_, {})) {
    // It may be told more than once.
    if (auto found = sessions_.find (id); found != sessions_.end ()) {
      leave (*found->second);
      directory_.remove (id);
    }
  }
}

void
IoThread::send (const Path &path, std::span<const std::uint8_t> bytes)
{
  if (bytes.empty ())
    return;
  if (path.tcp)
    path.tcp->send (bytes);
  else
    socket_.send (path, bytes);
}

void
IoThread::send_check (const Path &path, const std::string &local_ufrag,
    const IceCredentials &remote)
{
  send (path, responder_.make_check (local_ufrag, remote.ufrag, remote.pwd));
}

void
IoThread::bind (const Path &path, Session &session)
{
  if (path.tcp)
    path.tcp->session = &session;
  else
    by_address_[path.remote] = &session;
}

void
IoThread::unbind (const Path &path, const Session &session)
{
  if (path.tcp) {
    if (path.tcp->session == &session) {
      path.tcp->session = nullptr;
      tcp_.close (*path.tcp);
    }
    return;
  }
  // Another session may have the address by now.
  if (auto found = by_address_.find (path.remote);
      found != by_address_.end () && found->second == &session)
    by_address_.erase (found);
}

void
IoThread::add_ufrag (const std::string &ufrag, Session &session)
{
  by_ufrag_[ufrag] = &session;
  directory_.add_ufrag (ufrag, session.id ());
}

void
IoThread::leave_ufrag (const std::string &ufrag)
{
  by_ufrag_.erase (ufrag);
}

void
IoThread::remove_ufrag (const std::string &ufrag)
{
  leave_ufrag (ufrag);
  directory_.remove_ufrag (ufrag);
}

void
IoThread::add_source (std::uint32_t ssrc, const Session &session)
{
  directory_.add_source (ssrc, session.id ());
}

void
IoThread::remove_source (std::uint32_t ssrc, const Session &session)
{
  directory_.remove_source (ssrc, session.id ());
}

void
IoThread::send_probe (const PathProbe &probe, const Session &session)
{
  directory_.add_probe (probe.id (), session.id ());
  send (probe.path (), probe.request ());
}

void
IoThread::forget_probe (const PathProbe &probe)
{
  directory_.remove_probe (probe.id ());
}

void
IoThread::learn_foreign (const Address &remote, IoThread &owner)
{
  if (foreign_.size () < kMaxForeign)
    foreign_[remote] = &owner;
}

void
IoThread::forget_foreign (const Address &remote)
{
  foreign_.erase (remote);
}

} // namespace restream::transport::native
