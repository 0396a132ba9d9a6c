// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/dtls/dtls-record-keys.h"
#include "plugin/transport/native/dtls/dtls-record.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace restream::transport::native {

// What one connection sends: the datagrams of its latest flight, kept for as long
// as it may have to be repeated. The outbox numbers all records itself, also those that
// OpenSSL wrote: so a flight can be repeated without OpenSSL, whose own timer
// runs on the wall clock, and records follow on when OpenSSL is gone.
//
// Thread: its connection's.
class DtlsOutbox
{
public:
  // What is written next takes the place of the flight that is here.
  void begin_flight () { replace_ = true; }
  // Has something been written since?
  bool has_begun () const { return !replace_; }
  bool empty () const { return ends_.empty (); }
  bool drained () const { return next_ == ends_.size (); }

  // A datagram of OpenSSL's. False: over a bound.
  bool write (std::span<const std::uint8_t> datagram);

  // Records of our own; a datagram each.
  bool add_plain (std::uint8_t type, std::span<const std::uint8_t> body);
  bool add_sealed (const DtlsIdentity &identity, const DtlsRecordKeys &keys,
      std::uint8_t type, std::span<const std::uint8_t> body);

  // The same flight again, under new sequence numbers. Needs keys as soon as there
  // is a sealed record in it.
  bool has_sealed () const { return sealed_seen_; }
  bool repeat (const DtlsIdentity &identity, const DtlsRecordKeys *keys);
  // The latest sealed record of the flight.
  std::optional<DtlsRecord> last_sealed () const;

  // The next datagram to be sent. Valid until the next call.
  bool next (std::span<const std::uint8_t> &datagram);
  void clear ();
  void release (); // the memory too

private:
  bool add (std::span<const std::uint8_t> datagram);
  std::span<std::uint8_t> datagram (std::size_t i);

  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint16_t> ends_; // of each datagram in bytes_
  std::size_t next_ = 0; // to be sent
  std::uint64_t plain_sequence_ = 0; // the next one of epoch 0
  std::uint64_t sealed_sequence_ = 0; // the next one of epoch 1
  std::uint64_t nonce_ = 0; // the next explicit one of epoch 1
  bool sealed_seen_ = false;
  bool replace_ = false;
};

} // namespace restream::transport::native
