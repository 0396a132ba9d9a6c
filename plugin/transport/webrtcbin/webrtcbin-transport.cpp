// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-transport.h"

#include "plugin/negotiation/counter-offer.h"
#include "plugin/transport/ntp-clock.h"
#include "plugin/transport/webrtcbin/webrtcbin-invitation.h"

namespace restream::transport {

namespace {

constexpr unsigned kTeardownThreads = 4;

} // namespace

WebrtcbinTransport::WebrtcbinTransport (const InstantStart &start)
    : teardown_ (kTeardownThreads), group_ (start)
{
  teardown_.run (warm_up_webrtcbin);
}

const negotiation::TransportCapabilities &
WebrtcbinTransport::capabilities () const
{
  static const negotiation::TransportCapabilities capabilities =
      webrtcbin_capabilities ();
  return capabilities;
}

Result<std::shared_ptr<Viewer>>
WebrtcbinTransport::make_viewer (ViewerConfig config, ViewerObserver &observer)
{
  return std::shared_ptr<Viewer> (
      make_webrtcbin_viewer (std::move (config), observer, teardown_));
}

std::shared_ptr<Invitation>
WebrtcbinTransport::invite (const ViewerConfig &config,
    const negotiation::StreamDescription &stream)
{
  return std::make_shared<WebrtcbinInvitation> (config,
      negotiation::plan_offer (stream, capabilities ()), teardown_);
}

void
WebrtcbinTransport::set_viewers (std::shared_ptr<const ViewerList> viewers)
{
  auto fed = std::make_shared<FedViewers> ();
  fed->reserve (viewers->size ());
  for (const std::shared_ptr<Viewer> &viewer : *viewers)
    fed->push_back (std::static_pointer_cast<FedViewer> (viewer)); // we made it
  viewers_.store (std::move (fed), std::memory_order_release);
}

void
WebrtcbinTransport::push (PacketBatch &batch)
{
  const std::size_t medium = index_of (batch.media ());
  batch.extend_sequence (highest_[medium]);
  std::optional<SenderClock> &clock = clocks_[medium];
  if (!clock)
    clock.emplace (batch.clock_rate ());
  clock->add_packet (ntp_now (), batch.timestamp (0));
  FeedInput input{.clock = &*clock};
  if (batch.media () == Media::video) {
    group_.append (batch);
    input.group = &group_;
  }
  std::shared_ptr<const FedViewers> viewers =
      viewers_.load (std::memory_order_acquire);
  if (!viewers)
    return;
  for (const std::shared_ptr<FedViewer> &viewer : *viewers)
    viewer->push (batch, input);
}

void
WebrtcbinTransport::report (Media media, const SourceReport &report)
{
  if (std::optional<SenderClock> &clock = clocks_[index_of (media)])
    clock->add_report (ntp_now (), report.ntp, report.rtp_time);
}

} // namespace restream::transport
