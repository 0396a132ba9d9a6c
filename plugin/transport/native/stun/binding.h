// SPDX-License-Identifier: LGPL-2.1-or-later
// What an ICE-lite agent needs of STUN (RFC 8489, RFC 8445 section 7.3): it answers
// connectivity checks. On libnice's stun library.
#pragma once

#include "plugin/transport/native/io/address.h"

#include <stun/stunagent.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace restream::transport::native {

// First byte 0–3 (RFC 7983) and the magic cookie.
bool looks_like_stun (std::span<const std::uint8_t> datagram);

// Both halves of a check's USERNAME; views into the datagram.
struct CheckName
{
  std::string_view local; // our ufrag: whose session it is for
  std::string_view remote;
};

struct CheckResult
{
  enum class Kind
  {
    dropped = 1, // not to be answered: no request, malformed, or not authentic
    refused, // reply has the error response; the check counts for nothing
    valid // authentic: the remote address has proved itself
  };
  Kind kind = Kind::dropped;
  bool nominated = false; // USE-CANDIDATE
  std::span<const std::uint8_t> reply; // valid until the next check
};

// A check of our own, into `out`: its length; 0: it failed. The agent remembers it until
// its response, and points to the password meanwhile.
std::size_t write_check (StunAgent &agent, std::span<std::uint8_t> out,
    std::string_view local_ufrag, std::string_view remote_ufrag,
    std::string_view remote_password);

// Thread: its owner's.
class CheckResponder
{
public:
  CheckResponder ();

  // For whom a check is, not authenticated yet. false: no binding request, or without
  // a fitting USERNAME.
  bool read_name (std::span<const std::uint8_t> datagram, CheckName &name);
  // Authenticates a check with the session's password and makes the reply.
  CheckResult answer (std::span<const std::uint8_t> datagram,
      std::string_view password, const Address &from);
  // A check of our own, for the viewer's credentials; valid until the next call. Its
  // response is of no interest, and read_name() takes it for nothing.
  std::span<const std::uint8_t> make_check (std::string_view local_ufrag,
      std::string_view remote_ufrag, std::string_view remote_password);

private:
  StunAgent agent_;
  std::array<std::uint8_t, 512> reply_;
};

} // namespace restream::transport::native
