// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/ice-client.h"

#include "common/random.h"

#include <stun/usages/ice.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace restream::load {

namespace {

// Of each candidate so many checks in a hurry, then as browsers do; and a server that
// is behind is not to be buried under checks, which is what many viewers would do.
constexpr std::int64_t kCheckIntervalUs = 20'000;
constexpr std::size_t kHurriedChecks = 10;
constexpr std::int64_t kBrowserIntervalUs = 50'000;
constexpr std::size_t kEagerChecks = 30;
constexpr std::int64_t kPatientIntervalUs = 200'000;
constexpr std::int64_t kConsentIntervalUs = 2'500'000;
// RFC 8445, section 5.1.2: what a peer-reflexive candidate of ours would have.
constexpr std::uint32_t kPriority = 110u << 24 | 65535u << 8 | 255;
constexpr std::size_t kMaxCandidates = 24; // with those that the checks tell
constexpr std::size_t kMaxCheckBytes = 1024;

constexpr std::uint16_t kKnownAttributes[] = {
    STUN_ATTRIBUTE_USERNAME,
    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_ERROR_CODE,
    STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES,
    STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_PRIORITY,
    STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_FINGERPRINT,
    STUN_ATTRIBUTE_ICE_CONTROLLED,
    STUN_ATTRIBUTE_ICE_CONTROLLING,
    0,
};

const std::uint8_t *
bytes_of (const std::string &text)
{
  return reinterpret_cast<const std::uint8_t *> (text.data ());
}

// For the server's requests: they bear our name and are signed by our password.
bool
give_password (StunAgent *, StunMessage *, std::uint8_t *username,
    std::uint16_t username_length, std::uint8_t **password, std::size_t *length,
    void *data)
{
  const auto &local = *static_cast<const IceCredentials *> (data);
  const std::size_t size = local.ufrag.size ();
  if (!username || username_length <= size || username[size] != ':'
      || std::memcmp (username, local.ufrag.data (), size) != 0)
    return false;
  *password = const_cast<std::uint8_t *> (bytes_of (local.pwd));
  *length = local.pwd.size ();
  return true;
}

} // namespace

IceClient::IceClient (IceCredentials local, IceCredentials remote,
    std::vector<Address> candidates, std::int64_t now_us)
    : local_ (std::move (local)), remote_ (std::move (remote)),
      name_ (remote_.ufrag + ":" + local_.ufrag),
      tie_breaker_ (std::uint64_t{random_u32 ()} << 32 | random_u32 ()),
      candidates_ (std::move (candidates)), due_us_ (now_us)
{
  stun_agent_init (&agent_, kKnownAttributes, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
}

bool
IceClient::knows (const Address &from) const
{
  return std::find (candidates_.begin (), candidates_.end (), from)
      != candidates_.end ();
}

std::optional<IceClient::Outgoing>
IceClient::next_check (std::int64_t now_us)
{
  if (now_us < due_us_ || candidates_.empty ())
    return std::nullopt;
  const bool nominate = selected_ && !nominated ();
  Address to;
  if (selected_) {
    to = *selected_;
  } else {
    to = candidates_[next_candidate_++ % candidates_.size ()];
  }
  if (nominated ()) {
    // RFC 7675, section 5.1: at random, so that checks do not come together.
    due_us_ = now_us + kConsentIntervalUs * 8 / 10
        + static_cast<std::int64_t> (random_u32 ())
            % (kConsentIntervalUs * 4 / 10);
  } else {
    const std::size_t checks = ++checks_ / candidates_.size ();
    due_us_ = now_us
        + (checks < kHurriedChecks      ? kCheckIntervalUs
                : checks < kEagerChecks ? kBrowserIntervalUs
                                        : kPatientIntervalUs);
  }

  Transaction &transaction =
      transactions_[next_transaction_++ % transactions_.size ()];
  if (transaction.sent_us)
    stun_agent_forget_transaction (&agent_, transaction.id);
  transaction = {};
  StunMessage message{};
  const std::size_t size = stun_usage_ice_conncheck_create (&agent_, &message,
      out_.data (), out_.size (), bytes_of (name_), name_.size (),
      bytes_of (remote_.pwd), remote_.pwd.size (), nominate, true, kPriority,
      tie_breaker_, nullptr, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  if (size == 0)
    return std::nullopt;
  stun_message_id (&message, transaction.id);
  transaction.sent_us = now_us;
  transaction.to = to;
  transaction.nominating = nominate;
  return Outgoing{to, {out_.data (), size}};
}

std::optional<IceClient::Outgoing>
IceClient::receive (std::span<const std::uint8_t> datagram, const Address &from,
    std::int64_t now_us)
{
  if (datagram.size () > kMaxCheckBytes)
    return std::nullopt;
  StunMessage message{};
  const StunValidationStatus status = stun_agent_validate (&agent_, &message,
      datagram.data (), datagram.size (), give_password,
      const_cast<IceCredentials *> (&local_));
  if (status != STUN_VALIDATION_SUCCESS
      || stun_message_get_method (&message) != STUN_BINDING
      || !stun_message_has_attribute (&message,
          STUN_ATTRIBUTE_MESSAGE_INTEGRITY))
    return std::nullopt;
  switch (stun_message_get_class (&message)) {
    case STUN_REQUEST:
      return answer (message, from, now_us);
    case STUN_RESPONSE:
      learn_response (message, from, now_us);
      return std::nullopt;
    default:
      return std::nullopt; // an error: the next check may fare better
  }
}

std::optional<IceClient::Outgoing>
IceClient::answer (StunMessage &request, const Address &from,
    std::int64_t now_us)
{
  sockaddr_storage address;
  const socklen_t length =
      from.to (address, from.is_ipv4 () ? AF_INET : AF_INET6);
  StunMessage response{};
  std::size_t size = out_.size ();
  bool controlling = true;
  const StunUsageIceReturn made = stun_usage_ice_conncheck_create_reply (
      &agent_, &request, &response, out_.data (), &size, &address, length,
      &controlling, tie_breaker_, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  if (size == 0)
    return std::nullopt;
  // An address that its candidates did not name: to be checked from our side.
  if (made == STUN_USAGE_ICE_RETURN_SUCCESS && !knows (from)
      && candidates_.size () < kMaxCandidates) {
    candidates_.push_back (from);
    if (!selected_) {
      next_candidate_ = candidates_.size () - 1;
      due_us_ = std::min (due_us_, now_us);
    }
  }
  return Outgoing{from, {out_.data (), size}};
}

void
IceClient::learn_response (StunMessage &response, const Address &from,
    std::int64_t now_us)
{
  StunTransactionId id;
  stun_message_id (&response, id);
  for (Transaction &transaction : transactions_) {
    if (!transaction.sent_us
        || std::memcmp (transaction.id, id, sizeof id) != 0)
      continue;
    // RFC 8445, section 7.2.5.2.1: from where the check went to.
    if (transaction.to == from) {
      consent_us_ = now_us;
      if (nominated ())
        round_trip_us_ = now_us - transaction.sent_us;
      if (!selected_) {
        selected_ = from;
        due_us_ = now_us; // nominated at once
      } else if (transaction.nominating && !nominated ()) {
        nominated_us_ = now_us;
        due_us_ = now_us + kConsentIntervalUs;
      }
    }
    transaction.sent_us = 0;
    return;
  }
}

} // namespace restream::load
