// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"
#include "plugin/sink/hub.h"
#include "plugin/transport/transport.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace restream::sink {

struct AddedViewer
{
  std::string id;
  std::string answer;
};

// Of an ICE restart, what the viewer is to be told; empty when it has but trickled candidates.
struct IceReply
{
  bool restarted = false;
  std::string fragment;
};

using AddCallback = std::function<void (Result<AddedViewer>)>;

struct RegistrySettings
{
  unsigned max_viewers = 0; // 0 = no bound
  std::vector<std::string> interfaces;
  std::vector<std::string> announced_addresses;
  unsigned min_port = 0;
  unsigned max_port = 0;
  // Of silence; 0 = none. As the consent of RFC 7675 runs out.
  GstClockTime viewer_timeout = 30 * GST_SECOND;
};

// What the registry tells. Thread: control.
class RegistryObserver
{
public:
  virtual void viewer_added (const std::string &id) = 0;
  virtual void viewer_state_changed (const std::string &id,
      transport::ViewerState state) = 0;
  virtual void viewer_removed (const std::string &id,
      const std::string &reason) = 0;
  // Viewers are about to be sent away.
  virtual void draining () {}

protected:
  ~RegistryObserver () = default;
};

using transport::ViewerList;

// All viewers of one sink: decides their offers, makes them, drains and removes
// them. Owns them; the hub has a copy of the list.
// Thread: control, but for snapshot() and accepting().
class ViewerRegistry final : public transport::ViewerObserver
{
public:
  // hub, transport and observer outlive it.
  ViewerRegistry (Hub &hub, transport::Transport &transport,
      RegistryObserver &observer, Ref<GMainContext> control);
  // After close_all().
  ~ViewerRegistry ();

  // The clock that new viewers' pipelines run on.
  void set_clock (Ref<GstClock> clock, GstClockTime base_time);
  // Calls back exactly once: not_acceptable, bad_request, too_large from the
  // negotiation; conflict when there is no stream yet or it is being drained; unavailable at max_viewers.
  void add (std::string_view offer, bool loopback,
      const RegistrySettings &settings, AddCallback done);
  // Offers a viewer to be what the stream has; it has kInvitationMs to answer, then it is removed. Calls back exactly once,
  // with our offer in place of the answer. Errors: conflict, unavailable as of add(); timeout, internal.
  void invite (bool loopback, const RegistrySettings &settings,
      AddCallback done);
  // The answer to that; then there is a viewer of the same id. Errors: not_found, those of negotiation::read_answer()
  // (it may try again), unprocessable (there is no offer to answer, or not yet).
  void answer (const std::string &id, std::string_view answer,
      std::function<void (Result<void>)> done);
  // What a viewer's fragment (RFC 8840) asks for: candidates, or an ICE restart. Errors: those of
  // negotiation::read_fragment(), not_found, conflict (not answered yet), unprocessable (no restart on this transport).
  Result<IceReply> update_ice (const std::string &id,
      std::string_view fragment);
  // false: no such viewer.
  bool remove (const std::string &id, const std::string &reason);
  // No new viewers; those there are sent all, BYE and close_notify; then done.
  void drain (unsigned timeout_ms, std::function<void ()> done);
  // Closes those that have this medium. They may come again.
  void close_those_of (Media media, const std::string &reason);
  // Closes all at once, and refuses new ones.
  void close_all (const std::string &reason);
  // Viewers are welcome (again).
  void open () { accepting_ = true; }
  // Waits until what was closed has given its threads and descriptors back. Not on the control thread.
  void wait_torn_down () { transport_.wait_torn_down (); }

  // Any thread: the viewers of this moment.
  std::shared_ptr<const ViewerList> snapshot () const
  {
    return snapshot_.load ();
  }
  bool accepting () const { return accepting_; }

  // WHEP's own default for a counter-offer.
  static constexpr unsigned kInvitationMs = 30000;

private:
  // A viewer to be.
  struct Invited
  {
    transport::ViewerConfig config; // its plan is still empty
    negotiation::StreamDescription stream; // as it was offered
    AddCallback offered; // until it is
    Timer expiry; // from then on
  };

  struct Entry
  {
    std::shared_ptr<transport::Viewer> viewer;
    AddCallback answer; // until answered
    negotiation::IceParameters ice; // the viewer's present ones
    std::size_t candidates = 0; // that it has sent besides its offer
  };

  void viewer_answered (transport::Viewer &viewer, std::string sdp) override;
  void viewer_state_changed (transport::Viewer &viewer,
      transport::ViewerState state) override;
  void viewer_ended (transport::Viewer &viewer, Error reason) override;
  void viewer_drained (transport::Viewer &viewer) override;
  void remove_entry (std::map<std::string, Entry>::iterator entry,
      const Error &reason);
  // Is the stream there, and may it have one viewer more?
  Result<negotiation::StreamDescription> check_room (
      const RegistrySettings &settings) const;
  // All of a viewer but its plan. Error: no address.
  Result<transport::ViewerConfig> new_config (bool loopback,
      const RegistrySettings &settings);
  void start (std::shared_ptr<transport::Viewer> viewer, AddCallback done);
  void invitation_ready (const std::string &id,
      Result<negotiation::LocalDescription> local);
  void remove_invited (std::map<std::string, Invited>::iterator invited,
      const Error &reason);
  void drop_invited (const std::string &reason);
  void publish ();

  Hub &hub_;
  transport::Transport &transport_;
  RegistryObserver &observer_;
  Ref<GMainContext> control_;
  Ref<GstClock> clock_;
  GstClockTime base_time_ = 0;
  std::map<std::string, Entry> viewers_;
  std::map<std::string, Invited> invited_;
  std::uint64_t next_id_ = 1;
  std::vector<std::function<void ()>>
      drained_; // called when the last viewer is gone
  std::atomic<bool> accepting_{true};
  std::atomic<std::shared_ptr<const ViewerList>> snapshot_;
};

} // namespace restream::sink
