// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/packet-batch.h"
#include "plugin/transport/viewer.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace restream::transport {

using ViewerList = std::vector<std::shared_ptr<Viewer>>;

// An instant on a medium's outgoing line, as the stream's source has reported it.
struct SourceReport
{
  std::uint64_t ntp = 0; // 32.32 fixed point, RFC 3550 section 4
  std::uint32_t rtp_time = 0;
};

// What carries one stream to its viewers.
// Threads: push() and report() on the streaming thread of the medium; the rest on the
// control thread, but for what says otherwise.
class Transport
{
public:
  virtual ~Transport () = default;
  Transport (const Transport &) = delete;
  Transport &operator= (const Transport &) = delete;

  // What it can do for a viewer that the plan may promise. Any thread.
  virtual const negotiation::TransportCapabilities &capabilities () const = 0;
  // A viewer that is not started yet. observer outlives it. Errors: internal, unavailable.
  virtual Result<std::shared_ptr<Viewer>> make_viewer (ViewerConfig config,
      ViewerObserver &observer) = 0;
  // A viewer to be, which is offered the stream and has no plan yet. When it has answered, for make_viewer() in the same
  // configuration.
  virtual std::shared_ptr<Invitation> invite (const ViewerConfig &config,
      const negotiation::StreamDescription &stream) = 0;
  // How many there may be at a time, by what each takes up.
  virtual std::size_t max_invitations () const = 0;
  // The viewers from now on.
  virtual void set_viewers (std::shared_ptr<const ViewerList> viewers) = 0;

  // Hands a burst to all viewers. Never blocks.
  virtual void push (PacketBatch &batch) = 0;
  virtual void report (Media media, const SourceReport &report) = 0;

  // Returns when what was closed has given its resources back. Any thread but
  // the control thread.
  virtual void wait_torn_down () = 0;

protected:
  Transport () = default;
};

} // namespace restream::transport
