// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/receiver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace restream::src {

Receiver::Receiver ()
    : pool_ (new_packet_pool ()),
      big_ (std::make_unique_for_overwrite<std::uint8_t[]> (
          kBurst * kMaxDatagram))
{
  for (unsigned i = 0; i < kBurst; i++) {
    // The tail lands where it belongs in a whole datagram, see receive().
    parts_[i][1] = {big_.get () + i * kMaxDatagram + kSlotBytes,
        kMaxDatagram - kSlotBytes};
    messages_[i].msg_hdr.msg_iov = parts_[i].data ();
    messages_[i].msg_hdr.msg_iovlen = parts_[i].size ();
    messages_[i].msg_hdr.msg_name = &sources_[i];
    messages_[i].msg_hdr.msg_control = control_[i].bytes;
  }
}

Receiver::~Receiver ()
{
  for (Slot &slot : slots_) {
    if (!slot.buffer)
      continue;
    gst_buffer_unmap (slot.buffer, &slot.map);
    gst_buffer_unref (slot.buffer);
  }
  gst_buffer_pool_set_active (pool_.get (), FALSE);
}

bool
Receiver::fill (Slot &slot)
{
  if (slot.buffer)
    return true;
  if (gst_buffer_pool_acquire_buffer (pool_.get (), &slot.buffer, nullptr)
      != GST_FLOW_OK)
    return false;
  if (!gst_buffer_map (slot.buffer, &slot.map, GST_MAP_WRITE)) {
    gst_buffer_unref (slot.buffer);
    slot.buffer = nullptr;
    return false;
  }
  return true;
}

bool
Receiver::refill ()
{
  for (unsigned i = 0; i < stale_; i++) {
    if (!fill (slots_[i]))
      return false;
    parts_[i][0] = {slots_[i].map.data, kSlotBytes};
    msghdr &header = messages_[i].msg_hdr;
    header.msg_namelen = sizeof sources_[i];
    header.msg_controllen = sizeof control_[i].bytes;
    header.msg_flags = 0;
  }
  stale_ = 0;
  return true;
}

int
Receiver::receive (int fd)
{
  if (!refill ())
    return -ENOMEM;
  const int n = recvmmsg (fd, messages_.data (), kBurst, MSG_DONTWAIT, nullptr);
  const int error = errno;
  // One more than were received: the kernel may have begun with it.
  stale_ = std::min (kBurst, static_cast<unsigned> (std::max (n, 0)) + 1);
  if (n < 0)
    return -error;

  for (int i = 0; i < n; i++) {
    if (messages_[i].msg_len > kSlotBytes)
      std::memcpy (big_.get () + i * kMaxDatagram, slots_[i].map.data,
          kSlotBytes);
  }
  if (n > 0) {
    overflow_ = 0; // not told while it is 0
    msghdr *last = &messages_[n - 1].msg_hdr;
    for (cmsghdr *c = CMSG_FIRSTHDR (last); c; c = CMSG_NXTHDR (last, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
        std::memcpy (&overflow_, CMSG_DATA (c), sizeof overflow_);
    }
  }
  return n;
}

std::span<const std::uint8_t>
Receiver::datagram (unsigned i) const
{
  const std::size_t length = messages_[i].msg_len;
  if (length <= kSlotBytes)
    return {slots_[i].map.data, length};
  return {big_.get () + i * kMaxDatagram, length};
}

GstBuffer *
Receiver::take (unsigned i)
{
  const auto bytes = datagram (i);
  if (bytes.size () > kSlotBytes)
    return gst_buffer_new_memdup (bytes.data (), bytes.size ());
  Slot &slot = slots_[i];
  gst_buffer_unmap (slot.buffer, &slot.map);
  gst_buffer_set_size (slot.buffer, static_cast<gssize> (bytes.size ()));
  return std::exchange (slot.buffer, nullptr);
}

} // namespace restream::src
