// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-record.h"

namespace restream::transport::native {

namespace {

constexpr std::uint8_t kVersionMajor = 0xfe;
constexpr std::uint8_t kVersionMinor12 = 0xfd;
constexpr std::uint8_t kVersionMinor10 = 0xff; // of a first ClientHello

std::uint64_t
read_number (const std::uint8_t *in, std::size_t size)
{
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; i++)
    value = value << 8 | in[i];
  return value;
}

void
write_number (std::uint8_t *out, std::uint64_t value, std::size_t size)
{
  for (std::size_t i = size; i > 0; i--, value >>= 8)
    out[i - 1] = static_cast<std::uint8_t> (value);
}

} // namespace

std::optional<DtlsRecord>
take_dtls_record (std::span<const std::uint8_t> &datagram)
{
  if (datagram.size () < kDtlsRecordHeader)
    return {};
  const std::uint8_t *in = datagram.data ();
  if (in[0] < dtls_content::kChangeCipherSpec
      || in[0] > dtls_content::kApplicationData || in[1] != kVersionMajor
      || (in[2] != kVersionMinor12 && in[2] != kVersionMinor10))
    return {};
  const std::size_t size = read_number (in + 11, 2);
  if (size == 0 || size > kDtlsMaxFragment
      || size > datagram.size () - kDtlsRecordHeader)
    return {};
  DtlsRecord record;
  record.type = in[0];
  record.epoch = static_cast<std::uint16_t> (read_number (in + 3, 2));
  record.sequence = read_number (in + 5, 6);
  record.whole = datagram.first (kDtlsRecordHeader + size);
  record.fragment = record.whole.subspan (kDtlsRecordHeader);
  datagram = datagram.subspan (record.whole.size ());
  return record;
}

void
write_dtls_header (std::uint8_t *out, std::uint8_t type, std::uint16_t epoch,
    std::uint64_t sequence, std::size_t fragment_size)
{
  out[0] = type;
  out[1] = kVersionMajor;
  out[2] = kVersionMinor12;
  write_number (out + 3, epoch, 2);
  write_number (out + 5, sequence, 6);
  write_number (out + 11, fragment_size, 2);
}

void
renumber_dtls_record (std::uint8_t *record, std::uint64_t sequence)
{
  write_number (record + 5, sequence, 6);
}

bool
DtlsReplayWindow::is_new (std::uint64_t sequence) const
{
  if (sequence >= next_)
    return true;
  const std::uint64_t age = next_ - 1 - sequence;
  return age < 64 && !(seen_ >> age & 1);
}

void
DtlsReplayWindow::mark (std::uint64_t sequence)
{
  if (sequence >= next_) {
    const std::uint64_t step = sequence + 1 - next_;
    seen_ = step < 64 ? seen_ << step | 1 : 1;
    next_ = sequence + 1;
  } else if (next_ - 1 - sequence < 64) {
    seen_ |= std::uint64_t (1) << (next_ - 1 - sequence);
  }
}

} // namespace restream::transport::native
