// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace restream::transport::native {

// Messages to one thread, from any, without a lock: what was posted by one thread is
// taken in its order. The descriptor is readable while there is something to take.
// Message: movable.
template <typename Message> class Inbox
{
public:
  Inbox () : fd_ (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Inbox ()
  {
    take ([] (Message &&) {});
    if (fd_ >= 0)
      close (fd_);
  }
  Inbox (const Inbox &) = delete;
  Inbox &operator= (const Inbox &) = delete;

  int fd () const { return fd_; } // < 0: the process has no descriptors left

  // Any thread.
  void post (Message message)
  {
    auto *node = new Node{nullptr, std::move (message)};
    Node *before = newest_.load (std::memory_order_relaxed);
    do
      node->next = before;
    while (!newest_.compare_exchange_weak (before, node,
        std::memory_order_release, std::memory_order_relaxed));
    // The node is the owner's now, and may be gone. Who has found something there
    // knows that the owner has been woken for it.
    if (!before) {
      std::uint64_t one = 1;
      // It cannot be full: the counter is read for every time it is written.
      [[maybe_unused]] ssize_t n = write (fd_, &one, sizeof one);
    }
  }

  // Has all that this thread has posted been taken?
  bool empty () const
  {
    return newest_.load (std::memory_order_acquire) == nullptr;
  }

  // The owner. false: there was nothing.
  template <typename F> bool take (F f)
  {
    std::uint64_t count;
    // Before the list: what comes in between wakes us again, in vain.
    [[maybe_unused]] ssize_t n = read (fd_, &count, sizeof count);
    Node *node = newest_.exchange (nullptr, std::memory_order_acquire);
    Node *oldest = nullptr;
    while (node)
      node = std::exchange (node->next, std::exchange (oldest, node));
    bool any = oldest != nullptr;
    while (oldest) {
      std::unique_ptr<Node> taken (std::exchange (oldest, oldest->next));
      f (std::move (taken->message));
    }
    return any;
  }

private:
  struct Node
  {
    Node *next;
    Message message;
  };

  std::atomic<Node *> newest_{nullptr};
  int fd_;
};

} // namespace restream::transport::native
