// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/stun/binding.h"

#include <stun/usages/ice.h>

namespace restream::transport::native {

namespace {

// A browser's check has about 100 bytes.
constexpr std::size_t kMaxCheckBytes = 1024;
constexpr std::size_t kStunHeader = 20;
// As of a peer-reflexive candidate (RFC 8445, section 7.1.1).
constexpr std::uint32_t kOwnPriority = 110u << 24 | 65535u << 8 | 255;

// Those that we understand; another one that must be understood is refused (420).
constexpr std::uint16_t kKnownAttributes[] = {
    STUN_ATTRIBUTE_USERNAME,
    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_PRIORITY,
    STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_FINGERPRINT,
    STUN_ATTRIBUTE_ICE_CONTROLLED,
    STUN_ATTRIBUTE_ICE_CONTROLLING,
    0,
};

bool
give_password (StunAgent *, StunMessage *, std::uint8_t *, std::uint16_t,
    std::uint8_t **password, std::size_t *length, void *data)
{
  auto *given = static_cast<std::string_view *> (data);
  *password =
      reinterpret_cast<std::uint8_t *> (const_cast<char *> (given->data ()));
  *length = given->size ();
  return true;
}

} // namespace

bool
looks_like_stun (std::span<const std::uint8_t> datagram)
{
  return datagram.size () >= kStunHeader && datagram[0] <= 3
      && datagram[4] == 0x21 && datagram[5] == 0x12 && datagram[6] == 0xa4
      && datagram[7] == 0x42;
}

CheckResponder::CheckResponder ()
{
  stun_agent_init (&agent_, kKnownAttributes, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
}

bool
CheckResponder::read_name (std::span<const std::uint8_t> datagram,
    CheckName &name)
{
  if (!looks_like_stun (datagram) || datagram.size () > kMaxCheckBytes
      || stun_message_validate_buffer_length (datagram.data (),
             datagram.size (), true)
          != static_cast<int> (datagram.size ()))
    return false;
  StunMessage message{};
  message.agent = &agent_;
  message.buffer = const_cast<std::uint8_t *> (datagram.data ());
  message.buffer_len = datagram.size ();
  if (stun_message_get_class (&message) != STUN_REQUEST
      || stun_message_get_method (&message) != STUN_BINDING)
    return false;
  std::uint16_t length = 0;
  const void *value =
      stun_message_find (&message, STUN_ATTRIBUTE_USERNAME, &length);
  if (!value)
    return false;
  std::string_view whole (static_cast<const char *> (value), length);
  std::size_t colon = whole.find (':');
  if (colon == std::string_view::npos)
    return false;
  name = {whole.substr (0, colon), whole.substr (colon + 1)};
  return true;
}

CheckResult
CheckResponder::answer (std::span<const std::uint8_t> datagram,
    std::string_view password, const Address &from)
{
  // libnice takes everybody who has no password to show.
  if (datagram.size () > kMaxCheckBytes || password.empty ())
    return {};
  StunMessage request{};
  StunValidationStatus status = stun_agent_validate (&agent_, &request,
      datagram.data (), datagram.size (), give_password, &password);
  StunMessage response{};
  if (status == STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE) {
    std::size_t bytes = stun_agent_build_unknown_attributes_error (&agent_,
        &response, reply_.data (), reply_.size (), &request);
    if (bytes == 0)
      return {};
    return {.kind = CheckResult::Kind::refused,
        .reply = {reply_.data (), bytes}};
  }
  // Who does not know the password is told nothing.
  if (status != STUN_VALIDATION_SUCCESS
      || stun_message_get_class (&request) != STUN_REQUEST
      || stun_message_get_method (&request) != STUN_BINDING
      || !stun_message_has_attribute (&request,
          STUN_ATTRIBUTE_MESSAGE_INTEGRITY))
    return {};

  sockaddr_storage address;
  // As IPv4 where it is one: the viewer compares it with what it knows of itself.
  socklen_t length = from.to (address, from.is_ipv4 () ? AF_INET : AF_INET6);
  std::size_t bytes = reply_.size ();
  // A lite agent is always controlled; with the least tie-breaker, the other one
  // changes its role in a conflict (RFC 8445, section 7.3.1.1).
  bool controlling = false;
  StunUsageIceReturn made = stun_usage_ice_conncheck_create_reply (&agent_,
      &request, &response, reply_.data (), &bytes, &address, length,
      &controlling, 0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  if (bytes == 0)
    return {};
  std::span<const std::uint8_t> reply (reply_.data (), bytes);
  if (made != STUN_USAGE_ICE_RETURN_SUCCESS || controlling)
    return {.kind = CheckResult::Kind::refused, .reply = reply};
  return {.kind = CheckResult::Kind::valid,
      .nominated = stun_usage_ice_conncheck_use_candidate (&request),
      .reply = reply};
}

std::size_t
write_check (StunAgent &agent, std::span<std::uint8_t> out,
    std::string_view local_ufrag, std::string_view remote_ufrag,
    std::string_view remote_password)
{
  std::string name (remote_ufrag);
  name += ':';
  name += local_ufrag;
  auto bytes_of = [] (std::string_view text) {
    return reinterpret_cast<const std::uint8_t *> (text.data ());
  };
  StunMessage message{};
  return stun_usage_ice_conncheck_create (&agent, &message, out.data (),
      out.size (), bytes_of (name), name.size (), bytes_of (remote_password),
      remote_password.size (), false, false, kOwnPriority, 0, nullptr,
      STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
}

std::span<const std::uint8_t>
CheckResponder::make_check (std::string_view local_ufrag,
    std::string_view remote_ufrag, std::string_view remote_password)
{
  std::size_t bytes =
      write_check (agent_, reply_, local_ufrag, remote_ufrag, remote_password);
  if (bytes == 0)
    return {};
  StunMessage message{};
  message.agent = &agent_;
  message.buffer = reply_.data ();
  message.buffer_len = reply_.size ();
  // The agent would remember it until the response.
  StunTransactionId id;
  stun_message_id (&message, id);
  stun_agent_forget_transaction (&agent_, id);
  return {reply_.data (), bytes};
}

} // namespace restream::transport::native
