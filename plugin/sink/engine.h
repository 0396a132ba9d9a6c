// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/context-thread.h"
#include "plugin/sink/activity-watch.h"
#include "plugin/sink/hub.h"
#include "plugin/sink/sink-whep.h"
#include "plugin/sink/viewer-registry.h"

#include <functional>
#include <memory>
#include <string>

namespace restream::sink {

// What the engine tells. Thread: control.
class EngineObserver : public RegistryObserver
{
public:
  virtual void activity_changed () = 0;

protected:
  ~EngineObserver () = default;
};

// The running part of a sink, from NULL→READY to READY→NULL: the hub, the control
// thread with the viewers that it owns, and the web server if there is one.
// Thread: any, not the control thread for run(), serve() and the destructor.
class Engine final : private RegistryObserver, private StreamObserver
{
public:
  // viewers: told on the control thread; stream: on the streaming threads. Both
  // outlive the engine.
  Engine (EngineObserver &viewers, StreamObserver &stream,
      std::unique_ptr<transport::Transport> transport);
  ~Engine ();
  Engine (const Engine &) = delete;
  Engine &operator= (const Engine &) = delete;

  Hub &hub () { return hub_; }
  ViewerRegistry &registry ()
  {
    return registry_;
  } // control thread, but for what it says
  bool on_control_thread () const { return control_.is_current (); }
  // Runs f on the control thread; post() returns at once, run() when it is done.
  void post (std::function<void ()> f)
  {
    restream::post (control_.context (), std::move (f));
  }
  void run (std::function<void ()> f);
  // Does media come in? Any thread.
  bool active () const { return activity_.active (); }
  // Serves WHEP and the page; the errors of SinkWhep::create().
  Result<void> serve (const std::string &address, unsigned port,
      WhepSettings whep, std::function<RegistrySettings ()> settings);

private:
  void viewer_added (const std::string &id) override;
  void viewer_state_changed (const std::string &id,
      transport::ViewerState state) override;
  void viewer_removed (const std::string &id,
      const std::string &reason) override;
  void draining () override;
  void activity_changed ();

  void waiting_for_keyframe (bool waiting) override;
  void b_frames () override;
  void large_packets (Media media, std::size_t bytes) override;
  void codec_changed (Media media, const std::string &what) override;

  EngineObserver &observer_;
  StreamObserver &stream_observer_;
  const std::unique_ptr<transport::Transport> transport_;
  Hub hub_;
  ContextThread control_;
  ViewerRegistry registry_;
  std::unique_ptr<SinkWhep> whep_; // control thread
  ActivityWatch activity_; // control thread
};

} // namespace restream::sink
