// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/channel.h"
#include "controller/config/config.h"
#include "controller/process/process-hooks.h"
#include "plugin/whep/backend.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace restream {

// WebRTC for the processes that ask for it: a channel from an ordered start to the
// end of the ordered stop, and what WHEP needs of it. Thread: main.
class WebrtcSubsystem : public ProcessHooks, public whep::Backend
{
public:
  // What the subsystem asks and tells the rest of the daemon.
  struct Environment
  {
    // The configuration of a process; nullptr if there is none of that id.
    std::function<const ProcessConfig *(const std::string &id)> process;
    // A viewer has gone by itself.
    std::function<void (const std::string &id, const std::string &viewer)>
        viewer_removed;
    // Its media begins or ends, or it has another number of viewers.
    std::function<void (const std::string &id)> stream_changed;
    // Its viewers are about to be sent away.
    std::function<void (const std::string &id)> stream_ends;
    // A line for the process's own log.
    std::function<void (const std::string &id, const std::string &text)> note;
  };

  WebrtcSubsystem (const Config &config, Environment environment);
  ~WebrtcSubsystem () override;

  Result<void> on_process_start (const std::string &id,
      const ProcessConfig &config) override;
  std::vector<std::string> run_arguments (const std::string &id,
      const ProcessConfig &config) override;
  void before_process_stop (const std::string &id) override;
  void on_process_stop (const std::string &id,
      std::function<void ()> done) override;

  Result<void> check_stream (const std::string &stream) override;
  std::string token (const std::string &stream) override;
  whep::StreamState state (const std::string &stream) override;
  void add_viewer (whep::OfferRequest request,
      whep::AnswerCallback callback) override;
  void invite_viewer (whep::OfferRequest request,
      whep::AnswerCallback callback) override;
  void answer_viewer (const std::string &stream, const std::string &viewer_id,
      const std::string &answer, whep::DoneCallback callback) override;
  void update_ice (const std::string &stream, const std::string &viewer_id,
      const std::string &fragment, whep::IceCallback callback) override;
  void remove_viewer (const std::string &stream,
      const std::string &viewer_id) override;

  std::size_t channel_count () const { return channels_.size (); }

private:
  Channel *find (const std::string &id) const;
  ChannelOptions channel_options (const WebrtcOptions &options) const;
  std::size_t viewer_count () const;
  // May the stream have one viewer more?
  Result<Channel *> channel_with_room (const std::string &stream);

  const Config &config_;
  const Environment environment_;
  std::map<std::string, std::shared_ptr<Channel>> channels_;
};

} // namespace restream
