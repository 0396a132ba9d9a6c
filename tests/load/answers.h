// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace restream::test {

// An answer to rtprestream-load's offer as servers give it, to be spoilt.
inline std::string
good_answer ()
{
  const std::string transport =
      "c=IN IP4 0.0.0.0\r\na=sendonly\r\na=ice-ufrag:abcd\r\n"
      "a=ice-pwd:0123456789abcdef01234567\r\n"
      "a=fingerprint:sha-256 "
      "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
      "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
      "a=setup:passive\r\na=rtcp-mux\r\n";
  return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
         "a=group:BUNDLE video audio\r\na=ice-lite\r\n"
         "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:video\r\n"
      + transport
      + "a=rtpmap:102 H264/90000\r\na=rtpmap:103 rtx/90000\r\n"
        "a=fmtp:103 apt=102\r\n"
        "a=candidate:1 1 udp 100 192.0.2.1 5000 typ host\r\n"
        "a=candidate:2 1 udp 200 2001:db8::1 5000 typ host\r\n"
        "a=candidate:3 1 tcp 300 192.0.2.1 5000 typ host tcptype passive\r\n"
        "a=candidate:4 1 udp 90 192.0.2.9 6000 typ srflx raddr 10.0.0.1 rport "
        "1\r\n"
        "a=candidate:5 1 udp 100 192.0.2.1 5000 typ host\r\n"
        "a=candidate:6 1 udp 400 name.local 5000 typ host\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:audio\r\n"
      + transport + "a=rtpmap:111 opus/48000/2\r\n";
}

} // namespace restream::test
