// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

namespace restream::whep {

// How often each client may ask: a bucket of tokens for each, filled at a steady rate. Of
// clients that it has no room for, it forgets the one that was silent longest.
// Thread: one.
class RateLimit
{
public:
  static constexpr std::size_t kMaxClients = 4096;
  // How many seconds' worth a client that was silent may ask at once.
  static constexpr unsigned kBurstSeconds = 10;

  explicit RateLimit (unsigned per_second)
      : per_second_ (per_second) {} // 0: any
  // 0: it may. Else the seconds until it may.
  unsigned ask (const std::string &client, std::int64_t now_us);
  std::size_t size () const { return buckets_.size (); }

private:
  struct Bucket
  {
    std::string client;
    double tokens;
    std::int64_t filled_us;
  };

  const unsigned per_second_;
  std::list<Bucket> buckets_; // who asked last comes first
  std::unordered_map<std::string, std::list<Bucket>::iterator> by_client_;
};

} // namespace restream::whep
