// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace restream::codec {

// The parameter sets of one kind (SPS, PPS, VPS) by their ids, in the order of
// their first appearance. Bounded.
// Thread: its owner's.
class ParameterSets
{
public:
  // Sets of this size and number are kept; others are passed by.
  static constexpr std::size_t kMaxSetBytes = 1024;
  static constexpr std::size_t kMaxSets = 8;

  // nal: the whole unit. Whether anything changed.
  bool store (unsigned id, std::span<const std::uint8_t> nal);
  void clear () { sets_.clear (); }

  bool empty () const { return sets_.empty (); }
  std::span<const std::uint8_t> front () const { return sets_.front ().nal; }
  // base64, comma, as the SDP has them.
  std::string text () const;
  void append_to (std::vector<std::span<const std::uint8_t>> &list) const;

private:
  struct Set
  {
    unsigned id;
    std::vector<std::uint8_t> nal;
  };
  std::vector<Set> sets_;
};

// Calls see (unit) for each set in such a text. What is no base64, empty or too large is left out.
void for_each_set (const std::string &text,
    const std::function<void (std::span<const std::uint8_t>)> &see);

} // namespace restream::codec
