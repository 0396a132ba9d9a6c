// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/redundant-packet.h"

#include "common/rtp-packet.h"
#include "plugin/transport/red.h"

#include <algorithm>

namespace restream::transport {

namespace {

constexpr std::uint8_t kExtensionFlag = 0x10, kPaddingFlag = 0x20;

class MappedBuffer
{
public:
  MappedBuffer (GstBuffer *buffer, GstMapFlags flags)
      : buffer_ (buffer), mapped_ (gst_buffer_map (buffer, &map_, flags))
  {
  }
  ~MappedBuffer ()
  {
    if (mapped_)
      gst_buffer_unmap (buffer_, &map_);
  }
  MappedBuffer (const MappedBuffer &) = delete;
  MappedBuffer &operator= (const MappedBuffer &) = delete;

  std::span<std::uint8_t> bytes () const
  {
    return mapped_ ? std::span (map_.data, map_.size)
                   : std::span<std::uint8_t> ();
  }

private:
  GstBuffer *buffer_;
  GstMapInfo map_;
  bool mapped_;
};

} // namespace

Ref<GstBuffer>
redundant_packet (GstBuffer *packet, GstBuffer *before,
    const RedPayloadTypes &types, const HeaderExtensions &extensions)
{
  const MappedBuffer now (packet, GST_MAP_READ), old (before, GST_MAP_READ);
  const auto rtp = parse_rtp (now.bytes ()), old_rtp = parse_rtp (old.bytes ());
  if (!rtp || !old_rtp || ((now.bytes ()[0] | old.bytes ()[0]) & kPaddingFlag))
    return {};
  const std::size_t fixed =
      kRtpFixedHeader + 4 * std::size_t{now.bytes ()[0] & 0x0fu};
  auto whole = Ref<GstBuffer>::adopt (gst_buffer_new_allocate (nullptr,
      fixed + kMaxExtensionBytes + kRedHeaderBytes + old_rtp->payload.size ()
          + rtp->payload.size (),
      nullptr));
  std::size_t bytes = fixed, red = 0;
  {
    const MappedBuffer mapped (whole.get (), GST_MAP_WRITE);
    const std::span<std::uint8_t> out = mapped.bytes ();
    if (out.empty ())
      return {};
    std::ranges::copy (now.bytes ().first (fixed), out.begin ());
    out[0] &= static_cast<std::uint8_t> (~kExtensionFlag);
    out[1] = static_cast<std::uint8_t> ((out[1] & 0x80) | types.red);
    if (const std::size_t extended =
            write_extensions (out.subspan (fixed), extensions)) {
      out[0] |= kExtensionFlag;
      bytes += extended;
    }
    red = write_red ({types.audio, old_rtp->timestamp, old_rtp->payload},
        {types.audio, rtp->timestamp, rtp->payload}, out.subspan (bytes));
  }
  if (red == 0)
    return {};
  gst_buffer_set_size (whole.get (), static_cast<gssize> (bytes + red));
  gst_buffer_copy_into (whole.get (), packet,
      static_cast<GstBufferCopyFlags> (
          GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS),
      0, -1);
  return whole;
}

} // namespace restream::transport
