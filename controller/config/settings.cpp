// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config/settings.h"

#include "controller/access/access-rules.h"
#include "controller/config/host-port.h"
#include "controller/log.h"
#include "plugin/whep/bearer.h"
#include "plugin/whep/ice-servers.h"
#include "plugin/whep/route.h"

#include <gio/gio.h>

#include <algorithm>

namespace restream {

namespace {

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

} // namespace

std::span<const Setting>
all_settings ()
{
  return kSettings;
}

bool
is_pattern_list (const Setting &setting)
{
  return setting.check == check_pattern;
}

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

} // namespace restream
