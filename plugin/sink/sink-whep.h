// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/sink/activity-watch.h"
#include "plugin/sink/viewer-registry.h"
#include "plugin/whep/server.h"
#include "web/pages.h"

#include <memory>

namespace restream::sink {

// What the properties say of it, but for its address and port.
struct WhepSettings
{
  std::string token; // "" = none is needed
  unsigned requests_per_second = 20;
  std::string base_path;
  whep::IceServers ice_servers;
};

// The sink's own web server: WHEP at /whep, the player page at /.
// Thread: control.
class SinkWhep final : private whep::Backend
{
public:
  // Errors: unavailable (the port cannot be listened on), bad_request (no such address).
  static Result<std::unique_ptr<SinkWhep>> create (const std::string &address,
      unsigned port, ViewerRegistry &registry, const ActivityWatch &activity,
      WhepSettings whep, std::function<RegistrySettings ()> settings);
  ~SinkWhep () override;

  void viewer_removed (const std::string &id)
  {
    server_->viewer_removed ("", id);
  }
  void stream_changed () { server_->stream_changed (""); }
  void ask_to_reconnect () { server_->ask_to_reconnect (""); }
  unsigned port () const;

private:
  SinkWhep (Ref<SoupServer> soup, ViewerRegistry &registry,
      const ActivityWatch &activity, WhepSettings whep,
      std::function<RegistrySettings ()> settings);
  Result<void> check_stream (const std::string &stream) override;
  std::string token (const std::string &) override { return token_; }
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

  Ref<SoupServer> soup_;
  ViewerRegistry &registry_;
  const ActivityWatch &activity_;
  const std::string token_;
  std::function<RegistrySettings ()> settings_;
  std::unique_ptr<whep::Server> server_;
  web::Pages pages_;
};

} // namespace restream::sink
