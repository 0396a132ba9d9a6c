// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/dtls/dtls-record.h"

namespace restream::transport::native {

std::optional<DtlsRecord>
take_dtls_record (std::span<const std::uint8_t> &datagram)
{
  if (datagram.size () < kDtlsRecordHeader)
    return {};
  const std::uint8_t *in = datagram.data ();
  // The version is 1.2, or 1.0 in a first ClientHello.
  if (in[0] < dtls_content::kChangeCipherSpec
      || in[0] > dtls_content::kApplicationData || in[1] != 0xfe
      || (in[2] != 0xfd && in[2] != 0xff))
    return {};
  const std::size_t size = in[11] << 8 | in[12];
  if (size == 0 || size > kDtlsMaxFragment
      || size > datagram.size () - kDtlsRecordHeader)
    return {};
  DtlsRecord record;
  record.type = in[0];
  record.epoch = static_cast<std::uint16_t> (in[3] << 8 | in[4]);
  record.whole = datagram.first (kDtlsRecordHeader + size);
  record.fragment = record.whole.subspan (kDtlsRecordHeader);
  datagram = datagram.subspan (record.whole.size ());
  return record;
}

} // namespace restream::transport::native
