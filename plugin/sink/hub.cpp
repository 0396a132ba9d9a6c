// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/hub.h"

#include "common/bytes.h"
#include "common/random.h"
#include "common/rtp-packet.h"

namespace restream::sink {

namespace {

std::string
field (const GstStructure *s, const char *name)
{
  const char *value = gst_structure_get_string (s, name);
  return value ? value : "";
}

// Would what was negotiated for the one do for the other?
bool
same_codec (const negotiation::Codec &a, const negotiation::Codec &b)
{
  return a.encoding_name == b.encoding_name && a.clock_rate == b.clock_rate
      && a.channels == b.channels;
}

} // namespace

Hub::Hub (transport::Transport &transport)
    : transport_ (transport), cname_ (random_token (12))
{
  for (Media media : kAllMedia) {
    Input &input = inputs_[index_of (media)];
    input.media = media;
    input.ssrc = random_u32 ();
  }
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
  for (const char *parameter :
      {"profile-level-id", "packetization-mode", "sprop-parameter-sets",
          "sprop-vps", "sprop-sps", "sprop-pps", "profile-id", "tier-flag",
          "level-id", "profile", "level-idx", "tier", "sprop-stereo"}) {
    if (std::string value = field (s, parameter); !value.empty ())
      codec->parameters.emplace_back (parameter, std::move (value));
  }

  Input &input = inputs_[index_of (media)];
  std::shared_ptr<const negotiation::Codec> before = input.codec.load ();
  if (!before || before->encoding_name != codec->encoding_name)
    input.join_point.emplace (codec->encoding_name);
  input.join_point->learn_from (codec->parameters);
  const bool changed = before && !same_codec (*before, *codec);
  const std::string what = !changed
      ? ""
      : "the stream's " + std::string (name_of (media)) + " is "
          + codec->encoding_name + " now, it was " + before->encoding_name;
  if (input.timeline)
    input.timeline->set_clock_rate (codec->clock_rate);
  else
    input.timeline.emplace (codec->clock_rate,
        RtpTimeline::Stamp{static_cast<std::uint16_t> (random_u32 () & 0x7fff),
            random_u32 ()});
  input.codec.store (std::move (codec));
  if (changed && observer_)
    observer_->codec_changed (media, what);
  return true;
}

// Puts a packet on the outgoing line. false: it goes no further.
bool
Hub::take (Input &input, std::span<std::uint8_t> packet, GstClockTime arrival,
    bool &join)
{
  const auto rtp = parse_rtp (packet);
  if (!rtp) {
    input.counters.invalid.fetch_add (1, std::memory_order_relaxed);
    return false;
  }
  const auto place =
      input.timeline->map (rtp->ssrc, {rtp->sequence, rtp->timestamp}, arrival);
  if (!place)
    return false;
  if (packet.size () > kSafePacketBytes) {
    if (input.counters.large.fetch_add (1, std::memory_order_relaxed) == 0
        && observer_)
      observer_->large_packets (input.media, packet.size ());
    if (packet.size () > kMaxPacketBytes)
      return false;
  }
  if (place->newest)
    watch (input, *place, arrival);
  const auto offset =
      static_cast<std::size_t> (rtp->payload.data () - packet.data ());
  join = input.join_point->look (place->stamp.timestamp,
      packet.subspan (offset, rtp->payload.size ()));
  std::uint16_t sequence = place->stamp.sequence;
  if (join && place->newest && input.join_point->lacks_parameters ()) {
    const auto sets = static_cast<std::uint16_t> (
        input.join_point->parameter_sets ().size ());
    if (sets > 0)
      sequence =
          static_cast<std::uint16_t> (input.timeline->insert (sets) + sets);
    input.missing_sets = sets;
  }
  put_be16 (packet, 2, sequence);
  put_be32 (packet, 4, place->stamp.timestamp);
  put_be32 (packet, 8, input.ssrc);
  return true;
}

// A keyframe without its parameter sets, of an encoder that has told them once, or in its caps only, is
// of no use to who begins there. Puts them in front of it; returns their bytes.
std::size_t
Hub::put_parameter_sets (Input &input, GstBufferList *list, unsigned index)
{
  std::array<std::uint8_t, kRtpFixedHeader> header{};
  gst_buffer_extract (gst_buffer_list_get (list, index), 0, header.data (),
      header.size ());
  header[0] = 0x80; // version 2, and nothing else
  header[1] &= 0x7f; // no marker: the picture goes on
  auto sequence =
      static_cast<std::uint16_t> (be16 (header, 2) - input.missing_sets);
  std::size_t bytes = 0;
  for (const codec::Bytes set : input.join_point->parameter_sets ()) {
    put_be16 (header, 2, sequence++);
    GstBuffer *buffer = gst_buffer_new_allocate (nullptr,
        header.size () + set.size (), nullptr);
    gst_buffer_fill (buffer, 0, header.data (), header.size ());
    gst_buffer_fill (buffer, header.size (), set.data (), set.size ());
    bytes += header.size () + set.size ();
    gst_buffer_list_insert (list, static_cast<int> (index++), buffer);
  }
  return bytes;
}

void
Hub::watch (Input &input, const RtpTimeline::Place &place, GstClockTime arrival)
{
  if (!input.join_point->needs_keyframe ()
      || input.picture == place.stamp.timestamp)
    return;
  input.picture = place.stamp.timestamp;
  switch (input.watch.picture (input.timeline->restarts (),
      input.timeline->clock_rate (), place.stamp.timestamp,
      input.join_point->keyframes (), arrival)) {
    case StreamWatch::Event::none:
      return;
    case StreamWatch::Event::waiting:
    case StreamWatch::Event::keyframe: {
      const bool waiting = input.watch.waiting ();
      input.counters.waiting_for_keyframe.store (waiting,
          std::memory_order_relaxed);
      if (observer_)
        observer_->waiting_for_keyframe (waiting);
      return;
    }
    case StreamWatch::Event::b_frames:
      input.counters.b_frames.store (true, std::memory_order_relaxed);
      if (observer_)
        observer_->b_frames ();
      return;
  }
}

void
Hub::count (Input &input)
{
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const RtpTimeline &line = *input.timeline;
  if (line.restarts () != input.counters.restarts.load (kRelaxed))
    input.counters.b_frames.store (false, kRelaxed); // that was another sender
  input.counters.restarts.store (line.restarts (), kRelaxed);
  input.counters.lost.store (line.lost (), kRelaxed);
  input.counters.reordered.store (line.reordered (), kRelaxed);
  input.counters.repeated.store (line.repeated (), kRelaxed);
  input.counters.stray.store (line.stray (), kRelaxed);
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
    bool taken = false, join = false;
    if (gst_buffer_map (packet, &map, GST_MAP_READWRITE)) {
      taken = take (input, {map.data, map.size}, arrival, join);
      if (taken)
        bytes += map.size;
      gst_buffer_unmap (packet, &map);
    }
    if (!taken) {
      gst_buffer_list_remove (list.get (), i, 1);
      continue;
    }
    if (join) {
      input.counters.join_points.fetch_add (1, std::memory_order_relaxed);
      if (!join_index)
        join_index = kept;
    }
    unsigned packets = 1;
    if (input.missing_sets > 0) {
      bytes += put_parameter_sets (input, list.get (), i);
      input.counters.inserted.fetch_add (input.missing_sets,
          std::memory_order_relaxed);
      packets += std::exchange (input.missing_sets, 0);
    }
    // The viewers' pipelines have no segment of the ingest's: running time it is.
    for (const unsigned end = i + packets; i < end; i++) {
      GstBuffer *each = gst_buffer_list_get_writable (list.get (), i);
      GST_BUFFER_PTS (each) = GST_BUFFER_DTS (each) = arrival;
    }
    kept += packets;
  }
  input.counters.packets.fetch_add (kept, std::memory_order_relaxed);
  input.counters.bytes.fetch_add (bytes, std::memory_order_relaxed);
  count (input);
  if (kept == 0)
    return;

  transport::PacketBatch batch (media, input.timeline->clock_rate (),
      std::move (list), bytes, arrival, join_index);
  transport_.push (batch);
  // Older than a packet it would tell of another time.
  if (auto early = std::exchange (input.early_report, std::nullopt))
    if (auto mapped = input.timeline->find (early->ssrc, early->rtp_time))
      transport_.report (media, {.ntp = early->ntp, .rtp_time = *mapped});
}

void
Hub::report (Media media, std::uint32_t ssrc, std::uint64_t ntp,
    std::uint32_t rtp_time)
{
  Input &input = inputs_[index_of (media)];
  if (!input.timeline)
    return;
  if (auto mapped = input.timeline->find (ssrc, rtp_time))
    transport_.report (media, {.ntp = ntp, .rtp_time = *mapped});
  else
    input.early_report = {.ssrc = ssrc, .ntp = ntp, .rtp_time = rtp_time};
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
