// SPDX-License-Identifier: LGPL-2.1-or-later
// Packets for the receiver: as they come, or sealed with its own keys and then,
// perhaps, changed, so that what lies behind the authentication is reached too.
#include "plugin/transport/native/srtp/srtp-receiver.h"
#include "plugin/transport/native/srtp/srtp-sender.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

using namespace restream;
using namespace restream::transport::native;

namespace {

using Bytes = std::vector<std::uint8_t>;

class Input
{
public:
  explicit Input (std::span<const std::uint8_t> data) : data_ (data) {}

  bool empty () const { return data_.empty (); }
  std::uint8_t byte ()
  {
    if (data_.empty ())
      return 0;
    const std::uint8_t value = data_[0];
    data_ = data_.subspan (1);
    return value;
  }
  Bytes bytes (std::size_t count)
  {
    const auto front = data_.first (std::min (count, data_.size ()));
    data_ = data_.subspan (front.size ());
    return {front.begin (), front.end ()};
  }

private:
  std::span<const std::uint8_t> data_;
};

void
require (bool condition)
{
  if (!condition)
    std::abort ();
}

struct Peer
{
  SrtpSender sender;
  SrtpReceiver receiver;
  std::set<std::tuple<bool, std::uint32_t, std::uint64_t>> accepted;
  std::uint32_t rtcp_index = 0;
};

// A header that is one, of what the input has.
std::size_t
make_rtp_header (Bytes &plain)
{
  plain.resize (std::max<std::size_t> (plain.size (), 12));
  plain[0] = 0x80 | (plain[0] & 0x1f);
  std::size_t bytes = 12 + 4 * (plain[0] & 0x0f);
  if (plain[0] & 0x10) {
    plain.resize (std::max (plain.size (), bytes + 4));
    plain[bytes + 2] = 0;
    bytes += 4 + 4 * plain[bytes + 3];
  }
  plain.resize (std::max (plain.size (), bytes));
  return bytes;
}

Bytes
seal (Peer &peer, bool rtcp, Bytes &plain, std::uint32_t roc)
{
  Bytes sealed;
  std::size_t bytes;
  if (rtcp) {
    plain.resize (std::max<std::size_t> (plain.size (), 8));
    plain[0] = 0x80 | (plain[0] & 0x3f);
    sealed = plain;
    sealed.resize (plain.size () + kMaxRtcpOverhead);
    bytes = peer.sender.protect_rtcp (sealed.data (), plain.size ());
  } else {
    const std::size_t header = make_rtp_header (plain);
    sealed = plain;
    sealed.resize (plain.size () + kMaxRtpOverhead);
    const std::span<const std::uint8_t> payload =
        std::span (sealed).subspan (header, plain.size () - header);
    bytes = peer.sender.protect_rtp (sealed.data (), header, payload, roc);
  }
  require (bytes > plain.size () && bytes <= sealed.size ());
  sealed.resize (bytes);
  return sealed;
}

void
one_packet (Peer &peer, Input &input)
{
  const std::uint8_t how = input.byte ();
  const bool rtcp = how & 0x01;
  const std::uint32_t roc = how >> 4 & 0x03;
  Bytes plain = input.bytes (input.byte ());
  Bytes packet;
  bool intact = false;
  if (how & 0x02) {
    const std::uint32_t index = peer.rtcp_index;
    packet = seal (peer, rtcp, plain, roc);
    peer.rtcp_index = index + (rtcp ? 1 : 0);
    intact = true;
    if (how & 0x04) {
      const std::size_t at = (input.byte () << 8 | input.byte ());
      const std::uint8_t change = input.byte ();
      packet[at % packet.size ()] ^= change;
      intact = change == 0;
    }
    if (how & 0x08) {
      const std::size_t cut = input.byte ();
      packet.resize (packet.size () - std::min (cut, packet.size ()));
      intact = intact && cut == 0;
    }
  } else {
    packet = plain;
  }

  const auto opened = rtcp ? peer.receiver.unprotect_rtcp (packet)
                           : peer.receiver.unprotect_rtp (packet);
  require (opened.verdict != SrtpVerdict::failed);
  if (!opened) {
    require (opened.packet.empty ());
    // Without a roll-over counter to guess, only one reason is left.
    require (!intact || !rtcp || opened.verdict == SrtpVerdict::too_many_ssrcs);
    return;
  }
  require (intact);
  require (std::equal (opened.packet.begin (), opened.packet.end (),
      plain.begin (), plain.end ()));
  const std::size_t at = rtcp ? 4 : 8;
  const auto ssrc = static_cast<std::uint32_t> (plain[at] << 24
      | plain[at + 1] << 16 | plain[at + 2] << 8 | plain[at + 3]);
  const std::uint64_t index = rtcp
      ? peer.rtcp_index
      : std::uint64_t{roc} << 16 | plain[2] << 8 | plain[3];
  require (peer.accepted.emplace (rtcp, ssrc, index).second);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  constexpr SrtpProfile kProfiles[] = {SrtpProfile::aes128_cm_sha1_80,
      SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm};
  Input input ({data, size});
  SrtpKeys keys;
  keys.profile = kProfiles[input.byte () % 3];
  keys.key.fill (0x5a);
  keys.salt.fill (0xa5);
  auto sender = SrtpSender::create (keys);
  auto receiver = SrtpReceiver::create (keys);
  require (sender && receiver);
  Peer peer = {*std::move (sender), *std::move (receiver), {}, 0};
  while (!input.empty ())
    one_packet (peer, input);
  return 0;
}
