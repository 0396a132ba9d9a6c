// SPDX-License-Identifier: LGPL-2.1-or-later
// The incoming direction: RTCP from viewers; RTP where something plays the
// viewer. Packets are an outsider's: nothing here changes before a packet has
// proved to be authentic, and what it can make grow is bounded.
// Thread: the session's.
#pragma once

#include "plugin/transport/native/srtp/replay-window.h"
#include "plugin/transport/native/srtp/srtp-cipher.h"

#include <vector>

namespace restream::transport::native {

enum class SrtpVerdict : std::uint8_t
{
  ok = 1,
  malformed, // no such packet, or one that is not encrypted
  forged, // not of this key, or changed on its way
  replayed, // seen, or older than the window
  too_many_ssrcs, // a new SSRC beyond kMaxSsrcs
  failed, // our side: OpenSSL
};

const char *name_of (SrtpVerdict verdict);

class SrtpReceiver
{
public:
  static constexpr std::size_t kMaxSsrcs = 16; // each of RTP and RTCP
  static constexpr unsigned kRtpWindow = 1024;
  static constexpr unsigned kRtcpWindow = 128;

  struct [[nodiscard]] Plain
  {
    SrtpVerdict verdict;
    std::span<std::uint8_t>
        packet; // the front of what came in; empty if not ok

    explicit operator bool () const { return verdict == SrtpVerdict::ok; }
  };

  static Result<SrtpReceiver> create (const SrtpKeys &keys,
      SrtpEngine engine = SrtpEngine::fastest);

  // In place; a packet that is not ok is left as garbage.
  Plain unprotect_rtcp (std::span<std::uint8_t> packet);
  // The roll-over counter of each SSRC starts at 0 and is followed as RFC 3711
  // 3.3.1 and appendix A say.
  Plain unprotect_rtp (std::span<std::uint8_t> packet);

private:
  template <unsigned kBits> struct Source
  {
    std::uint32_t ssrc;
    ReplayWindow<kBits> window;
  };

  SrtpReceiver (const SrtpKeys &keys, SrtpEngine engine, SrtpCipher rtcp)
      : keys_ (keys), engine_ (engine), rtcp_ (std::move (rtcp))
  {
  }

  SrtpKeys keys_;
  SrtpEngine engine_;
  SrtpCipher rtcp_;
  std::unique_ptr<SrtpCipher> rtp_; // made with the first packet: the server
      // never needs it
  std::vector<Source<kRtcpWindow>> rtcp_sources_;
  std::vector<Source<kRtpWindow>> rtp_sources_;
};

} // namespace restream::transport::native
