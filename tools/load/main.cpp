// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/load-test.h"

#include <glib-unix.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

namespace restream::load {

namespace {

constexpr int kAllWell = 0;
constexpr int kNotWell = 1;
constexpr int kUsage = 2;

gboolean
on_signal (gpointer data)
{
  static_cast<LoadTest *> (data)->interrupt ();
  return G_SOURCE_CONTINUE;
}

int
complain (const Error &error)
{
  std::fprintf (stderr, "rtprestream-load: %s\n", error.what.c_str ());
  return error.code == Code::bad_request ? kUsage : kNotWell;
}

bool
write_text (FILE *file, const std::string &text)
{
  return std::fwrite (text.data (), 1, text.size (), file) == text.size ()
      && std::fflush (file) == 0;
}

// Over and over on one line of the terminal.
void
show_progress (const std::string &text)
{
  std::fprintf (stderr, "\r\033[K%s", text.c_str ());
  std::fflush (stderr);
}

int
real_main (int argc, char **argv)
{
  Result<Options> options = parse_options (argc, argv);
  if (!options)
    return complain (options.error ());
  if (options->version) {
    std::puts ("rtprestream-load " VERSION);
    return kAllWell;
  }
  // Before the run: it would be a pity afterwards.
  const bool json_to_stdout = options->json == "-";
  FILE *json = nullptr;
  if (json_to_stdout)
    json = stdout;
  else if (!options->json.empty ()
      && !(json = std::fopen (options->json.c_str (), "we")))
    return complain ({Code::bad_request,
        "--json: " + options->json + ": " + g_strerror (errno)});

  signal (SIGPIPE, SIG_IGN);
  const bool terminal = isatty (STDERR_FILENO);
  std::function<void (const std::string &)> progress;
  if (terminal)
    progress = show_progress;
  Result<Report> report = Error{};
  {
    LoadTest test (*options, progress);
    const guint sources[] = {
        g_unix_signal_add (SIGINT, on_signal, &test),
        g_unix_signal_add (SIGTERM, on_signal, &test),
    };
    report = test.run ();
    for (guint source : sources)
      g_source_remove (source);
  }
  if (terminal)
    std::fputs ("\r\033[K", stderr);
  if (!report)
    return complain (report.error ());

  bool written = true;
  if (!json_to_stdout)
    written = write_text (stdout, to_table (*report));
  if (json)
    written = write_text (json, to_json (*report)) && written;
  if (json && json != stdout)
    written = std::fclose (json) == 0 && written;
  if (!written)
    return complain ({Code::unavailable, "the report could not be written"});
  return report->all_well () ? kAllWell : kNotWell;
}

} // namespace

} // namespace restream::load

int
main (int argc, char **argv)
{
  return restream::load::real_main (argc, argv);
}
