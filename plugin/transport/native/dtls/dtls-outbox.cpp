// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-outbox.h"

#include <array>

namespace restream::transport::native {

namespace {

// A flight of ours is under 2 KB; this bounds what OpenSSL could be made to write.
constexpr std::size_t kMaxFlightBytes = 16 * 1024;
// Our own sealed records keep clear of the numbers and nonces that OpenSSL could
// still come to use for an alert.
constexpr std::uint64_t kOwnGap = 1024;
constexpr std::size_t kMaxOwnBody = 64;

} // namespace

bool
DtlsOutbox::add (std::span<const std::uint8_t> datagram)
{
  if (replace_)
    clear ();
  replace_ = false;
  if (datagram.empty () || datagram.size () > kDtlsMtu
      || bytes_.size () + datagram.size () > kMaxFlightBytes)
    return false;
  bytes_.insert (bytes_.end (), datagram.begin (), datagram.end ());
  ends_.push_back (static_cast<std::uint16_t> (bytes_.size ()));
  return true;
}

std::span<std::uint8_t>
DtlsOutbox::datagram (std::size_t i)
{
  const std::size_t begin = i ? ends_[i - 1] : 0;
  return std::span (bytes_).subspan (begin, ends_[i] - begin);
}

bool
DtlsOutbox::write (std::span<const std::uint8_t> datagram)
{
  if (!add (datagram))
    return false;
  const std::span<std::uint8_t> written = this->datagram (ends_.size () - 1);
  std::span<const std::uint8_t> rest = written;
  while (auto record = take_dtls_record (rest)) {
    if (record->epoch == 0) {
      std::uint8_t *at =
          written.data () + (record->whole.data () - written.data ());
      renumber_dtls_record (at, plain_sequence_++);
    } else if (!sealed_seen_) {
      sealed_seen_ = true;
      sealed_sequence_ = record->sequence + kOwnGap;
      nonce_ = dtls_record_nonce (*record) + kOwnGap;
    }
  }
  return rest.empty ();
}

bool
DtlsOutbox::add_plain (std::uint8_t type, std::span<const std::uint8_t> body)
{
  std::array<std::uint8_t, kDtlsRecordHeader + kMaxOwnBody> record;
  if (body.size () > kMaxOwnBody)
    return false;
  write_dtls_header (record.data (), type, 0, plain_sequence_++, body.size ());
  std::copy (body.begin (), body.end (), record.begin () + kDtlsRecordHeader);
  return add ({record.data (), kDtlsRecordHeader + body.size ()});
}

bool
DtlsOutbox::add_sealed (const DtlsIdentity &identity,
    const DtlsRecordKeys &keys, std::uint8_t type,
    std::span<const std::uint8_t> body)
{
  std::array<std::uint8_t, DtlsRecordKeys::kOverhead + kMaxOwnBody> record;
  if (body.size () > kMaxOwnBody || sealed_sequence_ > kDtlsMaxSequence)
    return false;
  return keys.seal (identity, type, sealed_sequence_++, nonce_++, body,
             record.data ())
      && add ({record.data (), DtlsRecordKeys::kOverhead + body.size ()});
}

bool
DtlsOutbox::repeat (const DtlsIdentity &identity, const DtlsRecordKeys *keys)
{
  for (std::size_t i = 0; i < ends_.size (); i++) {
    const std::span<std::uint8_t> datagram = this->datagram (i);
    std::span<const std::uint8_t> rest = datagram;
    while (auto record = take_dtls_record (rest)) {
      std::uint8_t *at =
          datagram.data () + (record->whole.data () - datagram.data ());
      if (record->epoch == 0) {
        renumber_dtls_record (at, plain_sequence_++);
        continue;
      }
      std::array<std::uint8_t, DtlsRecordKeys::kOverhead + kMaxOwnBody>
          plaintext;
      const std::size_t size =
          keys ? keys->open (identity, *record, plaintext, true) : 0;
      if (size == 0
          || !keys->seal (identity, record->type, sealed_sequence_++, nonce_++,
              {plaintext.data (), size}, at))
        return false;
    }
  }
  next_ = 0;
  return true;
}

std::optional<DtlsRecord>
DtlsOutbox::last_sealed () const
{
  std::optional<DtlsRecord> found;
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    std::span<const std::uint8_t> rest =
        std::span (bytes_).subspan (begin, end - begin);
    while (auto record = take_dtls_record (rest))
      if (record->epoch == 1)
        found = record;
    begin = end;
  }
  return found;
}

bool
DtlsOutbox::next (std::span<const std::uint8_t> &datagram)
{
  if (drained ())
    return false;
  datagram = this->datagram (next_++);
  return true;
}

void
DtlsOutbox::clear ()
{
  bytes_.clear ();
  ends_.clear ();
  next_ = 0;
}

void
DtlsOutbox::release ()
{
  std::vector<std::uint8_t> ().swap (bytes_);
  std::vector<std::uint16_t> ().swap (ends_);
  next_ = 0;
}

} // namespace restream::transport::native
