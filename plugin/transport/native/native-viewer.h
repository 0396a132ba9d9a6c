// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/transport/native/endpoint.h"
#include "plugin/transport/native/session.h"
#include "plugin/transport/viewer.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace restream::transport::native {

// The owner's side of a session: orders go to the session's thread, and what happens there
// comes back to the owner's context.
class NativeViewer final : public Viewer,
                           public SessionObserver,
                           public std::enable_shared_from_this<NativeViewer>
{
public:
  // observer outlives it.
  NativeViewer (ViewerConfig config, ViewerObserver &observer,
      std::shared_ptr<Endpoint> endpoint, std::uint64_t stream);
  // It has its offer at once, and takes up but memory.
  static std::shared_ptr<Invitation> invite (const ViewerConfig &config,
      Endpoint &endpoint);
  ~NativeViewer () override;

  void start () override;
  void drain (unsigned timeout_ms) override;
  void close () override;
  Result<negotiation::LocalTransport> restart_ice (
      const negotiation::IceParameters &remote) override;

private:
  Result<std::string> begin ();
  SenderSettings sender_settings () const;
  void order (std::function<void (Session &)> f);
  // Runs f in the owner's context, unless closed by then.
  void tell (std::function<void (NativeViewer &, ViewerObserver &)> f);

  // The session's thread.
  void session_state (ViewerState state) override;
  void session_ended (Error reason) override;
  void session_drained () override;
  MediaCounters &session_counters (Media media) override
  {
    return own_counters (media);
  }
  LinkCounters &session_link () override { return own_link (); }

  // Owner's context.
  ViewerObserver *observer_; // null = closed
  std::shared_ptr<Endpoint> endpoint_; // until closed
  const std::uint64_t stream_;
  const std::uint64_t session_; // 0 = there is none
  bool ended_ = false;
};

} // namespace restream::transport::native
