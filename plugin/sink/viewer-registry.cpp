// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/viewer-registry.h"

#include "plugin/negotiation/counter-offer.h"
#include "plugin/negotiation/sdp-fragment.h"
#include "plugin/sink/local-addresses.h"

namespace restream::sink {

namespace {

constexpr unsigned kRetryAfterS = 2;

} // namespace

ViewerRegistry::ViewerRegistry (Hub &hub, transport::Transport &transport,
    RegistryObserver &observer, Ref<GMainContext> control)
    : hub_ (hub), transport_ (transport), observer_ (observer),
      control_ (std::move (control))
{
  publish (); // an empty list: statistics may be asked for before the first viewer
}

ViewerRegistry::~ViewerRegistry ()
{
  g_assert (viewers_.empty ());
}

void
ViewerRegistry::set_clock (Ref<GstClock> clock, GstClockTime base_time)
{
  clock_ = std::move (clock);
  base_time_ = base_time;
}

Result<negotiation::StreamDescription>
ViewerRegistry::check_room (const RegistrySettings &settings) const
{
  if (!accepting_)
    return Error{Code::conflict, "the stream is being stopped", kRetryAfterS};
  negotiation::StreamDescription stream = hub_.describe ();
  if (!clock_ || !hub_.has_media () || (!stream.video && !stream.audio))
    return Error{Code::conflict,
        "there is no stream yet: its source sends nothing", kRetryAfterS};
  if (!hub_.settled ())
    return Error{Code::conflict,
        "the stream begins: one medium has come, the other may follow",
        kRetryAfterS};
  if (settings.max_viewers
      && viewers_.size () + invited_.size () >= settings.max_viewers)
    return Error{Code::unavailable,
        "the stream has as many viewers as it may have ("
            + std::to_string (settings.max_viewers) + ")",
        kRetryAfterS};
  return stream;
}

Result<transport::ViewerConfig>
ViewerRegistry::new_config (bool loopback, const RegistrySettings &settings)
{
  transport::ViewerConfig config{
      .id = "v" + std::to_string (next_id_),
      .plan = {},
      .streams = {hub_.outgoing (Media::video), hub_.outgoing (Media::audio)},
      .cname = hub_.cname (),
      .addresses = local_addresses (settings.interfaces, loopback),
      .announced_addresses = settings.announced_addresses,
      .min_port = settings.min_port,
      .max_port = settings.max_port,
      .silence_timeout = settings.viewer_timeout,
      .clock = clock_,
      .base_time = base_time_,
      .context = control_,
      .invitation = {},
  };
  if (config.addresses.empty ())
    return Error{Code::unavailable,
        "the machine has no address that viewers could be served on"};
  next_id_++;
  return config;
}

void
ViewerRegistry::add (std::string_view offer, bool loopback,
    const RegistrySettings &settings, AddCallback done)
{
  Result<negotiation::StreamDescription> stream = check_room (settings);
  if (!stream)
    return done (stream.error ());
  Result<negotiation::Plan> plan =
      negotiation::make_plan (offer, *stream, transport_.capabilities ());
  if (!plan)
    return done (plan.error ());
  Result<transport::ViewerConfig> config = new_config (loopback, settings);
  if (!config)
    return done (config.error ());
  config->plan = std::move (*plan);
  auto viewer = transport_.make_viewer (std::move (*config), *this);
  if (!viewer)
    return done (viewer.error ());
  start (std::move (*viewer), std::move (done));
}

void
ViewerRegistry::start (std::shared_ptr<transport::Viewer> viewer,
    AddCallback done)
{
  const std::string &id = viewer->id ();
  viewers_.emplace (id, Entry{viewer, std::move (done), viewer->plan ().ice});
  publish ();
  observer_.viewer_added (id);
  viewer->start ();
}

void
ViewerRegistry::invite (bool loopback, const RegistrySettings &settings,
    AddCallback done)
{
  Result<negotiation::StreamDescription> stream = check_room (settings);
  if (!stream)
    return done (stream.error ());
  if (invited_.size () >= transport_.max_invitations ())
    return done (Error{Code::unavailable,
        "too many offers wait for their answers", kRetryAfterS});
  Result<transport::ViewerConfig> config = new_config (loopback, settings);
  if (!config)
    return done (config.error ());
  std::string id = config->id;
  std::shared_ptr<transport::Invitation> invitation =
      transport_.invite (*config, *stream);
  config->invitation = invitation;
  invited_.emplace (id,
      Invited{std::move (*config), std::move (*stream), std::move (done), {}});
  invitation->prepare (
      [this, id] (Result<negotiation::LocalDescription> local) {
        invitation_ready (id, std::move (local));
      });
}

void
ViewerRegistry::invitation_ready (const std::string &id,
    Result<negotiation::LocalDescription> local)
{
  auto found = invited_.find (id);
  if (found == invited_.end ())
    return;
  if (!local)
    return remove_invited (found, local.error ());
  Invited &invited = found->second;
  invited.expiry = Timer (control_.get (), kInvitationMs, [this, id] {
    remove (id, "it did not answer the offer in time");
    return false;
  });
  AddCallback offered = std::exchange (invited.offered, nullptr);
  offered (AddedViewer{id,
      negotiation::make_offer (invited.stream, transport_.capabilities (),
          *local)});
}

void
ViewerRegistry::answer (const std::string &id, std::string_view answer,
    std::function<void (Result<void>)> done)
{
  auto found = invited_.find (id);
  if (found == invited_.end ()) {
    if (viewers_.contains (id))
      return done (Error{Code::unprocessable,
          "the viewer has no offer to answer (any more)"});
    return done (Error{Code::not_found, "no such viewer"});
  }
  if (found->second.offered)
    return done (Error{Code::unprocessable, "the offer is not made yet"});
  Result<negotiation::Plan> plan = negotiation::read_answer (answer,
      found->second.stream, transport_.capabilities ());
  if (!plan)
    return done (plan.error ());
  transport::ViewerConfig config = std::move (found->second.config);
  config.plan = std::move (*plan);
  invited_.erase (found);
  auto viewer = transport_.make_viewer (std::move (config), *this);
  if (!viewer) {
    done (viewer.error ());
    return observer_.viewer_removed (id, viewer.error ().what);
  }
  start (std::move (*viewer),
      [done = std::move (done)] (Result<AddedViewer> added) {
        done (added ? Result<void> () : added.error ());
      });
}

Result<IceReply>
ViewerRegistry::update_ice (const std::string &id, std::string_view fragment)
{
  auto found = viewers_.find (id);
  if (found == viewers_.end ())
    return Error{Code::not_found, "no such viewer"};
  Entry &entry = found->second;
  if (entry.answer)
    return Error{Code::conflict, "the viewer's offer is not answered yet",
        kRetryAfterS};
  transport::Viewer &viewer = *entry.viewer;
  Result<negotiation::IceUpdate> update =
      negotiation::read_fragment (fragment, viewer.plan (), entry.ice);
  if (!update)
    return update.error ();
  IceReply reply;
  if (update->restart) {
    Result<negotiation::LocalTransport> local =
        viewer.restart_ice (update->ice);
    if (!local)
      return local.error ();
    entry.ice = update->ice;
    entry.candidates = 0;
    reply.restarted = true;
    reply.fragment = negotiation::make_fragment (viewer.plan (), *local);
  }
  // Those beyond the bound do no more good.
  std::size_t room = negotiation::kMaxCandidates - entry.candidates;
  if (update->candidates.size () > room)
    update->candidates.resize (room);
  entry.candidates += update->candidates.size ();
  if (!update->candidates.empty ())
    viewer.add_candidates (update->candidates);
  return reply;
}

bool
ViewerRegistry::remove (const std::string &id, const std::string &reason)
{
  if (auto invited = invited_.find (id); invited != invited_.end ()) {
    remove_invited (invited, {Code::not_found, reason});
    return true;
  }
  auto entry = viewers_.find (id);
  if (entry == viewers_.end ())
    return false;
  remove_entry (entry, {Code::not_found, reason});
  return true;
}

void
ViewerRegistry::drain (unsigned timeout_ms, std::function<void ()> done)
{
  accepting_ = false;
  drop_invited ("the stream was stopped");
  if (viewers_.empty ())
    return done ();
  observer_.draining ();
  drained_.push_back (std::move (done));
  // A viewer may leave the map meanwhile, so go by the snapshot.
  std::shared_ptr<const ViewerList> viewers = snapshot_.load ();
  for (const std::shared_ptr<transport::Viewer> &viewer : *viewers)
    viewer->drain (timeout_ms);
}

void
ViewerRegistry::close_those_of (Media media, const std::string &reason)
{
  drop_invited (reason); // they were offered what is no more
  observer_.draining ();
  // An observer may remove others meanwhile, so go by the snapshot.
  std::shared_ptr<const ViewerList> viewers = snapshot_.load ();
  for (const std::shared_ptr<transport::Viewer> &viewer : *viewers) {
    auto entry = viewers_.find (viewer->id ());
    if (entry != viewers_.end () && viewer->plan ().find (media))
      remove_entry (entry, {Code::conflict, reason, kRetryAfterS});
  }
}

void
ViewerRegistry::close_all (const std::string &reason)
{
  accepting_ = false;
  drop_invited (reason);
  while (!viewers_.empty ())
    remove_entry (viewers_.begin (), {Code::conflict, reason, kRetryAfterS});
}

void
ViewerRegistry::remove_invited (
    std::map<std::string, Invited>::iterator invited, const Error &reason)
{
  // To its end: this may be the invitation's own callback.
  auto gone = invited_.extract (invited);
  if (gone.mapped ().offered)
    gone.mapped ().offered (reason);
  else // before that, nobody knows of it
    observer_.viewer_removed (gone.key (), reason.what);
}

void
ViewerRegistry::drop_invited (const std::string &reason)
{
  while (!invited_.empty ())
    remove_invited (invited_.begin (), {Code::conflict, reason, kRetryAfterS});
}

void
ViewerRegistry::viewer_answered (transport::Viewer &viewer, std::string sdp)
{
  auto entry = viewers_.find (viewer.id ());
  if (entry == viewers_.end () || !entry->second.answer)
    return;
  AddCallback answer = std::move (entry->second.answer);
  entry->second.answer = nullptr;
  answer (AddedViewer{viewer.id (), std::move (sdp)});
}

void
ViewerRegistry::viewer_state_changed (transport::Viewer &viewer,
    transport::ViewerState state)
{
  observer_.viewer_state_changed (viewer.id (), state);
}

void
ViewerRegistry::viewer_ended (transport::Viewer &viewer, Error reason)
{
  if (auto entry = viewers_.find (viewer.id ()); entry != viewers_.end ())
    remove_entry (entry, reason);
}

void
ViewerRegistry::viewer_drained (transport::Viewer &viewer)
{
  if (auto entry = viewers_.find (viewer.id ()); entry != viewers_.end ())
    remove_entry (entry,
        {Code::conflict, "the stream was stopped", kRetryAfterS});
}

void
ViewerRegistry::remove_entry (std::map<std::string, Entry>::iterator entry,
    const Error &reason)
{
  Entry gone = std::move (entry->second);
  // Kept for now: this may be one of the viewer's own callbacks. Posted before
  // anybody is told: who hears that all are gone may end this context at once,
  // and what is posted after that never runs, and so never lets go.
  post (control_.get (), [viewer = gone.viewer] {});
  std::string id = entry->first;
  viewers_.erase (entry);
  publish ();
  gone.viewer->close ();
  if (gone.answer)
    gone.answer (reason);
  observer_.viewer_removed (id, reason.what);
  if (viewers_.empty ()) {
    for (std::function<void ()> &done : std::exchange (drained_, {}))
      done ();
  }
}

void
ViewerRegistry::publish ()
{
  auto list = std::make_shared<ViewerList> ();
  list->reserve (viewers_.size ());
  for (const auto &[id, entry] : viewers_)
    list->push_back (entry.viewer);
  snapshot_.store (list);
  transport_.set_viewers (std::move (list));
}

} // namespace restream::sink
