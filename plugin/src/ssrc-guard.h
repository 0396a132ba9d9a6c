// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace restream::src {

// Keeps one medium to one sender at a time: the first SSRC holds it, another
// one takes over only after a silence or a goodbye. Times in µs of one
// monotonic clock.
// Thread: the streaming thread only.
class SsrcGuard
{
public:
  enum class Verdict
  {
    held = 1, // the holder's
    taken, // a new holder's first
    refused, // somebody else's while the holder is active
  };

  Verdict admit (std::uint32_t ssrc, std::int64_t now_us,
      std::int64_t takeover_us);

  // The holder said goodbye, or is known to have ended: the next sender need not wait. Packets of the old
  // one that were overtaken by its goodbye still pass.
  void release (std::int64_t now_us);

  // The current or, until somebody takes over, the last holder.
  std::optional<std::uint32_t> holder () const { return holder_; }

private:
  std::optional<std::uint32_t> holder_;
  bool released_ = false;
  std::int64_t released_at_us_ = 0;
  std::int64_t last_us_ = 0;
};

} // namespace restream::src
