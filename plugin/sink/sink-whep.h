// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/sink/viewer-registry.h"
#include "plugin/whep/server.h"
#include "web/pages.h"

#include <memory>

namespace restream::sink {

// The sink's own web server: WHEP at /whep, the player page at /.
// Thread: control.
class SinkWhep final : private whep::Backend
{
public:
  // Errors: unavailable (the port cannot be listened on), bad_request (no such address).
  static Result<std::unique_ptr<SinkWhep>> create (const std::string &address,
      unsigned port, ViewerRegistry &registry,
      std::function<RegistrySettings ()> settings);
  ~SinkWhep () override;

  void viewer_removed (const std::string &id)
  {
    server_->viewer_removed ("", id);
  }
  unsigned port () const;

private:
  SinkWhep (Ref<SoupServer> soup, ViewerRegistry &registry,
      std::function<RegistrySettings ()> settings);
  Result<void> check_stream (const std::string &stream) override;
  void add_viewer (whep::OfferRequest request,
      whep::AnswerCallback callback) override;
  void remove_viewer (const std::string &stream,
      const std::string &viewer_id) override;

  Ref<SoupServer> soup_;
  ViewerRegistry &registry_;
  std::function<RegistrySettings ()> settings_;
  std::unique_ptr<whep::Server> server_;
  web::Pages pages_;
};

} // namespace restream::sink
