// SPDX-License-Identifier: LGPL-2.1-or-later
// Connectivity checks: any bytes, and, so that the fuzzer gets past the
// authentication, any attributes signed with the right password.
#include "plugin/transport/native/stun/binding.h"

#include <cstdlib>
#include <vector>

using namespace restream::transport::native;

namespace {

constexpr std::string_view kPassword = "abcdefghijklmnopqrstuvwxyz012345";
constexpr std::size_t kHeader = 20, kSignatures = 64;

void
check (bool ok)
{
  if (!ok)
    std::abort ();
}

CheckResult
judge (std::span<const std::uint8_t> datagram)
{
  static CheckResponder responder;
  static const Address from = *Address::parse ("2001:db8::7", 4242);
  CheckName name;
  if (responder.read_name (datagram, name)) {
    auto inside = [&] (std::string_view part) {
      auto *begin = reinterpret_cast<const char *> (datagram.data ());
      return part.empty ()
          || (part.data () >= begin
              && part.data () + part.size () <= begin + datagram.size ());
    };
    check (inside (name.local) && inside (name.remote));
  }
  const CheckResult result = responder.answer (datagram, kPassword, from);
  // Nobody gets an answer of much more than he has sent: 420 tells names, which were
  // longer in the request; an address adds some.
  check (result.reply.size () <= datagram.size () + 64);
  check ((result.kind == CheckResult::Kind::dropped) == result.reply.empty ());
  return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput (const std::uint8_t *, std::size_t);

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  // Without the password nothing is valid; the fuzzer does not guess HMACs.
  check (judge ({data, size}).kind != CheckResult::Kind::valid);
  if (size < kHeader || size % 4 || size > 1400)
    return 0;

  std::vector<std::uint8_t> bytes (data, data + size);
  bytes.resize (size + kSignatures);
  bytes[0] &= 0x3f;
  bytes[2] = static_cast<std::uint8_t> ((size - kHeader) >> 8);
  bytes[3] = static_cast<std::uint8_t> (size - kHeader);
  const std::uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
  std::copy (std::begin (cookie), std::end (cookie), bytes.begin () + 4);
  if (stun_message_validate_buffer_length (bytes.data (), size, true)
      != static_cast<int> (size))
    return 0;
  static const std::uint16_t known[] = {0};
  StunAgent signer;
  stun_agent_init (&signer, known, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
  StunMessage message{};
  message.agent = &signer;
  message.buffer = bytes.data ();
  message.buffer_len = bytes.size ();
  const std::size_t whole = stun_agent_finish_message (&signer, &message,
      reinterpret_cast<const std::uint8_t *> (kPassword.data ()),
      kPassword.size ());
  if (whole)
    judge ({bytes.data (), whole});
  return 0;
}
