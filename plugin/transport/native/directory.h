// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <mutex>
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

// Which thread a session lives on. Asked for messages to sessions, and for
// connectivity checks that come to another thread: never on the packet path.
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
};

} // namespace restream::transport::native
