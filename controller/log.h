// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon's log: one line per event, structured for journald, plain on stderr.
#pragma once

#include <glib.h>

#include <string>
#include <string_view>

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

// An event of one process (or channel); process may be empty. The text must hold
// no token, no SDP and no key.
void log_event (GLogLevelFlags level, std::string_view process,
    const std::string &text);

} // namespace restream
