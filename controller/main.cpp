// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/app.h"
#include "controller/log.h"

#include <glib-unix.h>
#include <gst/gst.h>
#include <openssl/crypto.h>

#include <csignal>
#include <cstdio>
#include <sysexits.h>

namespace restream {

namespace {

struct Options
{
  Owned<char> config_file;
  gboolean version = FALSE;
  gboolean check_config = FALSE;
  gboolean list_settings = FALSE;
};

Result<void>
parse_options (int &argc, char **&argv, Options &options)
{
  char *file = nullptr;
  const GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &file,
          "Read the configuration from FILE (default: $CORE_CONFIGFILE)",
          "FILE"},
      {"check-config", 0, 0, G_OPTION_ARG_NONE, &options.check_config,
          "Check the configuration and exit", nullptr},
      {"list-settings", 0, 0, G_OPTION_ARG_NONE, &options.list_settings,
          "Print all settings as a table and exit", nullptr},
      {"version", 0, 0, G_OPTION_ARG_NONE, &options.version,
          "Print the version and exit", nullptr},
      {},
  };
  GOptionContext *context = g_option_context_new (nullptr);
  g_option_context_set_summary (context,
      "Supervises FFmpeg and serves its streams to browsers.");
  g_option_context_add_main_entries (context, entries, nullptr);
  g_option_context_add_group (context, gst_init_get_option_group ());
  Owned<GError> error;
  bool ok = g_option_context_parse (context, &argc, &argv, out (error));
  g_option_context_free (context);
  options.config_file.reset (file);
  if (!ok)
    return Error::from (error.get (), Code::bad_request);
  if (argc > 1)
    return Error{Code::bad_request,
        std::string ("unexpected argument: ") + argv[1]};
  return {};
}

// The main loop and what SIGINT and SIGTERM do to it.
struct Running
{
  App &app;
  GMainLoop *loop;
  bool stopping = false;
};

gboolean
on_stop_signal (gpointer data)
{
  auto *running = static_cast<Running *> (data);
  if (running->stopping) {
    // Asked twice: the destructors kill what still runs.
    g_main_loop_quit (running->loop);
  } else {
    running->stopping = true;
    running->app.stop ([running] { g_main_loop_quit (running->loop); });
  }
  return G_SOURCE_CONTINUE;
}

gboolean
on_hangup (gpointer data)
{
  (void) static_cast<Running *> (data)->app.reload (); // it is in the log
  return G_SOURCE_CONTINUE;
}

int
run (Config config, std::shared_ptr<ConfigStore> store)
{
  App app (std::move (config), std::move (store));
  auto loop = Ref<GMainLoop>::adopt (g_main_loop_new (nullptr, FALSE));
  Running running{app, loop.get ()};
  guint sources[] = {
      g_unix_signal_add (SIGINT, on_stop_signal, &running),
      g_unix_signal_add (SIGTERM, on_stop_signal, &running),
      g_unix_signal_add (SIGHUP, on_hangup, &running),
  };
  int status = EX_OK;
  if (auto ok = app.start (); ok) {
    g_main_loop_run (loop.get ());
  } else {
    log_event (G_LOG_LEVEL_CRITICAL, "", ok.error ().what);
    status = EX_UNAVAILABLE;
  }
  for (guint source : sources)
    g_source_remove (source);
  log_event (G_LOG_LEVEL_INFO, "", "stopped");
  return status;
}

int
real_main (int argc, char **argv)
{
  // Otherwise exit() cleans OpenSSL up under the timers of GStreamer's DTLS (webrtcbin), which outlive their connections.
  OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, nullptr);
  Options options;
  if (auto ok = parse_options (argc, argv, options); !ok) {
    fprintf (stderr, "rtprestreamd: %s\n", ok.error ().what.c_str ());
    return EX_USAGE;
  }
  if (options.version) {
    printf ("rtprestreamd %s\n", VERSION);
    return EX_OK;
  }
  if (options.list_settings) {
    fputs (config_table ().c_str (), stdout);
    return EX_OK;
  }
  const char *file = options.config_file ? options.config_file.get ()
                                         : g_getenv ("CORE_CONFIGFILE");
  std::string path = file ? file : default_config_file (process_environment ());
  bool there = file || g_file_test (path.c_str (), G_FILE_TEST_EXISTS);
  LoadedConfig loaded = load_config (there ? path : "", process_environment ());
  for (const std::string &warning : loaded.warnings)
    fprintf (stderr, "rtprestreamd: warning: %s\n", warning.c_str ());
  for (const std::string &wrong : loaded.errors)
    fprintf (stderr, "rtprestreamd: %s\n", wrong.c_str ());
  if (!loaded.errors.empty ())
    return EX_CONFIG;
  if (options.check_config) {
    puts ("the configuration is valid");
    return EX_OK;
  }
  LogLevel level = LogLevel::info;
  parse_log_level (loaded.config.log_level, level); // valid: checked
  log_init (level);
  log_keep (loaded.config.log_max_lines);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); // a file too large is an error, not the end
  Config config = loaded.config;
  int status = run (std::move (config),
      std::make_shared<ConfigStore> (path, process_environment (),
          std::move (loaded)));
  gst_deinit (); // so that GStreamer's leak tracer has its say
  return status;
}

} // namespace

} // namespace restream

int
main (int argc, char **argv)
{
  return restream::real_main (argc, argv);
}
