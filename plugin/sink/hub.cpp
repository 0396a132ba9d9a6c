// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/hub.h"

#include "common/random.h"

#include <gst/rtp/gstrtpbuffer.h>

namespace restream::sink {

namespace {

constexpr std::size_t kRtpHeaderBytes = 12;

std::uint16_t
read_u16 (const std::uint8_t *p)
{
  return static_cast<std::uint16_t> (p[0] << 8 | p[1]);
}

std::uint32_t
read_u32 (const std::uint8_t *p)
{
  return GST_READ_UINT32_BE (p);
}

// The RTP payload of a packet, or nothing if the packet lies about its own size (RFC 3550 5.1, 5.3.1).
std::optional<std::span<const std::uint8_t>>
payload_of (std::span<const std::uint8_t> packet)
{
  if (packet.size () < kRtpHeaderBytes || (packet[0] >> 6) != 2)
    return std::nullopt;
  std::size_t header = kRtpHeaderBytes + 4u * (packet[0] & 0x0f);
  if (packet[0] & 0x10) {
    if (packet.size () < header + 4)
      return std::nullopt;
    header += 4 + 4u * read_u16 (&packet[header + 2]);
  }
  if (packet.size () < header)
    return std::nullopt;
  std::size_t padding = packet[0] & 0x20 ? packet.back () : 0;
  if (packet[0] & 0x20 && (padding == 0 || header + padding > packet.size ()))
    return std::nullopt;
  return packet.subspan (header, packet.size () - header - padding);
}

std::string
field (const GstStructure *s, const char *name)
{
  const char *value = gst_structure_get_string (s, name);
  return value ? value : "";
}

} // namespace

Hub::Hub (transport::Transport &transport)
    : transport_ (transport), cname_ (random_token (12))
{
  for (Input &input : inputs_)
    input.ssrc = random_u32 ();
}

bool
Hub::set_caps (Media media, const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  int clock_rate = 0;
  const char *name = gst_structure_get_string (s, "encoding-name");
  if (!name || !gst_structure_get_int (s, "clock-rate", &clock_rate)
      || clock_rate <= 0 || field (s, "media") != name_of (media))
    return false;

  auto codec = std::make_shared<negotiation::Codec> ();
  Owned<char> upper (g_ascii_strup (name, -1));
  codec->encoding_name = upper.get ();
  codec->clock_rate = static_cast<std::uint32_t> (clock_rate);
  if (std::string channels = field (s, "encoding-params"); !channels.empty ())
    codec->channels = static_cast<unsigned> (
        g_ascii_strtoull (channels.c_str (), nullptr, 10));
  for (const char *parameter : {"profile-level-id", "packetization-mode",
           "sprop-parameter-sets", "profile-id"}) {
    if (std::string value = field (s, parameter); !value.empty ())
      codec->parameters.emplace_back (parameter, std::move (value));
  }

  Input &input = inputs_[index_of (media)];
  std::shared_ptr<const negotiation::Codec> before = input.codec.load ();
  if (!before || before->encoding_name != codec->encoding_name)
    input.join_point.emplace (codec->encoding_name);
  if (input.timeline)
    input.timeline->set_clock_rate (codec->clock_rate);
  else
    input.timeline.emplace (codec->clock_rate,
        RtpTimeline::Stamp{static_cast<std::uint16_t> (random_u32 () & 0x7fff),
            random_u32 ()});
  input.codec.store (std::move (codec));
  return true;
}

void
Hub::push (Media media, Ref<GstBufferList> list, GstClockTime arrival)
{
  Input &input = inputs_[index_of (media)];
  if (!input.timeline)
    return;
  if (input.first_heard_us.load (std::memory_order_relaxed) == 0)
    input.first_heard_us.store (g_get_monotonic_time (),
        std::memory_order_relaxed);

  list = Ref<GstBufferList>::adopt (
      gst_buffer_list_make_writable (list.release ()));
  std::optional<unsigned> join_index;
  std::size_t bytes = 0;
  unsigned kept = 0;
  for (unsigned i = 0; i < gst_buffer_list_length (list.get ());) {
    GstBuffer *packet = gst_buffer_list_get_writable (list.get (), i);
    GstMapInfo map;
    bool valid = false;
    if (gst_buffer_map (packet, &map, GST_MAP_READWRITE)) {
      std::span<std::uint8_t> all (map.data, map.size);
      if (auto payload = payload_of (all)) {
        valid = true;
        RtpTimeline::Stamp in = {read_u16 (&all[2]), read_u32 (&all[4])};
        RtpTimeline::Stamp out =
            input.timeline->map (read_u32 (&all[8]), in, arrival);
        if (input.join_point->look (out.timestamp, *payload)) {
          input.counters.join_points.fetch_add (1, std::memory_order_relaxed);
          if (!join_index)
            join_index = kept;
        }
        GST_WRITE_UINT16_BE (&all[2], out.sequence);
        GST_WRITE_UINT32_BE (&all[4], out.timestamp);
        GST_WRITE_UINT32_BE (&all[8], input.ssrc);
        bytes += map.size;
      }
      gst_buffer_unmap (packet, &map);
    }
    if (!valid) {
      input.counters.invalid.fetch_add (1, std::memory_order_relaxed);
      gst_buffer_list_remove (list.get (), i, 1);
      continue;
    }
    // The viewers' pipelines have no segment of the ingest's: running time it is.
    GST_BUFFER_PTS (packet) = GST_BUFFER_DTS (packet) = arrival;
    kept++;
    i++;
  }
  input.counters.packets.fetch_add (kept, std::memory_order_relaxed);
  input.counters.bytes.fetch_add (bytes, std::memory_order_relaxed);
  input.counters.restarts.store (input.timeline->restarts (),
      std::memory_order_relaxed);
  if (kept == 0)
    return;

  transport::PacketBatch batch (media, input.timeline->clock_rate (),
      std::move (list), bytes, arrival, join_index);
  transport_.push (batch);
}

void
Hub::report (Media media, std::uint32_t ssrc, std::uint64_t ntp,
    std::uint32_t rtp_time)
{
  const Input &input = inputs_[index_of (media)];
  if (!input.timeline)
    return;
  if (auto mapped = input.timeline->find (ssrc, rtp_time))
    transport_.report (media, {.ntp = ntp, .rtp_time = *mapped});
}

bool
Hub::has_media () const
{
  for (const Input &input : inputs_) {
    if (input.first_heard_us.load (std::memory_order_relaxed))
      return true;
  }
  return false;
}

negotiation::StreamDescription
Hub::describe () const
{
  gint64 now = g_get_monotonic_time ();
  gint64 began = 0;
  for (const Input &input : inputs_) {
    if (gint64 heard = input.first_heard_us.load (std::memory_order_relaxed);
        heard && (!began || heard < began))
      began = heard;
  }
  auto codec_of = [&] (Media media) -> std::optional<negotiation::Codec> {
    const Input &input = inputs_[index_of (media)];
    std::shared_ptr<const negotiation::Codec> codec = input.codec.load ();
    bool heard = input.first_heard_us.load (std::memory_order_relaxed) != 0;
    if (!codec || (!heard && began && now - began > kSilentMediumUs))
      return std::nullopt;
    return *codec;
  };
  return {.video = codec_of (Media::video), .audio = codec_of (Media::audio)};
}

bool
Hub::settled () const
{
  bool all_known = true, waited = false;
  gint64 now = g_get_monotonic_time ();
  for (Media media : kAllMedia) {
    const Input &input = inputs_[index_of (media)];
    gint64 heard = input.first_heard_us.load (std::memory_order_relaxed);
    if (!is_linked_ || is_linked_ (media))
      all_known &= heard != 0 && input.codec.load () != nullptr;
    waited |= heard != 0 && now - heard > kSilentMediumUs;
  }
  return all_known || waited;
}

transport::OutgoingStream
Hub::outgoing (Media media) const
{
  return {.ssrc = inputs_[index_of (media)].ssrc};
}

} // namespace restream::sink
