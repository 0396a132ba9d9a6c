// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/engine.h"

namespace restream::sink {

Engine::Engine (EngineObserver &viewers, StreamObserver &stream,
    std::unique_ptr<transport::Transport> transport)
    : observer_ (viewers), stream_observer_ (stream),
      transport_ (std::move (transport)), hub_ (*transport_),
      control_ ("rtprestreamsink"),
      registry_ (hub_, *transport_, *this,
          Ref<GMainContext>::retain (control_.context ())),
      activity_ (hub_, control_.context (), [this] { activity_changed (); })
{
  hub_.set_observer (this);
}

Engine::~Engine ()
{
  run ([this] {
    registry_.close_all ("the sink was stopped");
    whep_.reset ();
    activity_.stop ();
  });
  registry_.wait_torn_down ();
}

void
Engine::run (std::function<void ()> f)
{
  struct Done
  {
    GMutex mutex;
    GCond cond;
    bool done = false;
  } state;
  g_mutex_init (&state.mutex);
  g_cond_init (&state.cond);
  post ([&state, f = std::move (f)] {
    f ();
    g_mutex_lock (&state.mutex);
    state.done = true;
    g_cond_signal (&state.cond);
    g_mutex_unlock (&state.mutex);
  });
  g_mutex_lock (&state.mutex);
  while (!state.done)
    g_cond_wait (&state.cond, &state.mutex);
  g_mutex_unlock (&state.mutex);
  g_cond_clear (&state.cond);
  g_mutex_clear (&state.mutex);
}

Result<void>
Engine::serve (const std::string &address, unsigned port, WhepSettings whep,
    std::function<RegistrySettings ()> settings)
{
  Result<void> served;
  run ([&] {
    auto made = SinkWhep::create (address, port, registry_, activity_,
        std::move (whep), std::move (settings));
    if (made)
      whep_ = std::move (*made);
    else
      served = made.error ();
  });
  return served;
}

void
Engine::viewer_added (const std::string &id)
{
  observer_.viewer_added (id);
  if (whep_)
    whep_->stream_changed ();
}

void
Engine::viewer_state_changed (const std::string &id,
    transport::ViewerState state)
{
  observer_.viewer_state_changed (id, state);
}

void
Engine::viewer_removed (const std::string &id, const std::string &reason)
{
  if (whep_)
    whep_->viewer_removed (id);
  observer_.viewer_removed (id, reason);
}

void
Engine::waiting_for_keyframe (bool waiting)
{
  stream_observer_.waiting_for_keyframe (waiting);
}

void
Engine::b_frames ()
{
  stream_observer_.b_frames ();
}

void
Engine::large_packets (Media media, std::size_t bytes)
{
  stream_observer_.large_packets (media, bytes);
}

void
Engine::codec_changed (Media media, const std::string &what)
{
  stream_observer_.codec_changed (media, what);
  // The control thread ends before the engine does.
  post ([this, media, what] { registry_.close_those_of (media, what); });
}

void
Engine::draining ()
{
  if (whep_)
    whep_->ask_to_reconnect ();
}

void
Engine::activity_changed ()
{
  if (whep_)
    whep_->stream_changed ();
  observer_.activity_changed ();
}

} // namespace restream::sink
