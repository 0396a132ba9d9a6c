// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/native-transport.h"

#include "plugin/transport/native/native-viewer.h"
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/header-extensions.h"

#include <algorithm>
#include <bitset>

namespace restream::transport::native {

namespace {

// The streaming thread is awake, and has the packets in its cache: so much it sends by itself,
// in half a millisecond where a viewer gets many at once and in two where each gets one, which
// costs less than waking others for it. It takes whole I/O threads' viewers, those of one in any case.
constexpr std::size_t kFewPackets = 400;
// Unless they are so many that it would be kept from its socket too long, about 10 µs for each.
constexpr unsigned kFewViewers = 128;

std::uint64_t
next_stream_id ()
{
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add (1, std::memory_order_relaxed);
}

} // namespace

Result<std::unique_ptr<Transport>>
NativeTransport::create (std::uint16_t port, unsigned threads,
    const InstantStart &start)
{
  auto endpoint = Endpoint::open (port, threads);
  if (!endpoint)
    return endpoint.error ();
  return std::unique_ptr<Transport> (
      new NativeTransport (std::move (*endpoint), start));
}

NativeTransport::NativeTransport (std::shared_ptr<Endpoint> endpoint,
    const InstantStart &start)
    : endpoint_ (std::move (endpoint)),
      shared_ (std::make_shared<SharedStream> (next_stream_id (),
          endpoint_->threads (), start))
{
  for (std::size_t i = 0; i < endpoint_->threads (); i++)
    endpoint_->thread (i).post (
        [shared = shared_] (IoThread &thread) { thread.open_stream (shared); });
}

NativeTransport::~NativeTransport ()
{
  endpoint_->run_on_all (
      [id = shared_->id] (IoThread &thread) { thread.close_stream (id); });
}

const negotiation::TransportCapabilities &
NativeTransport::capabilities () const
{
  static const negotiation::TransportCapabilities capabilities = {
      .rtx = true,
      .red = true,
      .feedback = {"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"},
      .extensions = {kTransportSequenceUri, kCaptureTimeUri, kPlayoutDelayUri},
  };
  return capabilities;
}

Result<std::shared_ptr<Viewer>>
NativeTransport::make_viewer (ViewerConfig config, ViewerObserver &observer)
{
  return std::shared_ptr<Viewer> (std::make_shared<NativeViewer> (
      std::move (config), observer, endpoint_, shared_->id));
}

std::shared_ptr<Invitation>
NativeTransport::invite (const ViewerConfig &config,
    const negotiation::StreamDescription &)
{
  return NativeViewer::invite (config, *endpoint_);
}

void
NativeTransport::push (PacketBatch &batch)
{
  Line &line = lines_[index_of (batch.media ())];
  gint64 now = g_get_monotonic_time ();
  std::uint32_t rtp_time = 0;
  GstBuffer *first = gst_buffer_list_get (batch.packets (), 0);
  if (gst_buffer_extract (first, 4, &rtp_time, sizeof rtp_time)
      != sizeof rtp_time)
    return;
  if (!line.clock)
    line.clock.emplace (batch.clock_rate ());
  line.clock->add_packet (ntp_at (now), GUINT32_FROM_BE (rtp_time));

  std::shared_ptr<const Burst> burst =
      Burst::copy (batch.media (), ++line.bursts, batch.packets (),
          batch.join_index (), line.newest, *line.clock, now);
  shared_->gop.append (burst);
  const auto post = [&] (IoThread &thread) {
    thread.post (
        [id = shared_->id, burst] (IoThread &self) { self.push (id, burst); });
  };
  // The others first: they take their time to wake.
  std::bitset<Endpoint::kMaxThreads> mine;
  std::size_t room = kFewPackets;
  for (std::size_t i = 0; i < endpoint_->threads (); i++) {
    const unsigned members =
        shared_->members[i].load (std::memory_order_relaxed);
    if (members == 0)
      continue;
    const std::size_t packets = members * burst->packets ().size ();
    if (packets <= room || (mine.none () && members <= kFewViewers)) {
      mine.set (i);
      room -= std::min (room, packets);
    } else {
      post (endpoint_->thread (i));
    }
  }
  for (std::size_t i = 0; i < endpoint_->threads (); i++) {
    IoThread &thread = endpoint_->thread (i);
    if (mine.test (i) && !thread.push_now (shared_->id, burst))
      post (thread);
  }
}

void
NativeTransport::report (Media media, const SourceReport &report)
{
  if (std::optional<SenderClock> &clock = lines_[index_of (media)].clock)
    clock->add_report (ntp_at (g_get_monotonic_time ()), report.ntp,
        report.rtp_time);
}

void
NativeTransport::wait_torn_down ()
{
  // What was ordered before is done when this has had its turn. A session may have been
  // moving: then its order comes behind it, one turn later.
  for (int i = 0; i < 2; i++)
    endpoint_->run_on_all ([] (IoThread &) {});
}

} // namespace restream::transport::native
