// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config.h"

#include "controller/access/access-rules.h"
#include "controller/json.h"
#include "controller/log.h"
#include "plugin/whep/bearer.h"
#include "plugin/whep/ice-servers.h"
#include "plugin/whep/route.h"

#include <gio/gio.h>

#include <algorithm>
#include <cstring>
#include <variant>

namespace restream {

namespace {

using Member = std::variant<std::string Config::*, bool Config::*,
    std::uint64_t Config::*, std::vector<std::string> Config::*>;
// Says what is wrong with a text value, "" if nothing.
using TextCheck = std::string (*) (const std::string &);

struct Setting
{
  const char *name; // in the file: nested objects, here with dots
  const char *env;
  Member member;
  const char *doc;
  std::uint64_t max = 0; // of numbers; 0 = 2^53
  TextCheck check = nullptr;
};

std::string
check_address (const std::string &text)
{
  auto address = parse_address (text);
  return address ? "" : address.error ().what;
}

std::string
check_log_level (const std::string &text)
{
  LogLevel level;
  return parse_log_level (text, level)
      ? ""
      : "silent, error, warn, info or debug expected";
}

std::string
check_not_empty (const std::string &text)
{
  return text.empty () ? "must not be empty" : "";
}

std::string
check_transport (const std::string &text)
{
  return text.empty () || text == "webrtcbin" || text == "native"
      ? ""
      : "native or webrtcbin expected";
}

std::string
check_ip (const std::string &text)
{
  return g_hostname_is_ip_address (text.c_str ())
      ? ""
      : "not an IP address: " + text;
}

std::string
check_token (const std::string &text)
{
  return text.empty () || whep::is_bearer_token (text)
      ? ""
      : "letters, digits and -._~+/ expected";
}

std::string
check_base_path (const std::string &text)
{
  return text.empty () || !whep::forwarded_prefix (text.c_str ()).empty ()
      ? ""
      : "a plain path such as /video expected";
}

std::string
check_ice_server (const std::string &text)
{
  auto server = whep::parse_ice_server (text);
  return server ? "" : server.error ().what;
}

std::string
check_confine (const std::string &text)
{
  return parse_confine (text) ? "" : "everything, outputs or nothing expected";
}

// "" is no path that we could use.
std::string
check_folder (const std::string &text)
{
  return g_path_is_absolute (text.c_str ())
      ? ""
      : "an absolute path expected, not '" + text + "'";
}

const Setting kSettings[] = {
    {"id", "CORE_ID", &Config::id,
        "Id of this instance; made up at each start if empty."},
    {"name", "CORE_NAME", &Config::name,
        "Name of this instance, shown to clients."},
    {"address", "CORE_ADDRESS", &Config::address,
        "Where HTTP listens: `host:port`, `:port` for all addresses, port 0 "
        "for any free one.",
        0, check_address},
    {"host.name", "CORE_HOST_NAME", &Config::host_name,
        "Host names under which clients ask the process API; `localhost` and "
        "IP "
        "addresses always may. Guards against DNS rebinding.",
        0, check_not_empty},
    {"log.level", "CORE_LOG_LEVEL", &Config::log_level,
        "`silent`, `error`, `warn`, `info` or `debug`.", 0, check_log_level},
    {"log.max_lines", "CORE_LOG_MAX_LINES", &Config::log_max_lines,
        "Events of the daemon's log kept for the API.", 10000},
    {"api.read_only", "CORE_API_READ_ONLY", &Config::api_read_only,
        "No route that changes anything."},
    {"storage.disk.dir", "CORE_STORAGE_DISK_DIR", &Config::storage_disk_dir,
        "Folder of the processes' files: `{diskfs}` in their configuration, "
        "and where their cleanup rules apply.",
        0, check_not_empty},
    {"api.auth.enable", "CORE_API_AUTH_ENABLE", &Config::api_auth_enable,
        "The process API asks for a login."},
    {"api.auth.disable_localhost", "CORE_API_AUTH_DISABLE_LOCALHOST",
        &Config::api_auth_disable_localhost,
        "But not from clients on this machine, if no proxy says that it asks "
        "for somebody else."},
    {"api.auth.username", "CORE_API_AUTH_USERNAME", &Config::api_auth_username,
        "Who may log in."},
    {"api.auth.password", "CORE_API_AUTH_PASSWORD", &Config::api_auth_password,
        "The password."},
    {"api.auth.jwt.secret", "CORE_API_AUTH_JWT_SECRET",
        &Config::api_auth_jwt_secret,
        "What tokens are signed with, besides; made up at each start if "
        "empty: then tokens end with the daemon."},
    {"tls.enable", "CORE_TLS_ENABLE", &Config::tls_enable,
        "HTTPS, besides HTTP."},
    {"tls.address", "CORE_TLS_ADDRESS", &Config::tls_address,
        "Where HTTPS listens; as `address`.", 0, check_address},
    {"tls.cert_file", "CORE_TLS_CERT_FILE", &Config::tls_cert_file,
        "The certificate and those of its issuers, in this order, PEM. Read "
        "again when it changes."},
    {"tls.key_file", "CORE_TLS_KEY_FILE", &Config::tls_key_file,
        "The certificate's private key, PEM."},
    {"storage.cors.origins", "CORE_STORAGE_CORS_ORIGINS",
        &Config::storage_cors_origins,
        "Origins whose pages may use the process API, such as "
        "`https://media.example`; `*` = all.",
        0, check_not_empty},
    {"metrics.enable_prometheus", "CORE_METRICS_ENABLE_PROMETHEUS",
        &Config::metrics_enable_prometheus,
        "Metrics for Prometheus on `/metrics`, to everybody who can reach "
        "it."},
    {"db.dir", "CORE_DB_DIR", &Config::db_dir,
        "Folder of the state file `db.json`, for this daemon alone; made if it "
        "is not there. Empty = processes are not kept."},
    {"ffmpeg.binary", "CORE_FFMPEG_BINARY", &Config::ffmpeg_binary,
        "FFmpeg: a path, or a name looked up in `PATH`.", 0, check_not_empty},
    {"ffmpeg.max_processes", "CORE_FFMPEG_MAXPROCESSES",
        &Config::ffmpeg_max_processes,
        "Processes that may run at a time; 0 = no limit."},
    {"ffmpeg.access.input.allow", "CORE_FFMPEG_ACCESS_INPUT_ALLOW",
        &Config::ffmpeg_access_input_allow,
        "Regular expressions, one of which an input's address must match; "
        "empty = all may be. Separated by spaces.",
        0, check_pattern},
    {"ffmpeg.access.input.block", "CORE_FFMPEG_ACCESS_INPUT_BLOCK",
        &Config::ffmpeg_access_input_block,
        "Regular expressions, none of which it may match.", 0, check_pattern},
    {"ffmpeg.access.output.allow", "CORE_FFMPEG_ACCESS_OUTPUT_ALLOW",
        &Config::ffmpeg_access_output_allow,
        "The same for outputs; a file's address is `file:` and its path.", 0,
        check_pattern},
    {"ffmpeg.access.output.block", "CORE_FFMPEG_ACCESS_OUTPUT_BLOCK",
        &Config::ffmpeg_access_output_block, "The same for outputs.", 0,
        check_pattern},
    {"ffmpeg.access.confine", "CORE_FFMPEG_ACCESS_CONFINE",
        &Config::ffmpeg_access_confine,
        "What has to be in `storage.disk.dir` if it is a file: `everything` "
        "(inputs, outputs, what options name), `outputs`, or `nothing`.",
        0, check_confine},
    {"ffmpeg.access.folders", "CORE_FFMPEG_ACCESS_FOLDERS",
        &Config::ffmpeg_access_folders,
        "Further folders whose files inputs and options may name.", 0,
        check_folder},
    {"ffmpeg.log.max_lines", "CORE_FFMPEG_LOG_MAX_LINES",
        &Config::ffmpeg_log_max_lines,
        "Lines of FFmpeg's log kept per process.", 10000},
    {"ffmpeg.log.max_history", "CORE_FFMPEG_LOG_MAX_HISTORY",
        &Config::ffmpeg_log_max_history,
        "Logs of earlier runs kept per process.", 100},
    {"webrtc.enable", "CORE_WEBRTC_ENABLE", &Config::webrtc_enable,
        "WebRTC for the processes that ask for it."},
    {"webrtc.transport", "CORE_WEBRTC_TRANSPORT", &Config::webrtc_transport,
        "What carries streams to viewers: `native` or `webrtcbin`; empty = the "
        "default of `rtprestreamsink`. A process may have its own.",
        0, check_transport},
    {"webrtc.udp_port", "CORE_WEBRTC_UDP_PORT", &Config::webrtc_udp_port,
        "UDP and TCP port of the native transport, for all viewers of all "
        "processes; 0 = any, another one for each process.",
        65535},
    {"webrtc.io_threads", "CORE_WEBRTC_IO_THREADS", &Config::webrtc_io_threads,
        "Threads of the native transport; 0 = as many as cores.", 64},
    {"webrtc.gop_cache_mbytes", "CORE_WEBRTC_GOP_CACHE_MBYTES",
        &Config::webrtc_gop_cache_mbytes,
        "Most that is kept of a stream since its last keyframe, in MiB, so "
        "that new viewers have a picture at once; 0 = they wait for the next.",
        256},
    {"webrtc.gop_cache_sec", "CORE_WEBRTC_GOP_CACHE_SEC",
        &Config::webrtc_gop_cache_sec, "The same as a time, in seconds.", 60},
    {"webrtc.start_bitrate_kbit", "CORE_WEBRTC_START_BITRATE_KBIT",
        &Config::webrtc_start_bitrate_kbit,
        "At what rate new viewers get what is kept, in kbit/s, or at one and a "
        "half times the rate of the stream where that is more.",
        4000000},
    {"webrtc.announced_addresses", "CORE_WEBRTC_ANNOUNCED_ADDRESSES",
        &Config::webrtc_announced_addresses,
        "IP addresses to announce to viewers besides the machine's own (behind "
        "NAT).",
        0, check_ip},
    {"webrtc.interfaces", "CORE_WEBRTC_INTERFACES", &Config::webrtc_interfaces,
        "Network interfaces that viewers may reach; empty = all.", 0,
        check_not_empty},
    {"webrtc.min_port", "CORE_WEBRTC_MIN_PORT", &Config::webrtc_min_port,
        "Lowest UDP port for viewers on `webrtcbin`; 0 = any.", 65535},
    {"webrtc.max_port", "CORE_WEBRTC_MAX_PORT", &Config::webrtc_max_port,
        "Highest UDP port for viewers on `webrtcbin`; 0 = any.", 65535},
    {"webrtc.max_viewers", "CORE_WEBRTC_MAX_VIEWERS",
        &Config::webrtc_max_viewers,
        "Viewers of all processes together; 0 = no limit.", 1000000},
    {"webrtc.max_viewers_per_process", "CORE_WEBRTC_MAX_VIEWERS_PER_PROCESS",
        &Config::webrtc_max_viewers_per_process,
        "Viewers of one process; 0 = no limit.", 1000000},
    {"webrtc.drain_timeout_ms", "CORE_WEBRTC_DRAIN_TIMEOUT_MS",
        &Config::webrtc_drain_timeout_ms,
        "How long a stopped process waits for its viewers' farewell, in "
        "milliseconds.",
        60000},
    {"whep.token", "CORE_WHEP_TOKEN", &Config::whep_token,
        "Bearer token that WHEP requests must have; empty = none. A process "
        "may have its own.",
        0, check_token},
    {"whep.rate_limit", "CORE_WHEP_RATE_LIMIT", &Config::whep_rate_limit,
        "WHEP requests (POST, PATCH, DELETE) per second of a client address, "
        "ten seconds' worth at once; 0 = no limit. Clients on this machine "
        "are not counted.",
        100000},
    {"whep.base_path", "CORE_WHEP_BASE_PATH", &Config::whep_base_path,
        "Path prefix that a reverse proxy takes off, such as `/video`, if it "
        "does not say so in `X-Forwarded-Prefix`.",
        0, check_base_path},
    {"whep.ice_servers", "CORE_WHEP_ICE_SERVERS", &Config::whep_ice_servers,
        "STUN and TURN servers to tell viewers of: `stun:host:port`, "
        "`turn:user:password@host:port?transport=udp`.",
        0, check_ice_server},
    {"whep.turn_secret", "CORE_WHEP_TURN_SECRET", &Config::whep_turn_secret,
        "Secret shared with the TURN servers that have no user and password "
        "above (coturn: `use-auth-secret`), for credentials that run out."},
    {"whep.turn_ttl_s", "CORE_WHEP_TURN_TTL_S", &Config::whep_turn_ttl_s,
        "How long those are valid, in seconds.", 30 * 86400},
};

std::uint64_t
max_of (const Setting &setting)
{
  return setting.max ? setting.max : std::uint64_t (1) << 53;
}

std::vector<std::string>
split_list (const std::string &text, const char *separators)
{
  std::vector<std::string> list;
  Owned<char *> parts (g_strsplit_set (text.c_str (), separators, -1));
  for (char **part = parts.get (); *part; part++)
    if (**part)
      list.emplace_back (*part);
  return list;
}

template <typename... F> struct Overloaded : F...
{
  using F::operator()...;
};
template <typename... F> Overloaded (F...) -> Overloaded<F...>;

Result<void>
set_from_text (Config &config, const Setting &setting, const std::string &text)
{
  return std::visit (
      Overloaded{
          [&] (std::string Config::*m) -> Result<void> {
            config.*m = text;
            return {};
          },
          [&] (bool Config::*m) -> Result<void> {
            for (const char *yes : {"true", "1", "yes", "on"})
              if (g_ascii_strcasecmp (text.c_str (), yes) == 0)
                return config.*m = true, Result<void> ();
            for (const char *no : {"false", "0", "no", "off"})
              if (g_ascii_strcasecmp (text.c_str (), no) == 0)
                return config.*m = false, Result<void> ();
            return Error{Code::bad_request, "true or false expected"};
          },
          [&] (std::uint64_t Config::*m) -> Result<void> {
            guint64 number = 0;
            if (!g_ascii_string_to_unsigned (text.c_str (), 10, 0,
                    max_of (setting), &number, nullptr))
              return Error{Code::bad_request,
                  "number from 0 to " + std::to_string (max_of (setting))
                      + " expected"};
            config.*m = number;
            return {};
          },
          [&] (std::vector<std::string> Config::*m) -> Result<void> {
            // A comma may be part of an expression.
            bool patterns = setting.check == check_pattern;
            config.*m = split_list (text, patterns ? " \t" : ", \t");
            return {};
          },
      },
      setting.member);
}

Result<void>
set_from_json (Config &config, const Setting &setting, const JsonReader &reader,
    const char *member)
{
  auto ok = std::visit ([&] (auto m) { return reader.get (member, config.*m); },
      setting.member);
  if (!ok)
    return ok;
  if (auto *m = std::get_if<std::uint64_t Config::*> (&setting.member))
    if (config.*(*m) > max_of (setting))
      return Error{Code::bad_request,
          std::string (setting.name) + ": at most "
              + std::to_string (max_of (setting))};
  return {};
}

// Walks the file's objects along the dots of the settings' names.
void
read_object (LoadedConfig &loaded, JsonObject *object,
    const std::string &prefix)
{
  JsonReader reader (object, prefix);
  GList *members = json_object_get_members (object);
  for (GList *item = members; item; item = item->next) {
    const char *member = static_cast<const char *> (item->data);
    std::string name = reader.path_of (member);
    const Setting *setting = nullptr;
    bool inner = false;
    for (const Setting &s : kSettings) {
      if (name == s.name)
        setting = &s;
      inner |= g_str_has_prefix (s.name, (name + ".").c_str ());
    }
    if (setting) {
      if (auto ok = set_from_json (loaded.config, *setting, reader, member);
          !ok)
        loaded.errors.push_back (ok.error ().what);
    } else if (inner) {
      auto child = reader.object (member);
      if (!child)
        loaded.errors.push_back (child.error ().what);
      else if (*child)
        read_object (loaded, *child, name);
    } else if (name != "version") {
      loaded.warnings.push_back (name + ": unknown setting");
    }
  }
  g_list_free (members);
}

// What the daemon is built with at its start.
bool
is_fixed (const Setting &setting)
{
  static constexpr std::string_view kFixed[] = {"address", "tls.enable",
      "tls.address", "tls.cert_file", "tls.key_file", "storage.disk.dir",
      "metrics.enable_prometheus", "db.dir", "ffmpeg.binary",
      "ffmpeg.max_processes", "ffmpeg.log.max_lines", "ffmpeg.log.max_history",
      "whep.rate_limit", "whep.base_path", "whep.ice_servers",
      "whep.turn_secret", "whep.turn_ttl_s"};
  return std::find (std::begin (kFixed), std::end (kFixed), setting.name)
      != std::end (kFixed);
}

// The settings below the prefix, as members of the object that is open.
void
write_group (JsonWriter &json, const Config &config, const std::string &prefix)
{
  std::vector<std::string> done;
  for (const Setting &setting : kSettings) {
    std::string_view name = setting.name;
    if (!name.starts_with (prefix))
      continue;
    name.remove_prefix (prefix.size ());
    std::string member (name.substr (0, name.find ('.')));
    if (std::find (done.begin (), done.end (), member) != done.end ())
      continue;
    done.push_back (member);
    json.key (member);
    if (member == name) {
      std::visit ([&] (auto m) { json.value (config.*m); }, setting.member);
    } else {
      json.begin_object ();
      write_group (json, config, prefix + member + ".");
      json.end_object ();
    }
  }
}

void
check_values (LoadedConfig &loaded)
{
  const Config &config = loaded.config;
  for (const Setting &setting : kSettings) {
    if (!setting.check)
      continue;
    auto complain = [&] (const std::string &text) {
      if (std::string wrong = setting.check (text); !wrong.empty ())
        loaded.errors.push_back (std::string (setting.name) + ": " + wrong);
    };
    if (auto *text = std::get_if<std::string Config::*> (&setting.member))
      complain (config.*(*text));
    else if (auto *list = std::get_if<std::vector<std::string> Config::*> (
                 &setting.member))
      for (const std::string &item : config.*(*list))
        complain (item);
  }
  if (config.webrtc_max_port != 0
      && config.webrtc_min_port > config.webrtc_max_port)
    loaded.errors.push_back ("webrtc.min_port: above webrtc.max_port");
  auto need = [&] (bool enabled, const std::string &value, const char *name,
                  const char *because) {
    if (enabled && value.empty ())
      loaded.errors.push_back (
          std::string (name) + ": must be set for " + because);
  };
  need (config.api_auth_enable, config.api_auth_username, "api.auth.username",
      "api.auth.enable");
  need (config.api_auth_enable, config.api_auth_password, "api.auth.password",
      "api.auth.enable");
  need (config.tls_enable, config.tls_cert_file, "tls.cert_file", "tls.enable");
  need (config.tls_enable, config.tls_key_file, "tls.key_file", "tls.enable");
}

void
read_environment (LoadedConfig &loaded, const Environment &environment)
{
  loaded.of_file = loaded.config;
  for (const Setting &setting : kSettings) {
    auto text = environment (setting.env);
    if (!text)
      continue;
    loaded.overrides.emplace_back (setting.name);
    if (auto ok = set_from_text (loaded.config, setting, *text); !ok)
      loaded.errors.push_back (
          std::string (setting.env) + ": " + ok.error ().what);
  }
}

void
read_text (LoadedConfig &loaded, std::string_view text)
{
  auto root = parse_json (text);
  if (!root)
    loaded.errors.push_back (root.error ().what);
  else if (!JSON_NODE_HOLDS_OBJECT (root->get ()))
    loaded.errors.push_back ("a JSON object expected");
  else
    read_object (loaded, json_node_get_object (root->get ()), "");
}

} // namespace

LoadedConfig
parse_config (std::string_view text, const Environment &environment)
{
  LoadedConfig loaded;
  if (!text.empty ())
    read_text (loaded, text);
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

LoadedConfig
load_config (const std::string &path, const Environment &environment)
{
  if (path.empty ())
    return parse_config ({}, environment);
  Owned<GError> error;
  Owned<char> text;
  gsize length = 0;
  if (!g_file_get_contents (path.c_str (), out (text), &length, out (error))) {
    LoadedConfig loaded = parse_config ({}, environment);
    loaded.errors.insert (loaded.errors.begin (), error->message);
    return loaded;
  }
  LoadedConfig loaded;
  read_text (loaded, {text.get (), length});
  for (std::string &wrong : loaded.errors)
    wrong = path + ": " + wrong;
  for (std::string &warning : loaded.warnings)
    warning = path + ": " + warning;
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

LoadedConfig
lay_over (const Config &base, JsonObject *object,
    const Environment &environment)
{
  LoadedConfig loaded;
  loaded.config = base;
  read_object (loaded, object, "");
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

void
write_config (JsonWriter &json, const Config &config)
{
  json.begin_object ().member ("version", 3);
  write_group (json, config, "");
  json.end_object ();
}

std::vector<std::string>
need_restart (const Config &one, const Config &other)
{
  std::vector<std::string> names;
  for (const Setting &setting : kSettings)
    if (is_fixed (setting)
        && !std::visit ([&] (auto m) { return one.*m == other.*m; },
            setting.member))
      names.emplace_back (setting.name);
  return names;
}

Environment
process_environment ()
{
  return [] (const char *name) -> std::optional<std::string> {
    const char *text = g_getenv (name);
    return text ? std::optional<std::string> (text) : std::nullopt;
  };
}

std::string
config_table ()
{
  std::string table = "| setting | environment | type | default | meaning |\n"
                      "|---|---|---|---|---|\n";
  const Config defaults;
  for (const Setting &s : kSettings) {
    auto [type, value] = std::visit (
        Overloaded{
            [&] (std::string Config::*m) {
              return std::pair<std::string, std::string> ("text", defaults.*m);
            },
            [&] (bool Config::*m) {
              return std::pair<std::string, std::string> ("boolean",
                  defaults.*m ? "true" : "false");
            },
            [&] (std::uint64_t Config::*m) {
              return std::pair<std::string, std::string> ("number",
                  std::to_string (defaults.*m));
            },
            [&] (std::vector<std::string> Config::*) {
              return std::pair<std::string, std::string> ("list", "");
            },
        },
        s.member);
    table += std::string ("| `") + s.name + "` | `" + s.env + "` | " + type
        + " | " + (value.empty () ? "" : "`" + value + "`") + " | " + s.doc
        + " |\n";
  }
  return table;
}

Result<HostPort>
parse_address (const std::string &address)
{
  Error wrong{Code::bad_request, "host:port expected, not '" + address + "'"};
  std::size_t colon = address.rfind (':');
  if (colon == std::string::npos)
    return wrong;
  HostPort result;
  guint64 port = 0;
  if (!g_ascii_string_to_unsigned (address.c_str () + colon + 1, 10, 0, 65535,
          &port, nullptr))
    return wrong;
  result.port = std::uint16_t (port);
  result.host = address.substr (0, colon);
  if (result.host.size () >= 2 && result.host.front () == '['
      && result.host.back () == ']')
    result.host = result.host.substr (1, result.host.size () - 2);
  else if (result.host.find (':') != std::string::npos)
    return wrong; // an IPv6 address without brackets
  if (result.host == "localhost")
    result.host = "127.0.0.1";
  if (!result.host.empty () && !g_hostname_is_ip_address (result.host.c_str ()))
    return Error{Code::bad_request,
        "an IP address expected, not '" + result.host + "'"};
  return result;
}

} // namespace restream
