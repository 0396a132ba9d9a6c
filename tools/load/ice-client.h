// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/address.h"

#include <stun/stunagent.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace restream::load {

struct IceCredentials
{
  std::string ufrag;
  std::string pwd;
};

// The controlling ICE agent of a viewer (RFC 8445) with one local candidate: checks
// the server's candidates in turn, nominates the first that answers, and goes on to
// ask for consent (RFC 7675). Answers the checks of a server that is no lite agent. Pure:
// datagrams and the time in, datagrams out. Stays where it was made.
//
// Thread: its owner's.
class IceClient
{
public:
  using Address = transport::native::Address;

  IceClient (IceCredentials local, IceCredentials remote,
      std::vector<Address> candidates, std::int64_t now_us);
  IceClient (const IceClient &) = delete;
  IceClient &operator= (const IceClient &) = delete;

  struct Outgoing
  {
    Address to;
    std::span<const std::uint8_t> bytes; // valid until the next call
  };
  // When next_check () has something.
  std::int64_t deadline_us () const { return due_us_; }
  std::optional<Outgoing> next_check (std::int64_t now_us);
  // Any STUN. What is returned is to be sent back.
  std::optional<Outgoing> receive (std::span<const std::uint8_t> datagram,
      const Address &from, std::int64_t now_us);

  bool knows (const Address &from) const;
  // The pair that media goes by: the first one that is valid.
  const std::optional<Address> &selected () const { return selected_; }
  bool nominated () const { return nominated_us_ != 0; }
  std::int64_t nominated_us () const { return nominated_us_; }
  // The server's last answer to a check.
  std::int64_t consent_us () const { return consent_us_; }
  // Of consent checks; 0: none was answered yet.
  std::int64_t round_trip_us () const { return round_trip_us_; }

private:
  struct Transaction
  {
    StunTransactionId id{};
    std::int64_t sent_us = 0; // 0: free
    Address to;
    bool nominating = false;
  };

  std::optional<Outgoing> answer (StunMessage &request, const Address &from,
      std::int64_t now_us);
  void learn_response (StunMessage &response, const Address &from,
      std::int64_t now_us);

  const IceCredentials local_, remote_;
  const std::string name_; // USERNAME of our checks
  const std::uint64_t tie_breaker_;
  std::vector<Address> candidates_;
  StunAgent agent_;
  std::array<std::uint8_t, 1024> out_;

  std::int64_t due_us_;
  std::size_t checks_ = 0; // while connecting
  std::size_t next_candidate_ = 0;
  std::array<Transaction, 96> transactions_;
  std::size_t next_transaction_ = 0;
  std::optional<Address> selected_;
  std::int64_t nominated_us_ = 0;
  std::int64_t consent_us_ = 0;
  std::int64_t round_trip_us_ = 0;
};

} // namespace restream::load
