// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/app.h"

#include "common/random.h"
#include "controller/config/host-port.h"
#include "controller/http/config-routes.h"
#include "controller/log.h"
#include "plugin/whep/ice-servers.h"
#include "plugin/whep/route.h"

#include <gio/gio.h>

namespace restream {

namespace {

ManagerSettings
manager_settings (const Config &config)
{
  ManagerSettings settings;
  settings.ffmpeg.binary = config.ffmpeg_binary;
  settings.ffmpeg.log_lines = config.ffmpeg_log_max_lines;
  settings.ffmpeg.log_history = config.ffmpeg_log_max_history;
  settings.max_processes = config.ffmpeg_max_processes;
  Owned<char> storage (
      g_canonicalize_filename (config.storage_disk_dir.c_str (), nullptr));
  settings.storage_dir = storage.get ();
  return settings;
}

Result<std::shared_ptr<const AccessRules>>
access_rules (const Config &config)
{
  AccessSettings settings;
  settings.input_allow = config.ffmpeg_access_input_allow;
  settings.input_block = config.ffmpeg_access_input_block;
  settings.output_allow = config.ffmpeg_access_output_allow;
  settings.output_block = config.ffmpeg_access_output_block;
  settings.confine = parse_confine (config.ffmpeg_access_confine)
                         .value_or (Confine::everything);
  settings.storage_dir = config.storage_disk_dir;
  settings.other_dirs = config.ffmpeg_access_folders;
  Owned<char> working (g_get_current_dir ());
  settings.working_dir = working.get ();
  auto rules = AccessRules::create (settings);
  if (!rules)
    return rules.error ();
  return std::shared_ptr<const AccessRules> (
      std::make_shared<const AccessRules> (*std::move (rules)));
}

bool
is_loopback_host (const std::string &host)
{
  auto address =
      Ref<GInetAddress>::adopt (g_inet_address_new_from_string (host.c_str ()));
  return address && g_inet_address_get_is_loopback (address.get ());
}

} // namespace

App::App (Config config, std::shared_ptr<ConfigStore> store)
    : config_ (std::move (config)), config_store_ (std::move (store)),
      made_up_id_ (make_short_id ()), made_up_secret_ (random_token (32)),
      server_ (whep::new_http_server ()),
      pages_ (server_.get (), web::Site::daemon),
      manager_ (manager_settings (config_)),
      webrtc_ (config_, webrtc_environment ()), skills_ (config_.ffmpeg_binary)
{
  add_api ();
  whep::ServerOptions options;
  options.prefixes = {"/api/v3/whep", "/whep"};
  options.named_streams = true;
  options.requests_per_second = unsigned (config_.whep_rate_limit);
  options.base_path = whep::forwarded_prefix (config_.whep_base_path.c_str ());
  for (const std::string &text : config_.whep_ice_servers)
    if (auto server = whep::parse_ice_server (text)) // checked on loading
      options.ice_servers.list.push_back (std::move (*server));
  options.ice_servers.turn_secret = config_.whep_turn_secret;
  options.ice_servers.turn_ttl_s = unsigned (config_.whep_turn_ttl_s);
  whep_ = std::make_unique<whep::Server> (server_.get (), webrtc_, options);
  manager_.set_hooks (&webrtc_);
}

void
App::add_api ()
{
  api_ = std::make_unique<ApiServer> (server_.get (),
      ApiOptions{config_.api_read_only, config_.host_name,
          config_.storage_cors_origins});
  ApiInfo info;
  info.id = config_.id.empty () ? made_up_id_ : config_.id;
  info.created_at_us = started_at_us_;
  info.name = config_.name;
  ApiParts parts{manager_, skills_, std::move (info),
      [this] (const std::string &id) { return webrtc_.state (id).viewers; },
      config_.metrics_enable_prometheus};
  if (config_.api_auth_enable) {
    LoginSettings settings;
    settings.user = config_.api_auth_username;
    settings.password = config_.api_auth_password;
    // A reload logs nobody out.
    settings.secret = config_.api_auth_jwt_secret.empty ()
        ? made_up_secret_
        : config_.api_auth_jwt_secret;
    settings.not_for_localhost = config_.api_auth_disable_localhost;
    login_ = std::make_unique<Login> (std::move (settings));
    login_->add_routes (api_->router ());
    api_->set_guard (
        [this] (const Request &request) { return login_->check (request); });
    parts.info.auths.push_back ("localjwt");
  }
  add_routes (api_->router (), parts);
  add_config_routes (api_->router (), *config_store_,
      [this] { return reload (); });
}

WebrtcSubsystem::Environment
App::webrtc_environment ()
{
  WebrtcSubsystem::Environment environment;
  environment.process = [this] (const std::string &id) {
    const Task *task = manager_.find (id);
    return task ? &task->config () : nullptr;
  };
  environment.viewer_removed = [this] (const std::string &id,
                                   const std::string &viewer) {
    if (whep_)
      whep_->viewer_removed (id, viewer);
  };
  environment.stream_changed = [this] (const std::string &id) {
    if (whep_)
      whep_->stream_changed (id);
  };
  environment.stream_ends = [this] (const std::string &id) {
    if (whep_)
      whep_->ask_to_reconnect (id);
  };
  environment.note = [this] (const std::string &id, const std::string &text) {
    manager_.note (id, text);
  };
  return environment;
}

App::~App ()
{
  manager_.set_hooks (nullptr);
  soup_server_disconnect (server_.get ());
}

Result<void>
App::listen_on (const std::string &where, SoupServerListenOptions options)
{
  auto address = parse_address (where);
  if (!address)
    return address.error ();
  Owned<GError> error;
  bool ok;
  if (address->host.empty ()) {
    ok = soup_server_listen_all (server_.get (), address->port, options,
        out (error));
  } else {
    auto socket = Ref<GSocketAddress>::adopt (
        g_inet_socket_address_new_from_string (address->host.c_str (),
            address->port));
    ok = soup_server_listen (server_.get (), socket.get (), options,
        out (error));
  }
  if (!ok)
    return Error::from (error.get ()).wrap ("cannot listen on " + where);
  // The sockets that were not there before.
  bool https = options & SOUP_SERVER_LISTEN_HTTPS;
  GSList *sockets = soup_server_get_listeners (server_.get ());
  for (GSList *item = sockets; item; item = item->next)
    listeners_.try_emplace (static_cast<GSocket *> (item->data), https);
  g_slist_free (sockets);
  if (!config_.api_auth_enable && !is_loopback_host (address->host))
    log_event (G_LOG_LEVEL_WARNING, "",
        "whoever reaches " + where
            + " may use the process API: see api.auth.enable");
  return {};
}

Result<void>
App::listen ()
{
  if (auto ok = listen_on (config_.address, SoupServerListenOptions (0)); !ok)
    return ok;
  if (!config_.tls_enable)
    return {};
  auto tls = TlsFiles::create (server_.get (), config_.tls_cert_file,
      config_.tls_key_file);
  if (!tls)
    return tls.error ().wrap ("TLS");
  tls_ = *std::move (tls);
  return listen_on (config_.tls_address, SOUP_SERVER_LISTEN_HTTPS);
}

std::vector<std::string>
App::addresses () const
{
  // Not soup_server_get_uris(): libsoup 3.2 leaks the addresses it looks up.
  std::vector<std::string> list;
  for (const auto &[socket, https] : listeners_) {
    auto address = Ref<GSocketAddress>::adopt (
        g_socket_get_local_address (socket, nullptr));
    if (!address)
      continue;
    // "host:port", with brackets around an IPv6 host
    Owned<char> text (
        g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address.get ())));
    list.push_back (
        std::string (https ? "https://" : "http://") + text.get () + "/");
  }
  return list;
}

