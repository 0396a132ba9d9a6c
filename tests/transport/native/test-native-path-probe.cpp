// SPDX-License-Identifier: LGPL-2.1-or-later
// Checks of our own, and what counts as their answer. libnice's client side answers.
#include "plugin/transport/native/stun/path-probe.h"

#include <stun/usages/ice.h>

#include <glib.h>

#include <string>
#include <vector>

using namespace restream;
using namespace restream::transport::native;
using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr std::string_view kPassword = "abcdefghijklmnopqrstuvwxyz012345";

Path
path ()
{
  return {.remote = *Address::parse ("192.0.2.7", 4242)};
}

bool
give_password (StunAgent *, StunMessage *, std::uint8_t *, std::uint16_t,
    std::uint8_t **password, std::size_t *length, void *data)
{
  auto *given = static_cast<std::string *> (data);
  *password = reinterpret_cast<std::uint8_t *> (given->data ());
  *length = given->size ();
  return true;
}

// A viewer's answer to a check.
Bytes
answer (std::span<const std::uint8_t> request, std::string password)
{
  static const std::uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,
      STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_PRIORITY,
      STUN_ATTRIBUTE_ICE_CONTROLLED, STUN_ATTRIBUTE_FINGERPRINT, 0};
  StunAgent agent;
  stun_agent_init (&agent, known, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
  // The request is authentic, whatever password the answer is made with.
  std::string right (kPassword);
  StunMessage message{}, response{};
  g_assert_cmpint (stun_agent_validate (&agent, &message, request.data (),
                       request.size (), give_password, &right),
      ==, STUN_VALIDATION_SUCCESS);
  message.key = reinterpret_cast<std::uint8_t *> (password.data ());
  message.key_len = password.size ();
  sockaddr_storage from;
  const socklen_t length = path ().remote.to (from, AF_INET);
  Bytes bytes (512);
  std::size_t size = bytes.size ();
  bool controlling = true;
  stun_usage_ice_conncheck_create_reply (&agent, &message, &response,
      bytes.data (), &size, &from, length, &controlling, 1,
      STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  g_assert_cmpuint (size, >, 0);
  bytes.resize (size);
  return bytes;
}

void
right_answer ()
{
  PathProbe probe (path (), "ours", "theirs", kPassword);
  g_assert_cmpuint (probe.request ().size (), >, 20);
  g_assert_true (probe.path () == path ());
  g_assert_false (answered_transaction (probe.request ()).has_value ());
  const Bytes reply = answer (probe.request (), std::string (kPassword));
  g_assert_true (answered_transaction (reply) == probe.id ());
  g_assert_true (probe.is_answered_by (reply));
  g_assert_false (probe.is_answered_by (reply)); // once
}

void
wrong_answers ()
{
  PathProbe probe (path (), "ours", "theirs", kPassword);
  PathProbe other (path (), "ours", "theirs", kPassword);
  g_assert_false (probe.id () == other.id ());
  const Bytes reply = answer (probe.request (), std::string (kPassword));
  g_assert_false (other.is_answered_by (reply));
  g_assert_false (probe.is_answered_by (
      answer (probe.request (), "0123456789abcdef0123456789abcdef")));
  for (std::size_t size = 0; size < reply.size (); size++)
    g_assert_false (probe.is_answered_by ({reply.data (), size}));
  for (std::size_t bit = 0; bit < 8 * reply.size (); bit++) {
    Bytes forged = reply;
    forged[bit / 8] ^= static_cast<std::uint8_t> (1 << bit % 8);
    g_assert_false (probe.is_answered_by (forged));
  }
  Bytes error = reply;
  error[1] = 0x11; // the class of error responses
  g_assert_false (answered_transaction (error).has_value ());
  g_assert_false (probe.is_answered_by (error));
  g_assert_false (probe.is_answered_by (probe.request ()));
  // None of these keeps the right one from being believed.
  g_assert_true (probe.is_answered_by (reply));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/path-probe/right-answer", right_answer);
  g_test_add_func ("/path-probe/wrong-answers", wrong_answers);
  return g_test_run ();
}
