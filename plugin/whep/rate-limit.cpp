// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/rate-limit.h"

#include <algorithm>
#include <cmath>

namespace restream::whep {

unsigned
RateLimit::ask (const std::string &client, std::int64_t now_us)
{
  if (per_second_ == 0)
    return 0;
  const double full = double (per_second_) * kBurstSeconds;
  auto known = by_client_.find (client);
  if (known != by_client_.end ()) {
    buckets_.splice (buckets_.begin (), buckets_, known->second);
  } else {
    if (buckets_.size () == kMaxClients) {
      by_client_.erase (buckets_.back ().client);
      buckets_.pop_back ();
    }
    buckets_.push_front ({client, full, now_us});
    by_client_[client] = buckets_.begin ();
  }
  Bucket &bucket = buckets_.front ();
  double passed_s =
      double (std::max<std::int64_t> (0, now_us - bucket.filled_us))
      / 1'000'000;
  bucket.tokens = std::min (full, bucket.tokens + passed_s * per_second_);
  bucket.filled_us = now_us;
  if (bucket.tokens < 1)
    return std::max (1u,
        unsigned (std::ceil ((1 - bucket.tokens) / per_second_)));
  bucket.tokens -= 1;
  return 0;
}

} // namespace restream::whep
