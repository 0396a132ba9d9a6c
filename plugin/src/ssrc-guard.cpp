// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/ssrc-guard.h"

namespace restream::src {

SsrcGuard::Verdict
SsrcGuard::admit (std::uint32_t ssrc, std::int64_t now_us,
    std::int64_t takeover_us)
{
  if (holder_ == ssrc) {
    last_us_ = now_us;
    // Not overtaken but alive: it holds again.
    if (released_ && now_us - released_at_us_ >= takeover_us)
      released_ = false;
    return Verdict::held;
  }
  if (holder_ && !released_ && now_us - last_us_ < takeover_us)
    return Verdict::refused;
  holder_ = ssrc;
  released_ = false;
  last_us_ = now_us;
  return Verdict::taken;
}

void
SsrcGuard::release (std::int64_t now_us)
{
  released_ = true;
  released_at_us_ = now_us;
}

} // namespace restream::src
