// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/stun/path-probe.h"

#include "plugin/transport/native/stun/binding.h"

namespace restream::transport::native {

namespace {

constexpr std::size_t kIdOffset = 8;
constexpr std::size_t kMaxAnswerBytes = 1024;
constexpr std::uint8_t kSuccess[] = {0x01, 0x01}; // of a binding request

constexpr std::uint16_t kProbeAttributes[] = {
    STUN_ATTRIBUTE_USERNAME,
    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_FINGERPRINT,
    0,
};

TransactionId
id_of (std::span<const std::uint8_t> message)
{
  TransactionId id;
  std::memcpy (id.bytes.data (), &message[kIdOffset], id.bytes.size ());
  return id;
}

} // namespace

std::optional<TransactionId>
answered_transaction (std::span<const std::uint8_t> datagram)
{
  if (!looks_like_stun (datagram) || datagram.size () > kMaxAnswerBytes
      || std::memcmp (datagram.data (), kSuccess, sizeof kSuccess) != 0)
    return std::nullopt;
  return id_of (datagram);
}

PathProbe::PathProbe (const Path &path, std::string_view local_ufrag,
    std::string_view remote_ufrag, std::string_view remote_password)
    : path_ (path), password_ (remote_password)
{
  stun_agent_init (&agent_, kProbeAttributes, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
  bytes_ = write_check (agent_, request_, local_ufrag, remote_ufrag, password_);
}

TransactionId
PathProbe::id () const
{
  return id_of (request_);
}

bool
PathProbe::is_answered_by (std::span<const std::uint8_t> datagram)
{
  if (bytes_ == 0 || answered_transaction (datagram) != id ())
    return false;
  StunMessage answer{};
  return stun_agent_validate (&agent_, &answer, datagram.data (),
             datagram.size (), nullptr, nullptr)
      == STUN_VALIDATION_SUCCESS
      && stun_message_has_attribute (&answer, STUN_ATTRIBUTE_MESSAGE_INTEGRITY);
}

} // namespace restream::transport::native
