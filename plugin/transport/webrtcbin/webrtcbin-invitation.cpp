// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/webrtcbin-invitation.h"

#include <utility>

namespace restream::transport {

WebrtcbinInvitation::~WebrtcbinInvitation ()
{
  if (peer_)
    peer_->close (false);
}

void
WebrtcbinInvitation::prepare (Ready ready)
{
  auto peer = WebrtcbinPeer::create (config_, offered_, *this, teardown_);
  if (!peer)
    return ready (peer.error ());
  peer_ = std::move (*peer);
  ready_ = std::move (ready);
  peer_->offer ();
}

Result<std::shared_ptr<WebrtcbinPeer>>
WebrtcbinInvitation::take (PeerObserver &observer)
{
  if (!failure_.what.empty ())
    return failure_;
  if (!peer_)
    return Error{Code::internal, "there is no offer to answer"};
  peer_->set_observer (&observer);
  return std::exchange (peer_, nullptr);
}

void
WebrtcbinInvitation::peer_described (negotiation::LocalDescription local)
{
  if (Ready ready = std::exchange (ready_, nullptr))
    ready (std::move (local)); // which may be our end
}

void
WebrtcbinInvitation::peer_failed (Error reason)
{
  failure_ = reason;
  if (Ready ready = std::exchange (ready_, nullptr))
    ready (std::move (reason));
}

} // namespace restream::transport
