// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "controller/json.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

// The daemon's configuration. The defaults are here; names, environment
// variables, bounds and texts are in the table of config.cpp, and nowhere else.
struct Config
{
  std::string id; // "" = made up at start
  std::string name = "rtprestreamd";
  std::string address = "127.0.0.1:8080";
  std::vector<std::string> host_name;
  std::string log_level = "info";
  std::uint64_t log_max_lines = 1000;
  bool api_read_only = false;
  std::string storage_disk_dir = "./data";
  bool api_auth_enable = false;
  bool api_auth_disable_localhost = false;
  std::string api_auth_username, api_auth_password;
  std::string api_auth_jwt_secret; // "" = made up at start

  bool tls_enable = false;
  std::string tls_address = "127.0.0.1:8181";
  std::string tls_cert_file, tls_key_file;

  std::vector<std::string> storage_cors_origins;
  bool metrics_enable_prometheus = false;
  std::string db_dir = "./config"; // "" = nothing is kept

  std::string ffmpeg_binary = "ffmpeg";
  std::uint64_t ffmpeg_max_processes = 0;
  std::vector<std::string> ffmpeg_access_input_allow, ffmpeg_access_input_block;
  std::vector<std::string> ffmpeg_access_output_allow,
      ffmpeg_access_output_block;
  std::string ffmpeg_access_confine = "everything";
  std::vector<std::string> ffmpeg_access_folders;
  std::uint64_t ffmpeg_log_max_lines = 50;
  std::uint64_t ffmpeg_log_max_history = 3;

  bool webrtc_enable = true;
  std::string webrtc_transport; // "" = the sink's own default
  std::uint64_t webrtc_udp_port = 8189;
  std::uint64_t webrtc_io_threads = 0;
  std::uint64_t webrtc_gop_cache_mbytes = 16;
  std::uint64_t webrtc_gop_cache_sec = 12;
  std::uint64_t webrtc_start_bitrate_kbit = 30000;
  std::vector<std::string> webrtc_announced_addresses;
  std::vector<std::string> webrtc_interfaces;
  std::uint64_t webrtc_min_port = 0;
  std::uint64_t webrtc_max_port = 0;
  std::uint64_t webrtc_max_viewers = 0;
  std::uint64_t webrtc_max_viewers_per_process = 0;
  std::uint64_t webrtc_drain_timeout_ms = 2000;

  std::string whep_token; // "" = none is needed
  std::uint64_t whep_rate_limit = 20;
  std::string whep_base_path;
  std::vector<std::string> whep_ice_servers;
  std::string whep_turn_secret;
  std::uint64_t whep_turn_ttl_s = 12 * 3600;
};

// What loading found. Usable only if there are no errors.
struct LoadedConfig
{
  Config config;
  std::vector<std::string> errors; // all of them, not the first
  std::vector<std::string> warnings; // settings that nobody knows
  std::vector<std::string> overrides; // settings that the environment has set
  Config of_file; // without the environment
};

// The environment, as g_getenv() sees it; a function, so that tests have their own.
using Environment =
    std::function<std::optional<std::string> (const char *name)>;

// Reads the file (path "" = none), then the environment over it.
LoadedConfig load_config (const std::string &path,
    const Environment &environment);
// The same from the file's text; for tests and the fuzzer.
LoadedConfig parse_config (std::string_view text,
    const Environment &environment);
// The object's settings over those of base, then the environment. What is wrong begins with the setting's
// name and ": ".
LoadedConfig lay_over (const Config &base, JsonObject *object,
    const Environment &environment);
Environment process_environment ();

// All settings, as the file has them.
void write_config (JsonWriter &json, const Config &config);
// The settings of the one that are otherwise in the other, and that only a restart changes.
std::vector<std::string> need_restart (const Config &one, const Config &other);

// The table of all settings in Markdown, as docs/configuration.md has it.
std::string config_table ();

} // namespace restream
