// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/rtcp/rtcp-reader.h"

#include <string_view>

namespace restream::transport {

// Composes an RTCP compound in the caller's bytes. What does not fit fails the
// whole, for good: a part of a compound is not to be sent.
// Thread: any.
class RtcpWriter
{
public:
  explicit RtcpWriter (std::span<std::uint8_t> buffer) : buffer_ (buffer) {}

  // Several may follow each other, one per SSRC (RFC 8108, section 5).
  void sender_report (const SenderReport &report);
  // What a receiver says; at most 31 blocks, none is fine too.
  void receiver_report (std::uint32_t ssrc,
      std::span<const ReportBlock> blocks);
  // A chunk for each of at most 31 SSRCs, with the same canonical name.
  void canonical_name (std::span<const std::uint32_t> ssrcs,
      std::string_view name);
  // At most 31 SSRCs; the reason may be empty, and is no longer than 255 bytes.
  void bye (std::span<const std::uint32_t> ssrcs, std::string_view reason = {});

  // The compound's bytes; 0 if something did not fit or nothing was written.
  [[nodiscard]] std::size_t size () const { return failed_ ? 0 : size_; }

private:
  // The body of a new packet of so many bytes, zeroed; empty if it does not
  // fit, and then the whole has failed.
  std::span<std::uint8_t> begin (RtcpType type, std::size_t count,
      std::size_t body_bytes);

  std::span<std::uint8_t> buffer_;
  std::size_t size_ = 0;
  bool failed_ = false;
};

} // namespace restream::transport
