// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/rtcp-reader.h"

namespace restream::transport {

// One transport-wide feedback message, checked as a whole before any of it is
// told: the chunks say how many deltas have to follow them.
// Thread: any.
class TransportFeedbackReader
{
public:
  // control: what follows the two SSRCs. Nothing if it is malformed.
  [[nodiscard]] static std::optional<TransportFeedbackReader> create (
      std::span<const std::uint8_t> control);

  const TransportFeedback &header () const { return header_; }
  void report_to (RtcpHandler &handler) const;

private:
  TransportFeedbackReader () = default;

  TransportFeedback header_;
  std::uint32_t reference_ = 0; // ticks
  std::span<const std::uint8_t> chunks_;
  std::span<const std::uint8_t> deltas_;
};

} // namespace restream::transport
