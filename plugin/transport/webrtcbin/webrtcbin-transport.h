// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/teardown.h"
#include "plugin/transport/transport.h"
#include "plugin/transport/webrtcbin/webrtcbin-viewer.h"

#include <atomic>

namespace restream::transport {

// Each viewer has a pipeline with a webrtcbin of its own.
class WebrtcbinTransport final : public Transport
{
public:
  explicit WebrtcbinTransport (const InstantStart &start);

  const negotiation::TransportCapabilities &capabilities () const override;
  Result<std::shared_ptr<Viewer>> make_viewer (ViewerConfig config,
      ViewerObserver &observer) override;
  std::shared_ptr<Invitation> invite (const ViewerConfig &config,
      const negotiation::StreamDescription &stream) override;
  // Each has a pipeline, some ten threads.
  std::size_t max_invitations () const override { return 64; }
  void set_viewers (std::shared_ptr<const ViewerList> viewers) override;
  void push (PacketBatch &batch) override;
  // Tells capture times. The sender reports are rtpsession's, which makes them from the packets' own times.
  void report (Media media, const SourceReport &report) override;
  void wait_torn_down () override { teardown_.wait (); }

private:
  Teardown teardown_;
  using FedViewers = std::vector<std::shared_ptr<FedViewer>>;
  std::atomic<std::shared_ptr<const FedViewers>> viewers_;
  // The streaming thread of the medium.
  std::array<std::optional<std::uint64_t>, kMediaCount> highest_;
  std::array<std::optional<SenderClock>, kMediaCount> clocks_;
  GroupCache group_; // the video's
};

} // namespace restream::transport
