// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/webrtcbin/webrtcbin-peer.h"

namespace restream::transport {

// Holds the webrtcbin that made the offer until the viewer that answers takes it over.
class WebrtcbinInvitation final : public Invitation, private PeerObserver
{
public:
  WebrtcbinInvitation (ViewerConfig config, negotiation::Plan offered,
      Teardown &teardown)
      : config_ (std::move (config)), offered_ (std::move (offered)),
        teardown_ (teardown)
  {
  }
  ~WebrtcbinInvitation () override;

  void prepare (Ready ready) override;
  // Once, after it is ready. Error: it has failed since.
  Result<std::shared_ptr<WebrtcbinPeer>> take (PeerObserver &observer);

private:
  void peer_described (negotiation::LocalDescription local) override;
  void peer_accepted () override {}
  void peer_connection (GstWebRTCPeerConnectionState) override {}
  void peer_said_bye () override {}
  void peer_failed (Error reason) override;

  const ViewerConfig config_;
  const negotiation::Plan offered_;
  Teardown &teardown_;
  std::shared_ptr<WebrtcbinPeer> peer_;
  Ready ready_; // until called
  Error failure_;
};

} // namespace restream::transport
