// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config/config.h"
#include "controller/config/host-port.h"

#include <glib/gstdio.h>

#include <map>

using namespace restream;

namespace {

Environment
environment (std::map<std::string, std::string> variables)
{
  return [variables] (const char *name) -> std::optional<std::string> {
    auto it = variables.find (name);
    return it == variables.end () ? std::nullopt : std::optional (it->second);
  };
}

void
defaults ()
{
  auto loaded = load_config ("", environment ({}));
  g_assert_cmpuint (loaded.errors.size (), ==, 0);
  g_assert_cmpstr (loaded.config.address.c_str (), ==, "127.0.0.1:8080");
  g_assert_true (loaded.config.webrtc_enable);
}

void
environment_wins_over_file ()
{
  auto loaded = parse_config (
      R"({"address": ":1", "name": "file", "log": {"level": "debug"},
          "webrtc": {"enable": false, "interfaces": ["eth0"], "min_port": 5000}})",
      environment ({{"CORE_ADDRESS", "[::1]:2"}, {"CORE_WEBRTC_ENABLE", "true"},
          {"CORE_WEBRTC_ANNOUNCED_ADDRESSES", "192.0.2.1, 2001:db8::1"}}));
  g_assert_cmpuint (loaded.errors.size (), ==, 0);
  g_assert_cmpuint (loaded.warnings.size (), ==, 0);
  const Config &config = loaded.config;
  g_assert_cmpstr (config.address.c_str (), ==, "[::1]:2");
  g_assert_cmpstr (config.name.c_str (), ==, "file");
  g_assert_cmpstr (config.log_level.c_str (), ==, "debug");
  g_assert_true (config.webrtc_enable);
  g_assert_true (config.webrtc_interfaces == std::vector<std::string>{"eth0"});
  g_assert_true (config.webrtc_announced_addresses
      == std::vector<std::string> ({"192.0.2.1", "2001:db8::1"}));
  g_assert_cmpuint (config.webrtc_min_port, ==, 5000);
}

void
all_errors_at_once ()
{
  auto loaded = parse_config (
      R"({"name": 5, "webrtc": {"min_port": 70000, "max_port": 10, "transport": "smoke"},
          "ffmpeg": [], "log": {"level": "loud"}})",
      environment ({{"CORE_API_READ_ONLY", "perhaps"},
          {"CORE_FFMPEG_MAXPROCESSES", "-1"}, {"CORE_ADDRESS", "here"},
          {"CORE_WEBRTC_ANNOUNCED_ADDRESSES", "example.org"}}));
  for (const char *about :
      {"name", "webrtc.min_port", "webrtc.transport", "ffmpeg", "log.level",
          "CORE_API_READ_ONLY", "CORE_FFMPEG_MAXPROCESSES", "address",
          "webrtc.announced_addresses"}) {
    bool found = false;
    for (const std::string &wrong : loaded.errors)
      found |= wrong.starts_with (std::string (about) + ":");
    if (!found)
      g_test_message ("no error about %s", about);
    g_assert_true (found);
  }
}

void
unknown_settings_warn ()
{
  auto loaded = parse_config (
      R"({"version": 3, "rtmp": {"enable": true}, "log": {"colour": 1}})",
      environment ({}));
  g_assert_cmpuint (loaded.errors.size (), ==, 0);
  g_assert_true (loaded.warnings
      == std::vector<std::string> (
          {"rtmp: unknown setting", "log.colour: unknown setting"}));
}

void
what_belongs_together ()
{
  auto errors = [] (const char *text) {
    return parse_config (text, environment ({})).errors;
  };
  g_assert_true (errors (R"({"api": {"auth": {"enable": true}}})")
      == std::vector<std::string> (
          {"api.auth.username: must be set for api.auth.enable",
              "api.auth.password: must be set for api.auth.enable"}));
  g_assert_true (errors (R"({"tls": {"enable": true, "key_file": "x"}})")
      == std::vector<std::string>{"tls.cert_file: must be set for tls.enable"});
  g_assert_true (
      errors (R"({"api": {"auth": {"jwt": {"secret": "x"}}}})").empty ());
  // A comma is part of an expression; one that is none is told.
  auto loaded = parse_config ("",
      environment ({{"CORE_FFMPEG_ACCESS_INPUT_ALLOW", "^a{1,3} b"},
          {"CORE_FFMPEG_ACCESS_OUTPUT_BLOCK", "("},
          {"CORE_FFMPEG_ACCESS_CONFINE", "x"}}));
  g_assert_true (loaded.config.ffmpeg_access_input_allow
      == std::vector<std::string> ({"^a{1,3}", "b"}));
  g_assert_cmpuint (loaded.errors.size (), ==, 2);
}

void
broken_file ()
{
  for (const char *text :
      {"{", "[]", "nonsense", "{\"name\": \"\\u0000\"}", "/* */ {}"}) {
    auto loaded = parse_config (text, environment ({}));
    g_assert_cmpuint (loaded.errors.size (), ==, 1);
  }
  auto loaded = load_config ("/does/not/exist.json", environment ({}));
  g_assert_cmpuint (loaded.errors.size (), ==, 1);
  g_assert_nonnull (strstr (loaded.errors[0].c_str (), "/does/not/exist.json"));
}

void
addresses ()
{
  struct
  {
    const char *text, *host;
    int port;
  } const good[] = {{":8080", "", 8080}, {"0.0.0.0:1", "0.0.0.0", 1},
      {"[::1]:65535", "::1", 65535}, {"localhost:0", "127.0.0.1", 0}};
  for (const auto &g : good) {
    auto address = parse_address (g.text);
    g_assert_true (address.has_value ());
    g_assert_cmpstr (address->host.c_str (), ==, g.host);
    g_assert_cmpint (address->port, ==, g.port);
  }
  for (const char *bad : {"", "8080", "::1:80", "1.2.3.4:65536", "1.2.3.4:-1",
           "1.2.3.4:8 0", "example.org:80", "1.2.3.4:"})
    g_assert_false (parse_address (bad).has_value ());
}

void
documentation_has_the_table ()
{
  Owned<char> path (g_build_filename (g_getenv ("RTPRESTREAM_SOURCE_ROOT"),
      "docs", "configuration.md", nullptr));
  Owned<char> text;
  Owned<GError> error;
  g_file_get_contents (path.get (), out (text), nullptr, out (error));
  g_assert_null (error.get ());
  g_assert_nonnull (strstr (text.get (), config_table ().c_str ()));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/config/defaults", defaults);
  g_test_add_func ("/config/environment-wins", environment_wins_over_file);
  g_test_add_func ("/config/all-errors", all_errors_at_once);
  g_test_add_func ("/config/unknown", unknown_settings_warn);
  g_test_add_func ("/config/belongs-together", what_belongs_together);
  g_test_add_func ("/config/broken-file", broken_file);
  g_test_add_func ("/config/addresses", addresses);
  g_test_add_func ("/config/documentation", documentation_has_the_table);
  return g_test_run ();
}
