// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/inbox.h"
#include "tools/load/peer.h"

#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

namespace restream::load {

// What a worker tells. On the worker's thread.
class WorkerObserver
{
public:
  virtual void peer_playing (unsigned id, const PeerTimes &times) = 0;
  // Before or after it played; not when it was told to leave.
  virtual void peer_ended (unsigned id, const PeerTimes &times,
      const std::string &reason) = 0;

protected:
  ~WorkerObserver () = default;
};

struct WorkerTotals
{
  PeerTotals peers;
  std::int64_t max_late_us = 0; // how late sockets were ever looked at
};

// A thread that many peers live on. A peer that connects is served at once; later
// its socket is fetched from at fixed intervals, so that the server does not pay for
// waking us at every packet. The kernel's time stamps keep the measurement exact.
//
// Thread: what says so on any, the rest on its own.
class Worker
{
public:
  using Message = std::function<void (Worker &)>;

  // Errors: unavailable, no descriptors left.
  static Result<std::unique_ptr<Worker>> create (WorkerObserver &observer);
  // Stopped and joined.
  ~Worker ();
  Worker (const Worker &) = delete;
  Worker &operator= (const Worker &) = delete;

  // Any thread. What is posted after the end never runs.
  void post (Message message) { inbox_.post (std::move (message)); }

  void add (std::unique_ptr<Peer> peer, const Answer &answer);
  void remove (unsigned id);
  WorkerTotals totals () const;
  void begin_window ();
  // Of those who play still.
  std::vector<PeerWindow> windows () const;

private:
  Worker (WorkerObserver &observer, transport::native::Descriptor epoll);

  void run ();
  int wait_ms () const;
  void serve_events (int timeout_ms);
  void serve_urgent ();
  void serve_all ();
  void follow (Peer &peer);
  void sweep ();

  WorkerObserver &observer_;
  transport::native::Descriptor epoll_;
  transport::native::Inbox<Message> inbox_;
  ReceiveBatch batch_;
  bool stop_ = false;
  std::int64_t tick_us_ = 0; // when all are looked at
  std::int64_t max_late_us_ = 0;

  struct Entry
  {
    std::unique_ptr<Peer> peer;
    bool watched = true; // by epoll
    bool told_playing = false;
    bool gone = false;
  };
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Entry *> urgent_;
  std::unordered_map<unsigned, Entry *> by_id_;
  bool any_gone_ = false;
  PeerTotals gone_; // what those who left had

  std::thread thread_; // last: it uses all of the above
};

} // namespace restream::load
