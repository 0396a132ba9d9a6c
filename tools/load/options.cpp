// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/options.h"

#include <glib.h>

#include <cmath>
#include <cstring>

namespace restream {
RESTREAM_FREE (GOptionContext, g_option_context_free);
} // namespace restream

namespace restream::load {

namespace {

constexpr double kMaxSeconds = 7 * 24 * 3600;
constexpr double kMaxTimeout = 600;
constexpr double kMaxRate = 10'000;
constexpr std::size_t kMaxTokenBytes = 8192;

Error
wrong (std::string what)
{
  return {Code::bad_request, std::move (what)};
}

bool
is_within (double value, double least, double most)
{
  return std::isfinite (value) && value >= least && value <= most;
}

Result<void>
check_url (const std::string &url)
{
  if (url.empty ())
    return wrong ("--url is missing");
  Owned<GError> error;
  Owned<GUri> uri (g_uri_parse (url.c_str (), G_URI_FLAGS_NONE, out (error)));
  if (!uri)
    return wrong ("--url: " + std::string (error->message));
  const char *scheme = g_uri_get_scheme (uri.get ());
  if (std::strcmp (scheme, "http") != 0 && std::strcmp (scheme, "https") != 0)
    return wrong ("--url: neither http nor https");
  const char *host = g_uri_get_host (uri.get ());
  if (!host || !*host)
    return wrong ("--url: no host in it");
  if (g_uri_get_userinfo (uri.get ()))
    return wrong ("--url: no user or password in it, please; there is --token");
  return {};
}

// RFC 6750, section 2.1, loosely: nothing that could end the header.
bool
is_token_text (const std::string &token)
{
  if (token.size () > kMaxTokenBytes)
    return false;
  for (char c : token)
    if (c <= ' ' || c >= 0x7f)
      return false;
  return true;
}

Result<void>
check (const Options &o)
{
  if (auto ok = check_url (o.url); !ok)
    return ok;
  if (!is_within (o.rate, 0.01, kMaxRate))
    return wrong ("--rate: not 0.01 to 10000 joins a second");
  if (!is_within (o.seconds, 0.1, kMaxSeconds))
    return wrong ("--seconds: not 0.1 to 604800");
  if (!is_within (o.settle, 0, kMaxTimeout))
    return wrong ("--settle: not 0 to 600 seconds");
  if (!is_within (o.timeout, 0.1, kMaxTimeout))
    return wrong ("--timeout: not 0.1 to 600 seconds");
  if (!is_token_text (o.token))
    return wrong ("--token: not a bearer token");
  return {};
}

Result<unsigned>
to_count (const char *option, int value, unsigned least, unsigned most)
{
  if (value < 0 || static_cast<unsigned> (value) < least
      || static_cast<unsigned> (value) > most)
    return wrong (std::string (option) + ": not " + std::to_string (least)
        + " to " + std::to_string (most));
  return static_cast<unsigned> (value);
}

std::string
text_of (char *value)
{
  Owned<char> owned (value);
  return value ? value : "";
}

} // namespace

const char *
name_of (SrtpChoice choice)
{
  switch (choice) {
    case SrtpChoice::gcm:
      return "gcm";
    case SrtpChoice::cm:
      return "cm";
    default:
      return "any";
  }
}

Result<Options>
parse_options (int argc, char **argv)
{
  Options o;
  char *url = nullptr, *json = nullptr, *srtp = nullptr, *token = nullptr;
  int viewers = 1, full = 1, threads = 0, pid = 0;
  gboolean insecure = FALSE, version = FALSE;
  const GOptionEntry entries[] = {
      {"url", 'u', 0, G_OPTION_ARG_STRING, &url, "The WHEP endpoint", "URL"},
      {"viewers", 'n', 0, G_OPTION_ARG_INT, &viewers,
          "How many viewers join (1)", "N"},
      {"rate", 'r', 0, G_OPTION_ARG_DOUBLE, &o.rate,
          "How many of them join in a second (20)", "JOINS"},
      {"seconds", 's', 0, G_OPTION_ARG_DOUBLE, &o.seconds,
          "Measure for so long, once all have joined (10)", "S"},
      {"settle", 0, 0, G_OPTION_ARG_DOUBLE, &o.settle,
          "Wait between the last join and the measurement (1)", "S"},
      {"timeout", 't', 0, G_OPTION_ARG_DOUBLE, &o.timeout,
          "Give a viewer up who has no media after so long (15)", "S"},
      {"json", 'j', 0, G_OPTION_ARG_FILENAME, &json,
          "Write the result as JSON; - for standard output", "FILE"},
      {"srtp", 0, 0, G_OPTION_ARG_STRING, &srtp,
          "Encryption to offer: gcm, cm or any (any)", "KIND"},
      {"full", 0, 0, G_OPTION_ARG_INT, &full,
          "How many viewers decrypt all that comes (1)", "N"},
      {"threads", 0, 0, G_OPTION_ARG_INT, &threads,
          "Threads that the viewers live on (0: by the cores)", "T"},
      {"token", 0, 0, G_OPTION_ARG_STRING, &token,
          "Bearer token (or in the environment: RTPRESTREAM_LOAD_TOKEN)",
          "TOKEN"},
      {"insecure", 'k', 0, G_OPTION_ARG_NONE, &insecure,
          "Do not check the server's certificate (https)", nullptr},
      {"pid", 'p', 0, G_OPTION_ARG_INT, &pid,
          "The server's process on this machine: measure it too", "PID"},
      {"version", 0, 0, G_OPTION_ARG_NONE, &version,
          "Print the version and exit", nullptr},
      {},
  };
  Owned<GOptionContext> context (g_option_context_new (nullptr));
  g_option_context_set_summary (context.get (),
      "Plays many WHEP viewers and tells how the server serves them.");
  g_option_context_set_description (context.get (),
      "Exit status: 0 all viewers got media to the end, 1 some did not, 2 "
      "wrong command line.");
  g_option_context_add_main_entries (context.get (), entries, nullptr);
  Owned<GError> error;
  const bool ok =
      g_option_context_parse (context.get (), &argc, &argv, out (error));
  o.url = text_of (url);
  o.json = text_of (json);
  o.token = text_of (token);
  const std::string kind = text_of (srtp);
  if (!ok)
    return Error::from (error.get (), Code::bad_request);
  if (argc > 1)
    return wrong (std::string ("unexpected argument: ") + argv[1]);
  o.version = version;
  o.insecure = insecure;
  if (o.version)
    return o;

  if (kind == "gcm")
    o.srtp = SrtpChoice::gcm;
  else if (kind == "cm")
    o.srtp = SrtpChoice::cm;
  else if (!kind.empty () && kind != "any")
    return wrong ("--srtp: neither gcm, cm nor any");
  auto set = [] (unsigned &to, Result<unsigned> from) -> Result<void> {
    if (!from)
      return from.error ();
    to = *from;
    return {};
  };
  unsigned process = 0;
  for (Result<void> done : {
           set (o.viewers,
               to_count ("--viewers", viewers, 1, Options::kMaxViewers)),
           set (o.full, to_count ("--full", full, 0, Options::kMaxViewers)),
           set (o.threads,
               to_count ("--threads", threads, 0, Options::kMaxThreads)),
           set (process, to_count ("--pid", pid, 0, INT32_MAX)),
       })
    if (!done)
      return done.error ();
  o.pid = static_cast<pid_t> (process);
  if (o.token.empty ())
    if (const char *from = g_getenv ("RTPRESTREAM_LOAD_TOKEN"))
      o.token = from;
  if (auto right = check (o); !right)
    return right.error ();
  return o;
}

} // namespace restream::load
