// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of the last kBits packet indices were there already (RFC 3711 3.3.2).
// Thread: its owner's.
#pragma once

#include <array>
#include <cstdint>

namespace restream::transport::native {

template <unsigned kBits> class ReplayWindow
{
  static_assert (kBits % 64 == 0);

public:
  // The first index opens the window.
  explicit ReplayWindow (std::uint64_t first) : highest_ (first)
  {
    bit_word (first) |= bit_mask (first);
  }

  std::uint64_t highest () const { return highest_; }

  // Neither seen nor too old to tell.
  bool is_new (std::uint64_t index) const
  {
    if (index > highest_)
      return true;
    if (highest_ - index >= kBits)
      return false;
    return !(seen_[index % kBits / 64] & bit_mask (index));
  }

  // Only for what is_new () and authentic.
  void mark (std::uint64_t index)
  {
    if (index > highest_) {
      if (index - highest_ >= kBits)
        seen_.fill (0);
      else
        for (std::uint64_t skipped = highest_ + 1; skipped < index; skipped++)
          bit_word (skipped) &= ~bit_mask (skipped);
      highest_ = index;
    }
    bit_word (index) |= bit_mask (index);
  }

private:
  static std::uint64_t bit_mask (std::uint64_t index)
  {
    return std::uint64_t{1} << (index % 64);
  }
  std::uint64_t &bit_word (std::uint64_t index)
  {
    return seen_[index % kBits / 64];
  }

  std::uint64_t highest_;
  std::array<std::uint64_t, kBits / 64> seen_{}; // a ring of bits
};

} // namespace restream::transport::native
