// SPDX-License-Identifier: LGPL-2.1-or-later
// Bursts of packets into the sink's hub: RTP header, join points, timeline, the
// packet store. Each packet: control (bit 0 the medium, bit 1 the burst ends
// here, bit 2 other caps first, the rest the time since the last one), two
// bytes of length, the bytes.
#include "plugin/sink/hub.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

using namespace restream;
using namespace restream::sink;

namespace {

void
check (bool ok)
{
  if (!ok)
    std::abort ();
}

// Looks at all that a transport would send.
class Watcher final : public transport::Transport
{
public:
  const negotiation::TransportCapabilities &capabilities () const override
  {
    return capabilities_;
  }
  Result<std::shared_ptr<transport::Viewer>> make_viewer (
      transport::ViewerConfig, transport::ViewerObserver &) override
  {
    return Error{Code::internal, "nobody watches"};
  }
  std::shared_ptr<transport::Invitation> invite (
      const transport::ViewerConfig &,
      const negotiation::StreamDescription &) override
  {
    return nullptr;
  }
  std::size_t max_invitations () const override { return 0; }
  void set_viewers (std::shared_ptr<const transport::ViewerList>) override {}
  void report (Media, const transport::SourceReport &) override {}
  void wait_torn_down () override {}
  void push (transport::PacketBatch &batch) override
  {
    check (batch.size () > 0);
    std::size_t bytes = 0;
    for (std::uint8_t payload_type : {96, 127, 96}) {
      const Ref<GstBufferList> &list = batch.list (payload_type);
      check (gst_buffer_list_length (list.get ()) == batch.size ());
      bytes = 0;
      for (unsigned i = 0; i < batch.size (); i++) {
        std::uint8_t header[12];
        GstBuffer *packet = gst_buffer_list_get (list.get (), i);
        check (gst_buffer_extract (packet, 0, header, 12) == 12);
        check (header[0] >> 6 == 2 && (header[1] & 0x7f) == payload_type);
        const std::uint32_t ssrc = GST_READ_UINT32_BE (header + 8);
        std::uint32_t &first = ssrc_[index_of (batch.media ())];
        if (packets_++ == 0 || first == 0)
          first = ssrc;
        check (ssrc == first);
        bytes += gst_buffer_get_size (packet);
      }
    }
    check (bytes == batch.bytes ());
    if (batch.join_index ()) {
      check (*batch.join_index () < batch.size ());
      check (gst_buffer_list_length (batch.list_from_join (97).get ())
          == batch.size () - *batch.join_index ());
    }
  }

private:
  negotiation::TransportCapabilities capabilities_;
  std::uint64_t packets_ = 0;
  std::array<std::uint32_t, kMediaCount> ssrc_{};
};

const char *const kCaps[][2] = {
    {"application/x-rtp, media=(string)video, encoding-name=(string)H264, "
     "clock-rate=(int)90000",
        "application/x-rtp, media=(string)video, encoding-name=(string)VP8, "
        "clock-rate=(int)1"},
    {"application/x-rtp, media=(string)audio, encoding-name=(string)OPUS, "
     "clock-rate=(int)48000, encoding-params=(string)2",
        "application/x-rtp, media=(string)audio, encoding-name=(string)PCMU, "
        "clock-rate=(int)2147483647"},
};

void
set_caps (Hub &hub, Media media, bool other)
{
  auto caps = Ref<GstCaps>::adopt (
      gst_caps_from_string (kCaps[index_of (media)][other]));
  check (hub.set_caps (media, caps.get ()));
}

} // namespace

extern "C" int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  gst_init (argc, argv);
  return 0;
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  Watcher watcher;
  Hub hub (watcher);
  bool other[kMediaCount] = {};
  for (Media media : kAllMedia)
    set_caps (hub, media, false);

  Ref<GstBufferList> bursts[kMediaCount];
  std::uint64_t in = 0;
  GstClockTime now = 0;
  auto flush = [&] (Media media) {
    if (Ref<GstBufferList> &burst = bursts[index_of (media)])
      hub.push (media, std::move (burst), now);
  };
  while (size >= 3) {
    const std::uint8_t control = data[0];
    const std::size_t length =
        std::min<std::size_t> (data[1] << 8 | data[2], size - 3);
    const Media media = control & 1 ? Media::audio : Media::video;
    // Up to a day at once.
    now += (GstClockTime (1) << (control >> 3)) * 40 * GST_USECOND;
    if (control & 4) {
      flush (media);
      bool &which = other[index_of (media)];
      set_caps (hub, media, which = !which);
    }
    Ref<GstBufferList> &burst = bursts[index_of (media)];
    if (!burst)
      burst = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    GstBuffer *packet = gst_buffer_new_allocate (nullptr, length, nullptr);
    gst_buffer_fill (packet, 0, data + 3, length);
    gst_buffer_list_add (burst.get (), packet);
    in++;
    if (control & 2)
      flush (media);
    data += 3 + length;
    size -= 3 + length;
  }
  std::uint64_t counted = 0, inserted = 0;
  for (Media media : kAllMedia) {
    flush (media);
    const Hub::Counters &counters = hub.counters (media);
    counted += counters.packets + counters.invalid;
    check (counters.join_points <= counters.packets);
    check (counters.restarts <= counters.packets);
    counted += counters.repeated + counters.stray;
    inserted += counters.inserted;
  }
  check (counted == in + inserted);
  return 0;
}
