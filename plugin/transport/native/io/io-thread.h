// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/directory.h"
#include "plugin/transport/native/io/inbox.h"
#include "plugin/transport/native/io/send-queue.h"
#include "plugin/transport/native/io/tcp-pool.h"
#include "plugin/transport/native/io/udp-socket.h"
#include "plugin/transport/native/session.h"
#include "plugin/transport/native/stream-feed.h"
#include "plugin/transport/native/stun/binding.h"
#include "plugin/transport/native/stun/path-probe.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

namespace restream::transport::native {

// One of the threads that all viewers of a port live on: receives, answers checks,
// does DTLS, encrypts and sends. What belongs to a session is touched by its thread alone.
//
// A session is born on any thread and moves, with the viewer's first check, to the
// one that the kernel has chosen for the viewer's address: from then on its packets come
// where it is. A viewer who changes its address may arrive elsewhere: that
// thread then forwards.
// A stream's thread may do its work for a few viewers in its place: work_ is held by who
// touches what is its own.
// Thread: what says so on any, the rest on its own or with work_.
class IoThread final : private TcpPool::Handler
{
public:
  using Message = std::function<void (IoThread &)>;

  // unavailable: the process has no descriptors left.
  // listener: for TCP; may be none.
  static Result<std::unique_ptr<IoThread>> create (unsigned index,
      UdpSocket socket, Descriptor listener, Directory &directory);
  // Stopped and joined.
  ~IoThread ();
  IoThread (const IoThread &) = delete;
  IoThread &operator= (const IoThread &) = delete;

  // Ends the sessions that are left without a word; what is posted after it never runs.
  void stop ();
  void join ();

  // Any thread.
  void post (Message message) { inbox_.post (std::move (message)); }
  // Sessions here. Any thread.
  unsigned load () const { return load_.load (std::memory_order_relaxed); }

  void open_stream (std::shared_ptr<SharedStream> stream);
  void close_stream (std::uint64_t stream);
  void push (std::uint64_t stream, std::shared_ptr<const Burst> burst);
  // The same on any thread, at once and in place of this one, which is spared being woken for
  // it. false, and nothing done: it is at work itself, or what was posted to it comes before.
  bool push_now (std::uint64_t stream,
      const std::shared_ptr<const Burst> &burst);

  void enter (std::shared_ptr<Session> session);
  // Runs f with a session, here or wherever it has moved to; not if it is gone.
  void with_session (std::uint64_t session, std::function<void (Session &)> f);

  // For sessions.
  std::int64_t now_us () const { return now_us_; }
  // The session is owed packets: it has its turn when all others have been heard.
  void owe (Session &session);
  // Its deadline is another one, though it has not been called for one.
  void reschedule (Session &session) { settle (session); }
  SendQueue &queue () { return queue_; }
  // At once, past the queue. What is empty is not sent.
  void send (const Path &path, std::span<const std::uint8_t> bytes);
  void send_check (const Path &path, const std::string &local_ufrag,
      const IceCredentials &remote);
  // Datagrams from there are the session's from now on.
  void bind (const Path &path, Session &session);
  void unbind (const Path &path, const Session &session);
  // Checks with this name are the session's.
  void add_ufrag (const std::string &ufrag, Session &session);
  // The session leaves, and keeps its name.
  void leave_ufrag (const std::string &ufrag);
  void remove_ufrag (const std::string &ufrag);
  // Packets with this SSRC that come from anywhere are the session's, perhaps.
  void add_source (std::uint32_t ssrc, const Session &session);
  void remove_source (std::uint32_t ssrc, const Session &session);
  // Sends a check; its answer, wherever it comes in, is handed to the session.
  void send_probe (const PathProbe &probe, const Session &session);
  void forget_probe (const PathProbe &probe);
  // Datagrams from there go to another thread.
  void learn_foreign (const Address &remote, IoThread &owner);
  void forget_foreign (const Address &remote);

private:
  // Where a check came in, and how often it has been passed on.
  struct Arrival
  {
    Path path;
    IoThread *receiver;
    unsigned hops;
  };
  using Sessions = std::unordered_map<std::uint64_t, std::shared_ptr<Session>>;

  IoThread (unsigned index, UdpSocket socket, Descriptor listener,
      Directory &directory, Descriptor epoll);

  void run ();
  std::int64_t next_deadline () const;
  struct Ready
  {
    bool inbox = false;
    bool socket = false; // to read
  };
  // Of TCP's descriptors, ready_ has those that are.
  Ready wait (std::unique_lock<std::mutex> &work, std::int64_t deadline_us);
  void receive_udp ();
  void handle_tcp (TcpConnection &connection,
      std::span<std::uint8_t> datagram) override;
  void tcp_ended (TcpConnection &connection) override;
  void dispatch (const Path &path, std::span<std::uint8_t> bytes);
  void dispatch_stray (const Path &path, std::span<const std::uint8_t> bytes);
  bool dispatch_answer (const Path &path, std::span<const std::uint8_t> bytes);
  void dispatch_check (Arrival arrival, std::span<const std::uint8_t> bytes);
  void check (Session &session, const CheckName &name, const Arrival &arrival,
      std::span<const std::uint8_t> bytes);
  std::shared_ptr<Session> leave (Session &session);
  void serve (StreamFeed &feed, Media media);
  void serve (StreamFeed &feed, Session &session, Media media);
  void owe (StreamFeed &feed, Session &session, std::int64_t turn_us);
  void await (StreamFeed &feed);
  StreamFeed *take (std::uint64_t stream, std::shared_ptr<const Burst> burst);
  void serve_turns ();
  void serve_turn (StreamFeed &feed);
  void run_timers ();
  void settle (Session &session, std::int64_t not_before_us = 0);
  void unschedule (Session &session);
  void remove_ended ();
  void watch_writable (bool watch);

  const unsigned index_; // among those of the port
  Directory &directory_;
  UdpSocket socket_;
  Descriptor epoll_;
  Inbox<Message> inbox_;
  SendQueue queue_;
  TcpPool tcp_;
  std::int64_t tcp_check_us_ =
      INT64_MAX; // when those without a session are looked at
  std::vector<int> ready_;
  CheckResponder responder_;
  std::atomic<unsigned> load_{0};
  std::int64_t now_us_ = 0;
  bool stop_ = false;
  // Not held while it waits for something to do. Nobody else waits for it: see push_now().
  std::mutex work_;
  std::int64_t waits_until_us_ = 0;
  bool watching_writable_ = false;

  std::unordered_map<std::uint64_t, StreamFeed> streams_;
  std::vector<StreamFeed *>
      waiting_; // those that something gathers or is owed in
  Sessions sessions_;
  TextMap<Session *> by_ufrag_;
  std::unordered_map<Address, Session *, AddressHash> by_address_;
  std::unordered_map<Address, IoThread *, AddressHash> foreign_;
  std::set<std::pair<std::int64_t, Session *>> deadlines_;
  std::vector<std::uint64_t> ended_;

  std::thread thread_; // last: it uses all of the above
};

} // namespace restream::transport::native
