// SPDX-License-Identifier: LGPL-2.1-or-later
// What an ICE-lite agent answers, asked by libnice's own client side.
#include "common/bytes.h"
#include "plugin/transport/native/stun/binding.h"

#include <stun/usages/ice.h>

#include <glib.h>

#include <cstring>
#include <string>
#include <vector>

using namespace restream;
using namespace restream::transport::native;
using Bytes = std::vector<std::uint8_t>;
using Kind = CheckResult::Kind;

namespace {

constexpr std::string_view kPassword = "abcdefghijklmnopqrstuvwxyz012345";
constexpr std::uint32_t kPriority = 0x6e7f1eff;

struct Request
{
  std::string username = "ours:theirs";
  std::string password{kPassword};
  bool nominate = false;
  bool controlling = true;
  bool fingerprint = true;
  bool integrity = true;
  StunMethod method = STUN_BINDING;
  StunClass type = STUN_REQUEST;
  // An attribute more, that must be understood if below 0x8000; 0: none.
  unsigned attribute = 0;
  std::size_t attribute_bytes = 4;
};

// The agent of a viewer, which sends checks and judges the answers.
class Client
{
public:
  explicit Client (bool fingerprint = true)
  {
    static const std::uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,
        STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_ERROR_CODE,
        STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_FINGERPRINT,
        STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, 0};
    unsigned flags = STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS;
    if (fingerprint)
      flags |= STUN_AGENT_USAGE_USE_FINGERPRINT;
    stun_agent_init (&agent_, known, STUN_COMPATIBILITY_RFC5389,
        static_cast<StunAgentUsageFlags> (flags));
  }

  Bytes make (const Request &request)
  {
    request_ = request; // the agent keeps a pointer to the password
    Bytes bytes (1500);
    StunMessage message{};
    if (request.type == STUN_INDICATION)
      stun_agent_init_indication (&agent_, &message, bytes.data (),
          bytes.size (), request.method);
    else
      stun_agent_init_request (&agent_, &message, bytes.data (), bytes.size (),
          request.method);
    if (request_.nominate)
      stun_message_append_flag (&message, STUN_ATTRIBUTE_USE_CANDIDATE);
    stun_message_append32 (&message, STUN_ATTRIBUTE_PRIORITY, kPriority);
    stun_message_append64 (&message,
        request_.controlling ? STUN_ATTRIBUTE_ICE_CONTROLLING
                             : STUN_ATTRIBUTE_ICE_CONTROLLED,
        0x0123456789abcdef);
    if (request_.attribute)
      stun_message_append_bytes (&message,
          static_cast<StunAttribute> (request_.attribute),
          Bytes (request_.attribute_bytes, 0xee).data (),
          request_.attribute_bytes);
    if (!request_.username.empty ())
      stun_message_append_string (&message, STUN_ATTRIBUTE_USERNAME,
          request_.username.c_str ());
    std::size_t size = stun_agent_finish_message (&agent_, &message,
        request_.integrity
            ? reinterpret_cast<const std::uint8_t *> (request_.password.data ())
            : nullptr,
        request_.integrity ? request_.password.size () : 0);
    g_assert_cmpuint (size, >, 0);
    bytes.resize (size);
    return bytes;
  }

  // Of an answer to what was made last, authenticated by the agent.
  StunMessage judge (std::span<const std::uint8_t> reply)
  {
    StunMessage message{};
    g_assert_cmpint (stun_agent_validate (&agent_, &message, reply.data (),
                         reply.size (), nullptr, nullptr),
        ==, STUN_VALIDATION_SUCCESS);
    return message;
  }

private:
  StunAgent agent_;
  Request request_;
};

Address
address (const char *ip, std::uint16_t port)
{
  std::optional<Address> parsed = Address::parse (ip, port);
  g_assert_true (parsed.has_value ());
  return *parsed;
}

