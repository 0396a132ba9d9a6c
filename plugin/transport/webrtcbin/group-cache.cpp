// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/group-cache.h"

namespace restream::transport {

void
GroupCache::append (const PacketBatch &batch)
{
  unsigned from = 0;
  if (batch.join_index ()) {
    packets_.clear ();
    bytes_ = 0;
    began_ = batch.arrival ();
    clock_rate_ = batch.clock_rate ();
    from = *batch.join_index ();
  } else if (packets_.empty ()) {
    return; // of a group whose beginning is not there
  }
  for (unsigned i = from; i < batch.size (); i++) {
    GstBuffer *packet = gst_buffer_list_get (batch.packets (), i);
    std::size_t bytes = gst_buffer_get_size (packet);
    if (bytes_ + bytes > settings_.max_bytes
        || batch.arrival () - began_ > settings_.max_time)
      return packets_.clear ();
    bytes_ += bytes;
    packets_.push_back ({Ref<GstBuffer>::adopt (gst_buffer_copy_deep (packet)),
        batch.sequence (i), batch.timestamp (i)});
  }
}

} // namespace restream::transport
