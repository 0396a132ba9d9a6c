// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/endpoint.h"
#include "plugin/transport/transport.h"

#include <array>
#include <atomic>
#include <optional>

namespace restream::transport::native {

// All viewers of all streams on one UDP port and a fixed number of threads; this is one
// stream's part of it.
class NativeTransport final : public Transport
{
public:
  // port, threads: see Endpoint::open(). The streams of one port have the threads
  // that the first one asked for.
  static Result<std::unique_ptr<Transport>> create (std::uint16_t port,
      unsigned threads, const InstantStart &start);
  ~NativeTransport () override;

  const negotiation::TransportCapabilities &capabilities () const override;
  Result<std::shared_ptr<Viewer>> make_viewer (ViewerConfig config,
      ViewerObserver &observer) override;
  std::shared_ptr<Invitation> invite (const ViewerConfig &config,
      const negotiation::StreamDescription &stream) override;
  std::size_t max_invitations () const override { return 1000; } // but memory
  void set_viewers (std::shared_ptr<const ViewerList>) override {}
  void push (PacketBatch &batch) override;
  void report (Media media, const SourceReport &report) override;
  void wait_torn_down () override;

  // The UDP port that viewers are sent to.
  std::uint16_t port () const { return endpoint_->port (); }

private:
  // The streaming thread of the medium.
  struct Line
  {
    std::uint64_t bursts = 0;
    std::optional<std::uint64_t> newest; // extended sequence number
    std::optional<SenderClock> clock;
  };

  NativeTransport (std::shared_ptr<Endpoint> endpoint,
      const InstantStart &start);

  const std::shared_ptr<Endpoint> endpoint_;
  const std::shared_ptr<SharedStream> shared_;
  std::array<Line, kMediaCount> lines_;
};

} // namespace restream::transport::native
