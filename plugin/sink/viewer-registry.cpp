// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/viewer-registry.h"

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

void
ViewerRegistry::add (std::string_view offer, bool loopback,
    const RegistrySettings &settings, AddCallback done)
{
  if (!accepting_)
    return done (
        Error{Code::conflict, "the stream is being stopped", kRetryAfterS});
  negotiation::StreamDescription stream = hub_.describe ();
  if (!clock_ || !hub_.has_media () || (!stream.video && !stream.audio))
    return done (Error{Code::conflict,
        "there is no stream yet: its source sends nothing", kRetryAfterS});
  if (!hub_.settled ())
    return done (Error{Code::conflict,
        "the stream begins: one medium has come, the other may follow",
        kRetryAfterS});
  if (settings.max_viewers && viewers_.size () >= settings.max_viewers)
    return done (Error{Code::unavailable,
        "the stream has as many viewers as it may have ("
            + std::to_string (settings.max_viewers) + ")",
        kRetryAfterS});
  Result<negotiation::Plan> plan =
      negotiation::make_plan (offer, stream, transport_.capabilities ());
  if (!plan)
    return done (plan.error ());

  std::string id = "v" + std::to_string (next_id_++);
  transport::ViewerConfig config{
      .id = id,
      .plan = std::move (*plan),
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
  };
  if (config.addresses.empty ())
    return done (Error{Code::unavailable,
        "the machine has no address that viewers could be served on"});

  Result<std::shared_ptr<transport::Viewer>> made =
      transport_.make_viewer (std::move (config), *this);
  if (!made)
    return done (made.error ());
  std::shared_ptr<transport::Viewer> viewer = std::move (*made);
  viewers_.emplace (id, Entry{viewer, std::move (done)});
  publish ();
  observer_.viewer_added (id);
  viewer->start ();
}

bool
ViewerRegistry::remove (const std::string &id, const std::string &reason)
{
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
  if (viewers_.empty ())
    return done ();
  drained_.push_back (std::move (done));
  // A viewer may leave the map meanwhile, so go by the snapshot.
  std::shared_ptr<const ViewerList> viewers = snapshot_.load ();
  for (const std::shared_ptr<transport::Viewer> &viewer : *viewers)
    viewer->drain (timeout_ms);
}

void
ViewerRegistry::close_those_of (Media media, const std::string &reason)
{
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
  while (!viewers_.empty ())
    remove_entry (viewers_.begin (), {Code::conflict, reason, kRetryAfterS});
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
