// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-transport.h"

#include "plugin/negotiation/counter-offer.h"
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
  batch.extend_sequence (highest_[index_of (batch.media ())]);
  const GroupCache *group = nullptr;
  if (batch.media () == Media::video) {
    group_.append (batch);
    group = &group_;
  }
  std::shared_ptr<const FedViewers> viewers =
      viewers_.load (std::memory_order_acquire);
  if (!viewers)
    return;
  for (const std::shared_ptr<FedViewer> &viewer : *viewers)
    viewer->push (batch, group);
}

} // namespace restream::transport
