// SPDX-License-Identifier: LGPL-2.1-or-later
// One viewer's outgoing direction: RTP and RTCP of all its SSRCs under one pair
// of session keys.
// Thread: the session's.
#pragma once

#include "plugin/transport/native/srtp/srtp-cipher.h"

namespace restream::transport::native {

class SrtpSender
{
public:
  // first_rtcp_index: for tests of the end of the index space.
  static Result<SrtpSender> create (const SrtpKeys &keys,
      std::uint32_t first_rtcp_index = 0,
      SrtpEngine engine = SrtpEngine::fastest);

  // out: header_bytes of finished RTP header (12, CSRCs, extension) are there;
  // the payload is encrypted from `payload` (which may lie there already, but
  // not elsewhere in out) straight behind, the tag follows; room for
  // kMaxRtpOverhead is needed. roc: this packet's roll-over counter; the
  // sequence number is read from the header. Returns the bytes of the whole
  // packet, 0 where nothing may be sent.
  // One SSRC, roc and sequence number must never carry two different packets:
  // with GCM that gives the key stream and the authentication key away.
  // batch: the packet is whole when this has run, if the profile is AES-CM.
  std::size_t protect_rtp (std::uint8_t *out, std::size_t header_bytes,
      std::span<const std::uint8_t> payload, std::uint32_t roc,
      CmBatch *batch = nullptr);
  // Is a batch of use?
  bool can_batch () const { return rtp_.can_batch (); }

  // protect_rtp() is soon to come.
  void prefetch () const { rtp_.prefetch (); }

  // In place; behind the compound of `bytes` there is room for
  // kMaxRtcpOverhead. Counts the index. Returns the bytes of the whole packet,
  // 0 where nothing may be sent; so always once the 2^31 indices are used up.
  std::size_t protect_rtcp (std::uint8_t *packet, std::size_t bytes);

private:
  SrtpSender (SrtpCipher rtp, SrtpCipher rtcp, std::uint32_t rtcp_index)
      : rtp_ (std::move (rtp)), rtcp_ (std::move (rtcp)),
        rtcp_index_ (rtcp_index)
  {
  }

  SrtpCipher rtp_;
  SrtpCipher rtcp_;
  std::uint32_t rtcp_index_; // the next
};

} // namespace restream::transport::native
