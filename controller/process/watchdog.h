// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/process/process-config.h"
#include "controller/process/usage-sampler.h"

#include <cstdint>
#include <string>

namespace restream {

// Says when a run of FFmpeg is to be ended: it uses too much for too long, or gets no further. Pure; the
// time is the caller's, of a monotonic clock.
class Watchdog
{
public:
  Watchdog () = default;
  Watchdog (const ProcessLimits &limits, std::uint64_t stale_timeout_s,
      std::int64_t now_us)
      : limits_ (limits), stale_timeout_s_ (stale_timeout_s),
        last_sign_us_ (now_us)
  {
  }

  // Once a second. progress_us: when it last got further, 0 = not yet. silent: it has not told yet how far
  // it is. Returns why it is to end; "" = it is not.
  std::string check (const GroupUsage &usage, std::int64_t progress_us,
      bool silent, std::int64_t now_us);

private:
  std::string check_limits (const GroupUsage &usage, std::int64_t now_us);

  ProcessLimits limits_;
  std::uint64_t stale_timeout_s_ = 0;
  std::int64_t last_sign_us_ = 0; // of life
  double cpu_at_sign_s_ = 0;
  std::int64_t cpu_over_since_us_ = 0, memory_over_since_us_ = 0; // 0 = is not
};

} // namespace restream
