// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/auth/login.h"
#include "controller/config/config.h"
#include "controller/config/config-store.h"
#include "controller/http/api-server.h"
#include "controller/http/routes.h"
#include "controller/http/tls.h"
#include "controller/process/process-manager.h"
#include "controller/skills/skills-reader.h"
#include "controller/store/db-store.h"
#include "controller/webrtc-subsystem.h"
#include "plugin/whep/server.h"
#include "web/pages.h"

#include <libsoup/soup.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// The daemon: everything it is made of, and the order in which it comes and goes.
// Thread: main.
class App
{
public:
  // store: where config comes from, and where the API keeps changes of it.
  App (Config config, std::shared_ptr<ConfigStore> store);
  ~App ();
  App (const App &) = delete;
  App &operator= (const App &) = delete;

  // What was stored is taken in, HTTP listens, and what is ordered to run is started.
  Result<void> start ();
  // No new request; every process ends as on a stop, its order kept. done when all have.
  void stop (std::function<void ()> done);
  // Reads the configuration and the certificate anew. What only a restart changes is told in the log; an error
  // leaves all as it was.
  Result<void> reload ();
  // Where HTTP listens.
  std::vector<std::string> addresses () const;

private:
  Result<void> listen ();
  Result<void> listen_on (const std::string &where,
      SoupServerListenOptions options);
  Result<void> restore ();
  WebrtcSubsystem::Environment webrtc_environment ();
  void add_api ();

  Config config_;
  const std::shared_ptr<ConfigStore> config_store_;
  const std::string made_up_id_, made_up_secret_;
  const std::int64_t started_at_us_ = g_get_real_time ();
  Ref<SoupServer> server_;
  std::map<GSocket *, bool> listeners_; // the server's; true = HTTPS
  std::shared_ptr<TlsFiles> tls_; // null = no HTTPS
  web::Pages pages_; // and all that nobody else answers
  std::shared_ptr<DbStore> store_; // null = nothing is kept
  ProcessManager manager_;
  WebrtcSubsystem webrtc_;
  SkillsReader skills_;
  std::unique_ptr<Login> login_; // null = none is asked for
  std::unique_ptr<ApiServer> api_;
  std::unique_ptr<whep::Server> whep_;
  Timer renew_api_;
};

} // namespace restream