Result<void>
App::restore ()
{
  if (config_.db_dir.empty ())
    return {};
  auto folder = StateFolder::open (config_.db_dir);
  if (!folder)
    return folder.error ();
  std::string set_aside;
  auto state = (*folder)->load (set_aside);
  if (!state)
    return state.error ();
  if (!set_aside.empty ())
    log_event (G_LOG_LEVEL_CRITICAL, "", set_aside);
  store_ = std::make_shared<DbStore> (*std::move (folder), *state);
  manager_.restore_app_metadata (std::move (state->app_metadata));
  for (ProcessRecord &record : state->processes)
    if (auto ok = manager_.restore (std::move (record)); !ok)
      return ok.error ().wrap ("restoring a process");
  manager_.set_store (store_.get ());
  return {};
}

Result<void>
App::start ()
{
  auto access = access_rules (config_);
  if (!access)
    return access.error ();
  manager_.set_access (*std::move (access));
  if (auto ok = restore (); !ok)
    return ok;
  if (auto ok = listen (); !ok)
    return ok;
  for (const std::string &address : addresses ())
    log_event (G_LOG_LEVEL_INFO, "", "listening on " + address);
  manager_.start_ordered ();
  return {};
}

Result<void>
App::reload ()
{
  if (tls_)
    tls_->look ();
  auto config = config_store_->reload ();
  auto access = config ? access_rules (*config) : config.error ();
  if (!access) {
    log_event (G_LOG_LEVEL_WARNING, "",
        "the configuration is not reloaded: " + access.error ().what);
    return access.error ();
  }
  for (const std::string &name : need_restart (config_, *config))
    log_event (G_LOG_LEVEL_WARNING, "", name + ": changes with a restart only");
  config_ = *std::move (config);
  manager_.set_access (*std::move (access));
  LogLevel level = LogLevel::info;
  parse_log_level (config_.log_level, level); // valid: checked
  log_init (level);
  log_keep (config_.log_max_lines);
  log_event (G_LOG_LEVEL_INFO, "", "the configuration is reloaded");
  // Later: it may be the API that asks.
  renew_api_ = Timer (nullptr, 0, [this] {
    api_.reset ();
    login_.reset ();
    add_api ();
    return false;
  });
  return {};
}

void
App::stop (std::function<void ()> done)
{
  log_event (G_LOG_LEVEL_INFO, "", "stopping");
  manager_.shut_down ([this, done = std::move (done)] {
    if (!store_)
      return done ();
    // What is still on its way to the file; how that ended is in the log.
    store_->commit ([done] (Result<void>) { done (); });
  });
}

} // namespace restream
