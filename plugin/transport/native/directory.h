// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/stun/path-probe.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

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
  void add_ufrag (const std::string &ufrag, IoThread &owner)
  {
    std::lock_guard lock (mutex_);
    by_ufrag_[ufrag] = &owner;
  }
  void remove_ufrag (std::string_view ufrag)
  {
    std::lock_guard lock (mutex_);
    if (auto found = by_ufrag_.find (ufrag); found != by_ufrag_.end ())
      by_ufrag_.erase (found);
  }
  void add (std::uint64_t session, IoThread &owner)
  {
    std::lock_guard lock (mutex_);
    by_session_[session] = &owner;
  }
  void remove (std::uint64_t session)
  {
    std::lock_guard lock (mutex_);
    by_session_.erase (session);
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
    return found == by_ufrag_.end () ? nullptr : found->second;
  }
  IoThread *find (std::uint64_t session) const
  {
    std::lock_guard lock (mutex_);
    auto found = by_session_.find (session);
    return found == by_session_.end () ? nullptr : found->second;
  }

private:
  mutable std::mutex mutex_;
  TextMap<IoThread *> by_ufrag_; // protected by mutex_
  std::unordered_map<std::uint64_t, IoThread *>
      by_session_; // protected by mutex_
  std::unordered_multimap<std::uint32_t, std::uint64_t>
      by_source_; // protected by mutex_
  std::unordered_map<TransactionId, std::uint64_t, TransactionIdHash>
      by_probe_; // protected by mutex_
};

} // namespace restream::transport::native