CheckResult
answer (CheckResponder &responder, const Bytes &request,
    std::string_view password = kPassword)
{
  return responder.answer (request, password, address ("192.0.2.7", 4242));
}

int
error_of (const StunMessage &message)
{
  int code = 0;
  g_assert_cmpint (stun_message_get_class (&message), ==, STUN_ERROR);
  g_assert_cmpint (
      stun_message_find_error (const_cast<StunMessage *> (&message), &code), ==,
      STUN_MESSAGE_RETURN_SUCCESS);
  return code;
}

void
right_answer ()
{
  for (const char *ip : {"192.0.2.7", "127.0.0.1", "2001:db8::17", "::1"}) {
    for (bool nominate : {false, true}) {
      Client client;
      CheckResponder responder;
      const Bytes request = client.make ({.nominate = nominate});
      g_assert_true (looks_like_stun (request));
      CheckName name;
      g_assert_true (responder.read_name (request, name));
      g_assert_true (name.local == "ours");
      g_assert_true (name.remote == "theirs");
      const CheckResult result =
          responder.answer (request, kPassword, address (ip, 4242));
      g_assert_true (result.kind == Kind::valid);
      g_assert_true (result.nominated == nominate);

      StunMessage reply = client.judge (result.reply);
      g_assert_cmpint (stun_message_get_class (&reply), ==, STUN_RESPONSE);
      g_assert_cmpint (stun_message_get_method (&reply), ==, STUN_BINDING);
      g_assert_true (stun_message_has_attribute (&reply,
          STUN_ATTRIBUTE_MESSAGE_INTEGRITY));
      g_assert_true (
          stun_message_has_attribute (&reply, STUN_ATTRIBUTE_FINGERPRINT));
      sockaddr_storage mapped{};
      socklen_t length = sizeof mapped;
      g_assert_cmpint (stun_message_find_xor_addr (&reply,
                           STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &mapped, &length),
          ==, STUN_MESSAGE_RETURN_SUCCESS);
      // The family is the client's, too.
      g_assert_cmpint (mapped.ss_family, ==,
          strchr (ip, ':') ? AF_INET6 : AF_INET);
      g_assert_true (*Address::from (mapped) == address (ip, 4242));
    }
  }
}

// A responder serves many viewers: nothing of one is left for the next.
void
one_after_the_other ()
{
  CheckResponder responder;
  for (int i = 0; i < 1000; i++) {
    Client client;
    const std::string password =
        "a password, and its number " + std::to_string (i);
    const Bytes request = client.make ({.password = password});
    g_assert_true (answer (responder, request).kind == Kind::dropped);
    const CheckResult result = answer (responder, request, password);
    g_assert_true (result.kind == Kind::valid);
    StunMessage reply = client.judge (result.reply);
    g_assert_cmpint (stun_message_get_class (&reply), ==, STUN_RESPONSE);
  }
}

