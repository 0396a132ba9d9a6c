// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon's log: one line per event, structured for journald, plain on stderr.
#pragma once

#include <glib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

enum class LogLevel
{
  silent = 1,
  error,
  warn,
  info,
  debug
};

// From "silent", "error", "warn", "info", "debug"; false when it is none of them.
bool parse_log_level (std::string_view name, LogLevel &level);

// Takes over GLib's log of the whole process. Messages of libraries that
// G_DEBUG=fatal-warnings makes fatal stay fatal; the daemon's own never are.
void log_init (LogLevel level);

// What was logged, as the log's readers get it.
struct LogEvent
{
  std::int64_t at_us = 0; // wall clock
  LogLevel level = LogLevel::info;
  std::string component; // "Process", "Core", or the library that said it
  std::string message;
  std::string process; // "" = of none
};

const char *name_of (LogLevel level); // "INFO"

// Keeps that many of the last events from now on; 0 = none. Any thread.
void log_keep (std::size_t events);
// What is kept, the oldest first. Any thread.
std::vector<LogEvent> log_recent ();

// An event of one process (or channel); process may be empty. The text must hold
// no token, no SDP and no key.
void log_event (GLogLevelFlags level, std::string_view process,
    const std::string &text);

} // namespace restream
