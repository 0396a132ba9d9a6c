// SPDX-License-Identifier: LGPL-2.1-or-later
// A sequence of datagrams into the intake: RTP parser, RTCP parser, SSRC guard,
// routing. Each: flags (bit 0 the port, bit 1 a foreign source, the rest the
// time since the last one), two bytes of length, the bytes.
#include "plugin/src/intake.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace restream;
using namespace restream::src;

namespace {

void
check (bool ok)
{
  if (!ok)
    std::abort ();
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  Intake intake;
  intake.reset ({std::nullopt, std::uint8_t{97}});
  sockaddr_storage source[2]{};
  for (int i = 0; i < 2; i++) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl (i ? 0x0a000001 : INADDR_LOOPBACK);
    std::memcpy (&source[i], &in, sizeof in);
  }

  std::uint64_t count = 0;
  std::int64_t now_us = 1;
  std::span<const std::uint8_t> rest (data, size);
  while (rest.size () >= 3) {
    const std::uint8_t flags = rest[0];
    const std::size_t length =
        std::min<std::size_t> (rest[1] << 8 | rest[2], rest.size () - 3);
    // A copy of its own, so that an overrun is seen.
    const std::vector<std::uint8_t> datagram (rest.begin () + 3,
        rest.begin () + 3 + length);
    rest = rest.subspan (3 + length);
    now_us += (flags >> 2) * 10'000;

    const Media port = flags & 1 ? Media::audio : Media::video;
    const auto o = intake.receive (port, datagram, source[flags >> 1 & 1],
        now_us, static_cast<std::uint64_t> (now_us) * 1000, 500'000);
    count++;
    check (o.reports.size () <= RtcpContents::kMaxReports);
    switch (o.kind) {
      case Intake::Outcome::Kind::media:
        check (!(flags & 2) && !is_rtcp (datagram));
        check (datagram.size () >= 12 + o.packet.payload.size ());
        check (o.packet.payload.empty ()
            || (o.packet.payload.data () >= datagram.data () + 12
                && o.packet.payload.data () + o.packet.payload.size ()
                    <= datagram.data () + datagram.size ()));
        check (intake.payload_type (port) == o.packet.payload_type);
        check (o.new_sender || o.reports.empty ());
        break;
      case Intake::Outcome::Kind::control:
        check (!(flags & 2) && is_rtcp (datagram));
        break;
      case Intake::Outcome::Kind::dropped:
        check (o.reports.empty ());
        break;
    }
  }
  // Every datagram is accounted for.
  std::uint64_t counted = 0;
  for (Media m : kAllMedia) {
    counted += intake.counters (m).packets.get ();
    for (const Counter &c : intake.counters (m).dropped)
      counted += c.get ();
  }
  check (counted <= count);
  return 0;
}
