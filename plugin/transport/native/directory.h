// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/stun/path-probe.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace restream::transport::native {

class IoThread;

struct TextHash
{
  using is_transparent = void;
  std::size_t operator() (std::string_view text) const
  {
    return std::hash<std::string_view>{}(text);
  }
};

template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// Which thread a session lives on. Asked for messages to sessions, for connectivity
// checks that come to another thread, and for what comes from an address that nobody knows:
// never on the packet path.
// Thread: any.
class Directory
{
public:
  // A session lives there from now on. hand_over: what takes it there, a message to the thread.
  // Nobody finds it there sooner, and what is posted for it then comes behind it.
  template <typename HandOver>
  void add (std::uint64_t session, IoThread &owner, HandOver hand_over)
  {
    std::lock_guard lock (mutex_);
    hand_over ();
    by_session_[session].owner = &owner;
  }
  void add (std::uint64_t session, IoThread &owner)
  {
    add (session, owner, [] {});
  }
  // With all its names.
  void remove (std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    auto found = by_session_.find (session);
    if (found == by_session_.end ())
      return;
    for (const std::string &ufrag : found->second.ufrags)
      by_ufrag_.erase (ufrag);
    by_session_.erase (found);
  }
  // A name of a session's. It is the same wherever the session lives.
  void add_ufrag (const std::string &ufrag, std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    auto found = by_session_.find (session);
    if (found != by_session_.end ()
        && by_ufrag_.try_emplace (ufrag, session).second)
      found->second.ufrags.push_back (ufrag);
  }
  void remove_ufrag (const std::string &ufrag)
  {
    std::lock_guard lock (mutex_);
    auto found = by_ufrag_.find (ufrag);
    if (found == by_ufrag_.end ())
      return;
    if (auto of = by_session_.find (found->second); of != by_session_.end ())
      std::erase (of->second.ufrags, ufrag);
    by_ufrag_.erase (found);
  }
  // The SSRC of a viewer's RTCP. Viewers choose it, so several may have the same.
  void add_source (std::uint32_t ssrc, std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    by_source_.emplace (ssrc, session);
  }
  void remove_source (std::uint32_t ssrc, std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    auto [at, end] = by_source_.equal_range (ssrc);
    for (; at != end; ++at) {
      if (at->second == session) {
        by_source_.erase (at);
        return;
      }
    }
  }
  // None: nobody has it, or more than one has.
  std::optional<std::uint64_t> find_source (std::uint32_t ssrc) const
  {
    std::lock_guard lock (mutex_);
    auto found = by_source_.find (ssrc);
    if (found == by_source_.end ())
      return std::nullopt;
    auto next = std::next (found);
    if (next != by_source_.end () && next->first == ssrc)
      return std::nullopt;
    return found->second;
  }
  // Checks of our own that wait for their answer.
  void add_probe (const TransactionId &id, std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    by_probe_[id] = session;
  }
  void remove_probe (const TransactionId &id)
  {
    std::lock_guard lock (mutex_);
    by_probe_.erase (id);
  }
  std::optional<std::uint64_t> find_probe (const TransactionId &id) const
  {
    std::lock_guard lock (mutex_);
    auto found = by_probe_.find (id);
    return found == by_probe_.end () ? std::nullopt
                                     : std::optional (found->second);
  }
  // Null: there is none.
  IoThread *find_ufrag (std::string_view ufrag) const
  {
    std::lock_guard lock (mutex_);
    auto found = by_ufrag_.find (ufrag);
    return found == by_ufrag_.end () ? nullptr : owner_of (found->second);
  }
  IoThread *find (std::uint64_t session) const
  {
    std::lock_guard lock (mutex_);
    return owner_of (session);
  }

private:
  struct Entry
  {
    IoThread *owner = nullptr;
    std::vector<std::string> ufrags; // one, and the last one before a restart
  };

  // Call with mutex_.
  IoThread *owner_of (std::uint64_t session) const
  {
    auto found = by_session_.find (session);
    return found == by_session_.end () ? nullptr : found->second.owner;
  }

  mutable std::mutex mutex_;
  TextMap<std::uint64_t> by_ufrag_; // protected by mutex_
  std::unordered_map<std::uint64_t, Entry> by_session_; // protected by mutex_
  std::unordered_multimap<std::uint32_t, std::uint64_t>
      by_source_; // protected by mutex_
  std::unordered_map<TransactionId, std::uint64_t, TransactionIdHash>
      by_probe_; // protected by mutex_
};

} // namespace restream::transport::native
