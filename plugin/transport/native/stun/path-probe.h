// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/io/address.h"

#include <stun/stunagent.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace restream::transport::native {

// Of a STUN transaction; its 96 bits are random.
struct TransactionId
{
  std::array<std::uint8_t, 12> bytes{};
  bool operator== (const TransactionId &) const = default;
};

struct TransactionIdHash
{
  std::size_t operator() (const TransactionId &id) const
  {
    std::size_t value; // random as it is
    std::memcpy (&value, id.bytes.data (), sizeof value);
    return value;
  }
};

// The transaction that a datagram answers; none: it is no success response to a check.
std::optional<TransactionId> answered_transaction (
    std::span<const std::uint8_t> datagram);

// A check of our own, which asks whether the viewer is where its packets have come from.
// Not every viewer checks a path that it has had for long (libnice's agents do not), and
// what its NAT does to it, it cannot know.
// Thread: its owner's.
class PathProbe
{
public:
  PathProbe (const Path &path, std::string_view local_ufrag,
      std::string_view remote_ufrag, std::string_view remote_password);
  PathProbe (const PathProbe &) = delete; // the agent points to the password
  PathProbe &operator= (const PathProbe &) = delete;

  const Path &path () const { return path_; }
  // Empty: it could not be made.
  std::span<const std::uint8_t> request () const
  {
    return {request_.data (), bytes_};
  }
  TransactionId id () const;
  // Once: an authentic success response to the request.
  bool is_answered_by (std::span<const std::uint8_t> datagram);

private:
  const Path path_;
  const std::string password_;
  StunAgent agent_;
  std::array<std::uint8_t, 512> request_;
  std::size_t bytes_ = 0;
};

} // namespace restream::transport::native
