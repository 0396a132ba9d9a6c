// SPDX-License-Identifier: LGPL-2.1-or-later
// What the receiver wants to know of an RTCP datagram: sender reports and
// goodbyes. Nothing in it is trusted.
// Thread: any; no state.
#pragma once

#include "common/rtcp-packets.h"

#include <array>

namespace restream::src {

// A sender of one medium writes one of each; more than fits is left out.
class RtcpContents
{
public:
  static constexpr std::size_t kMaxReports = 4;
  static constexpr std::size_t kMaxByes = 31;

  std::span<const SenderReport> reports () const
  {
    return {reports_.data (), report_count_};
  }
  std::span<const std::uint32_t> byes () const
  {
    return {byes_.data (), bye_count_};
  }

  void add (const SenderReport &report);
  void add_bye (std::uint32_t ssrc);

private:
  std::array<SenderReport, kMaxReports> reports_;
  std::array<std::uint32_t, kMaxByes> byes_{};
  std::size_t report_count_ = 0;
  std::size_t bye_count_ = 0;
};

// Nothing unless every packet of the datagram is well formed to its last byte
// (RFC 3550 appendix A.2, with RFC 5506's leave to begin with any type).
[[nodiscard]] std::optional<RtcpContents> parse_rtcp (
    std::span<const std::uint8_t> bytes);

} // namespace restream::src
