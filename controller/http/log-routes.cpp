// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"
#include "controller/log.h"

namespace restream {

namespace {

std::string
time_text (std::int64_t at_us, bool fraction)
{
  GDateTime *time = g_date_time_new_from_unix_utc (at_us / G_USEC_PER_SEC);
  Owned<char> text (g_date_time_format (time, "%Y-%m-%dT%H:%M:%S"));
  g_date_time_unref (time);
  std::string result = text.get ();
  if (fraction) {
    char digits[16];
    g_snprintf (digits, sizeof digits, ".%06d", int (at_us % G_USEC_PER_SEC));
    result += digits;
  }
  return result + "Z";
}

// In quotes, as a reader of key=value lines expects it.
std::string
quoted (const std::string &text)
{
  std::string result = "\"";
  for (char c : to_utf8 (text)) {
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (static_cast<unsigned char> (c) < 0x20 || c == 0x7f) {
      char escaped[8];
      g_snprintf (escaped, sizeof escaped, "\\x%02x", unsigned (c));
      result += escaped;
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string
line_of (const LogEvent &event)
{
  std::string line = "ts=" + time_text (event.at_us, false) + " level="
      + name_of (event.level) + " component=" + quoted (event.component)
      + " msg=" + quoted (event.message);
  if (!event.process.empty ())
    line += " id=" + quoted (event.process);
  return line;
}

void
write_raw (JsonWriter &json, const LogEvent &event)
{
  json.begin_object ()
      .member ("ts", time_text (event.at_us, true))
      .member ("component", to_utf8 (event.component))
      .member ("message", to_utf8 (event.message));
  if (!event.process.empty ())
    json.member ("id", event.process);
  json.end_object ();
}

void
log (const Request &request)
{
  bool raw = request.query.get ("format") == "raw";
  JsonWriter json;
  json.begin_array ();
  for (const LogEvent &event : log_recent ()) {
    if (raw)
      write_raw (json, event);
    else
      json.value (line_of (event));
  }
  json.end_array ();
  request.reply->json (200, std::move (json));
}

} // namespace

void
add_log_routes (Router &router)
{
  router.get ("/api/v3/log", log);
}

} // namespace restream
