// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/log.h"

#include "common/ref.h"

#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <unistd.h>

namespace restream {

namespace {

constexpr const char *kDomain = "rtprestreamd";

struct LogState
{
  LogLevel level = LogLevel::info;
  GLogLevelFlags fatal_mask = G_LOG_LEVEL_ERROR;
  bool journal = false;
};

// The last events. Libraries log on threads of their own.
struct Recent
{
  std::mutex lock;
  std::size_t most = 0;
  std::deque<LogEvent> events;
};

Recent &
recent ()
{
  static Recent the_recent;
  return the_recent;
}

void
keep (LogEvent event)
{
  Recent &kept = recent ();
  std::lock_guard guard (kept.lock);
  if (kept.most == 0)
    return;
  kept.events.push_back (std::move (event));
  while (kept.events.size () > kept.most)
    kept.events.pop_front ();
}

LogLevel
level_of (GLogLevelFlags flags)
{
  if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return LogLevel::error;
  if (flags & G_LOG_LEVEL_WARNING)
    return LogLevel::warn;
  if (flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO))
    return LogLevel::info;
  return LogLevel::debug;
}

std::string
field (const GLogField *fields, gsize count, const char *name)
{
  for (gsize i = 0; i < count; i++)
    if (strcmp (fields[i].key, name) == 0) {
      const char *text = static_cast<const char *> (fields[i].value);
      return fields[i].length < 0
          ? std::string (text)
          : std::string (text, std::size_t (fields[i].length));
    }
  return {};
}

void
write_line (GLogLevelFlags flags, const GLogField *fields, gsize count)
{
  std::string domain = field (fields, count, "GLIB_DOMAIN");
  std::string process = field (fields, count, "PROCESS_ID");
  GDateTime *now = g_date_time_new_now_utc ();
  Owned<char> time (g_date_time_format (now, "%Y-%m-%dT%H:%M:%S"));
  std::string line = time.get ();
  char fraction[16];
  g_snprintf (fraction, sizeof fraction, ".%03dZ ",
      g_date_time_get_microsecond (now) / 1000);
  g_date_time_unref (now);
  line += fraction;
  line += name_of (level_of (flags));
  if (domain != kDomain)
    line += " (" + domain + ")";
  if (!process.empty ())
    line += " [" + process + "]";
  line += ' ';
  // One line per event, whatever a process name or message holds.
  for (char c : field (fields, count, "MESSAGE"))
    line += c == '\n' || c == '\r' ? ' ' : c;
  line += '\n';
  // stderr may be a pipe that nobody reads to its end; nothing to do about it then.
  if (fwrite (line.data (), 1, line.size (), stderr) == line.size ())
    fflush (stderr);
}

GLogWriterOutput
writer (GLogLevelFlags flags, const GLogField *fields, gsize count,
    gpointer data)
{
  const auto *state = static_cast<const LogState *> (data);
  if (level_of (flags) <= state->level) {
    std::string domain = field (fields, count, "GLIB_DOMAIN");
    std::string process = field (fields, count, "PROCESS_ID");
    std::string component = domain != kDomain ? domain
        : process.empty ()                    ? "Core"
                                              : "Process";
    keep ({g_get_real_time (), level_of (flags), std::move (component),
        field (fields, count, "MESSAGE"), std::move (process)});
    if (!state->journal
        || g_log_writer_journald (flags, fields, count, nullptr)
            != G_LOG_WRITER_HANDLED)
      write_line (flags, fields, count);
  }
  if ((flags & state->fatal_mask)
      && field (fields, count, "GLIB_DOMAIN") != kDomain)
    G_BREAKPOINT ();
  return G_LOG_WRITER_HANDLED;
}

} // namespace

const char *
name_of (LogLevel level)
{
  switch (level) {
    case LogLevel::silent:
      return "SILENT";
    case LogLevel::error:
      return "ERROR";
    case LogLevel::warn:
      return "WARN";
    case LogLevel::info:
      return "INFO";
    case LogLevel::debug:
      return "DEBUG";
  }
  return "DEBUG";
}

void
log_keep (std::size_t events)
{
  Recent &kept = recent ();
  std::lock_guard guard (kept.lock);
  kept.most = events;
  while (kept.events.size () > events)
    kept.events.pop_front ();
}

std::vector<LogEvent>
log_recent ()
{
  Recent &kept = recent ();
  std::lock_guard guard (kept.lock);
  return {kept.events.begin (), kept.events.end ()};
}

bool
parse_log_level (std::string_view name, LogLevel &level)
{
  static constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"silent", LogLevel::silent},
      {"error", LogLevel::error},
      {"warn", LogLevel::warn},
      {"info", LogLevel::info},
      {"debug", LogLevel::debug},
  };
  for (const auto &[known, value] : kLevels)
    if (known == name) {
      level = value;
      return true;
    }
  return false;
}

void
log_init (LogLevel level)
{
  static LogState state;
  static bool installed = false;
  state.level = level;
  if (installed)
    return;
  installed = true;
  // GLib tells the mask only by setting it.
  state.fatal_mask = g_log_set_always_fatal (GLogLevelFlags (G_LOG_FATAL_MASK));
  g_log_set_always_fatal (state.fatal_mask);
  state.journal = g_log_writer_is_journald (STDERR_FILENO);
  g_log_set_writer_func (writer, &state, nullptr);
}

void
log_event (GLogLevelFlags level, std::string_view process,
    const std::string &text)
{
  const char *priority = level & G_LOG_LEVEL_CRITICAL ? "3"
      : level & G_LOG_LEVEL_WARNING                   ? "4"
      : level & G_LOG_LEVEL_INFO                      ? "6"
                                                      : "7";
  std::string id (process);
  const GLogField fields[] = {
      {"MESSAGE", text.c_str (), -1},
      {"PRIORITY", priority, -1},
      {"GLIB_DOMAIN", kDomain, -1},
      {"PROCESS_ID", id.c_str (), -1},
  };
  g_log_structured_array (level, fields, id.empty () ? 3 : 4);
}

} // namespace restream
