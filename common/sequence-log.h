// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace restream {

// What came of one line of RTP sequence numbers: gaps, late packets, repeated ones.
// Thread: its owner's.
class SequenceLog
{
public:
  enum class Verdict
  {
    first = 1,
    next, // beyond all before, with or without a gap
    late, // fills a gap
    repeated,
    stale // from before the first one, or too old to tell from a repeated one
  };

  Verdict add (std::uint16_t sequence)
  {
    if (!begun_) {
      begun_ = true;
      base_ = highest_ = sequence;
      seen_.set (slot (sequence));
      received_ = 1;
      return Verdict::first;
    }
    const auto step = static_cast<std::int16_t> (
        sequence - static_cast<std::uint16_t> (highest_));
    const std::int64_t extended = highest_ + step;
    if (step > 0) {
      // The window moves: what it now covers for the first time was not seen.
      for (std::int64_t s = highest_ + 1;
           s <= extended && s - highest_ <= std::int64_t{kWindow}; s++)
        seen_.reset (slot (s));
      highest_ = extended;
      seen_.set (slot (extended));
      received_++;
      return Verdict::next;
    }
    if (extended < base_ || step <= -static_cast<int> (kWindow))
      return Verdict::stale;
    if (seen_.test (slot (extended)))
      return Verdict::repeated;
    seen_.set (slot (extended));
    received_++;
    return Verdict::late;
  }

  // Without repeated and stale ones.
  std::uint64_t received () const { return received_; }
  std::uint64_t expected () const
  {
    return begun_ ? static_cast<std::uint64_t> (highest_ - base_ + 1) : 0;
  }
  // Gaps that were not filled up to now.
  std::uint64_t lost () const { return expected () - received_; }
  // With the count of cycles above, as receiver reports have it.
  std::uint32_t highest () const
  {
    return static_cast<std::uint32_t> (highest_);
  }

private:
  // How far back a late packet is still told from a repeated one.
  static constexpr std::size_t kWindow = 4096;

  static std::size_t slot (std::int64_t extended)
  {
    return static_cast<std::size_t> (extended) % kWindow;
  }

  bool begun_ = false;
  std::int64_t base_ = 0, highest_ = 0; // extended sequence numbers
  std::uint64_t received_ = 0;
  std::bitset<kWindow> seen_;
};

} // namespace restream