void
not_authentic ()
{
  CheckResponder responder;
  Client client, without_fingerprint (false);
  for (const Bytes &request :
      {client.make ({.password = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"}),
          client.make ({.password = "a"}), client.make ({.integrity = false}),
          without_fingerprint.make ({})}) {
    const CheckResult result = answer (responder, request);
    g_assert_true (result.kind == Kind::dropped);
    g_assert_cmpuint (result.reply.size (), ==, 0);
  }
  g_assert_true (
      answer (responder, client.make ({}), "").kind == Kind::dropped);
}

void
no_check ()
{
  CheckResponder responder;
  Client client;
  CheckName name;
  for (const Request &request : {Request{.method = STUN_ALLOCATE},
           Request{.type = STUN_INDICATION}, Request{.username = ""}}) {
    const Bytes bytes = client.make (request);
    g_assert_false (responder.read_name (bytes, name));
    g_assert_true (answer (responder, bytes).kind == Kind::dropped
        || request.username.empty ());
  }
  g_assert_false (
      responder.read_name (client.make ({.username = "nocolon"}), name));
  // Odd, but names: it is for the sessions to know none of them.
  for (const char *username : {":", "a:", ":b", "a:b:c"})
    g_assert_true (
        responder.read_name (client.make ({.username = username}), name));
  // An answer is none either.
  const Bytes request = client.make ({});
  const CheckResult result = answer (responder, request);
  const Bytes reply (result.reply.begin (), result.reply.end ());
  g_assert_false (responder.read_name (reply, name));
  g_assert_true (answer (responder, reply).kind == Kind::dropped);
}

void
unknown_attributes ()
{
  CheckResponder responder;
  // Comprehension-required: refused, with the attribute's name.
  {
    Client client;
    const CheckResult result =
        answer (responder, client.make ({.attribute = 0x7ffe}));
    g_assert_true (result.kind == Kind::refused);
    StunMessage reply = client.judge (result.reply);
    g_assert_cmpint (error_of (reply), ==, 420);
    std::uint16_t length = 0;
    const void *list =
        stun_message_find (&reply, STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, &length);
    g_assert_nonnull (list);
    g_assert_cmpuint (length, >=, 2);
    g_assert_cmphex (
        be16 ({static_cast<const std::uint8_t *> (list), length}, 0), ==,
        0x7ffe);
  }
  // Optional: as if it were not there. 0xc057 is what Chromium sends (network cost).
  for (unsigned attribute : {0xc057u, 0x8022u, 0xffffu}) {
    Client client;
    g_assert_true (
        answer (responder, client.make ({.attribute = attribute})).kind
        == Kind::valid);
  }
  // Too long to be a check.
  Client client;
  const Bytes large =
      client.make ({.attribute = 0xc057, .attribute_bytes = 1000});
  CheckName name;
  g_assert_false (responder.read_name (large, name));
  g_assert_true (answer (responder, large).kind == Kind::dropped);
}

// Who is wrong about the roles is told so; a lite agent never controls.
void
role_conflict ()
{
  CheckResponder responder;
  for (int i = 0; i < 3; i++) {
    Client client;
    const CheckResult refused = answer (responder,
        client.make ({.nominate = true, .controlling = false}));
    g_assert_true (refused.kind == Kind::refused);
    StunMessage reply = client.judge (refused.reply);
    g_assert_cmpint (error_of (reply), ==, 487);
    g_assert_true (answer (responder, client.make ({})).kind == Kind::valid);
  }
}

void
truncated_and_forged ()
{
  CheckResponder responder;
  Client client;
  const Bytes request = client.make ({.nominate = true});
  CheckName name;
  for (std::size_t size = 0; size < request.size (); size++) {
    // In a block of its own, so that a sanitizer sees reads past the end.
    const Bytes cut (request.begin (),
        request.begin () + static_cast<long> (size));
    g_assert_false (responder.read_name (cut, name));
    g_assert_true (answer (responder, cut).kind == Kind::dropped);
  }
  for (std::size_t bit = 0; bit < 8 * request.size (); bit++) {
    Bytes forged = request;
    forged[bit / 8] ^= static_cast<std::uint8_t> (1u << bit % 8);
    const CheckResult result = answer (responder, forged);
    g_assert_true (result.kind == Kind::dropped);
  }
  Bytes longer = request;
  longer.resize (longer.size () + 4);
  g_assert_false (responder.read_name (longer, name));
  g_assert_true (answer (responder, longer).kind == Kind::dropped);
  g_assert_true (answer (responder, request).kind == Kind::valid);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/stun/right-answer", right_answer);
  g_test_add_func ("/stun/one-after-the-other", one_after_the_other);
  g_test_add_func ("/stun/not-authentic", not_authentic);
  g_test_add_func ("/stun/no-check", no_check);
  g_test_add_func ("/stun/unknown-attributes", unknown_attributes);
  g_test_add_func ("/stun/role-conflict", role_conflict);
  g_test_add_func ("/stun/truncated-and-forged", truncated_and_forged);
  return g_test_run ();
}
